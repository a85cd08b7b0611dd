// Command grab takes the logs of Expressway peers when RTMT reports partially
// registered phones, or when a person asks for it, and puts them into a bundle
// for an analyst. README.md shows how it is used.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	_ "time/tzdata" // sites have time zones, and Windows has no database of them

	"github.com/spf13/cobra"

	"rtmtgrab/fetch/hostconn/garbage"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/app/usage"
	"rtmtgrab/internal/version"
	"rtmtgrab/internal/version/licenses"
)

func main() {
	garbage.Within()
	first := make(chan struct{})
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !slices.Contains(os.Args[1:], "watch") {
		signal.Notify(signals, syscall.SIGHUP) // the terminal went; for watch it means reload
	}
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // whoever reads along may go before the bundle is made
	go func() {
		<-signals
		signal.Stop(signals) // a second one ends the program at once
		close(first)
	}()
	os.Exit(run(first, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// app is what all commands share. A command is a function that is given it, and what it
// does a function of what it needs.
type app struct {
	in          io.Reader
	out, err    io.Writer
	interrupted <-chan struct{} // closed by the first signal
	config      string          // --config
	json        bool            // --json
	exit        int             // of a command that came to its end; see README.md
}

// run is the program: it returns the exit code.
func run(interrupted <-chan struct{}, args []string, in io.Reader, out, errOut io.Writer) int {
	a := &app{in: in, out: out, err: errOut, interrupted: interrupted}
	root := a.root()
	root.SetArgs(args)
	if err := root.ExecuteContext(context.Background()); err != nil {
		a.json = a.json || slices.Contains(args, "--json") // a fault before it was read
		return a.fail(err)
	}
	return a.exit
}

//go:embed examples.txt
var examplesText string

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "grab",
		Short: "Copies Expressway logs before they rotate away",
		Long: "grab waits for RTMT's mails about partially registered phones, opens the logs of all Expressway\n" +
			"peers before they rotate, and writes a bundle with the minutes that matter. `grab now` does it by hand.\n" +
			"Begin with `grab demo`, then `grab init`; `grab status` says whether an alert would work now.\n" +
			"Exit codes: 0 all well, 1 failed, 2 usage or configuration; of now, retry and demo also 3 partial, 4 nothing found.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asked, _ := cmd.Flags().GetBool("version"); asked {
				return printVersion(a)
			}
			cmd.SetOut(a.err)
			return errors.Join(advice.Usage(errors.New("missing command")), cmd.Help())
		},
	}
	root.SetIn(a.in)
	root.SetOut(a.out) // before the command for completion is made, which takes it
	root.SetErr(a.err)
	flags := root.PersistentFlags()
	flags.StringVarP(&a.config, "config", "c", "", "configuration `file` (else $GRAB_CONFIG, ./grab.yaml, /etc/grab/grab.yaml, on Windows %ProgramData%\\grab\\grab.yaml)")
	flags.BoolVar(&a.json, "json", false, "print one JSON document on standard output")
	root.Flags().Bool("version", false, "print the version")
	cobra.CheckErr(root.MarkPersistentFlagFilename("config", "yaml", "yml"))
	root.SetFlagErrorFunc(usage.UnknownFlag)
	root.AddCommand(a.commands()...)
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	usage.Finish(root, usage.Examples(examplesText))
	usage.Group(root)
	if help, _, err := root.Find([]string{"help"}); err == nil {
		help.Run, help.RunE = nil, usage.HelpOf
	}
	return root
}

func (a *app) commands() []*cobra.Command {
	return []*cobra.Command{initCmd(a), watchCmd(a), statusCmd(a), reloadCmd(a), nowCmd(a), checkCmd(a), drillCmd(a), trustCmd(a), listCmd(a), configCmd(a), pauseCmd(a), resumeCmd(a), pinCmd(a), resetCmd(a), showCmd(a),
		verifyCmd(a), openCmd(a), maskCmd(a), keyCmd(a), reportCmd(a), exportCmd(a), retryCmd(a), sendCmd(a), caseCmd(a), quarantineCmd(a), demoCmd(a), hubCmd(a), serviceCmd(a), versionCmd(a), confinedCmd(a)}
}

// confinedCmd is what the program starts of itself to have logs analysed.
func confinedCmd(a *app) *cobra.Command {
	return &cobra.Command{Use: analysis.Command + " DIR", Hidden: true, Args: cobra.ExactArgs(1), RunE: func(_ *cobra.Command, args []string) error {
		return analysis.Serve(args[0], a.out, os.Exit)
	}}
}

func versionCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "version", Short: "Print the version, what it was made of, and the licences of that", Args: cobra.NoArgs}
	terms := cmd.Flags().Bool("licenses", false, "print the licences of all that is linked in")
	cmd.RunE = func(*cobra.Command, []string) error {
		if !*terms {
			return printVersion(a)
		}
		if a.json {
			return a.print(licenses.All())
		}
		_, err := io.WriteString(a.out, licenses.Text)
		return err
	}
	return cmd
}

func printVersion(a *app) error {
	if a.json {
		return a.print(version.Of())
	}
	_, err := fmt.Fprintln(a.out, "grab", version.Version)
	return err
}
