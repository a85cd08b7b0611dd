package main

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/checkup"
	"rtmtgrab/internal/app/remote"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/internal/terminal"
)

func checkCmd(a *app) *cobra.Command {
	var offline, tell bool
	var eml, folder string
	var timeout time.Duration
	var direct bool
	cmd := &cobra.Command{
		Use:   "check [HOST...]",
		Short: "Say what is wrong and how to fix it",
		Long: "Checks the configuration, the mailbox, every host with its logs and clock, and this machine's disk. It changes\n" +
			"nothing on a host and logs in once. `grab check HOST` checks only the hosts named, and logs in even if an earlier\n" +
			"refusal blocks it; success lifts the block. Exit code 1 if anything is marked FAIL.",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: completeHosts(a),
		RunE: func(cmd *cobra.Command, args []string) error {
			if eml != "" {
				ctx, cancel := a.context(cmd.Context())
				defer cancel()
				return checkEML(ctx, a, eml, folder, args)
			}
			q := checkup.Request{Hosts: args, Offline: offline, Notify: tell, Timeout: timeout}
			if w := runningWatcher(cmd.Context(), a, direct); w != nil {
				return checkThrough(cmd.Context(), a, w, q)
			}
			ctx, cancel := a.context(cmd.Context())
			defer cancel()
			cfg, err := a.load(config.Options{})
			if err != nil {
				return err
			}
			c, err := q.Checkup(cfg)
			if err != nil {
				return err
			}
			shown := a.findings()
			c.Tell = shown.Show
			c.Silent = func(ctx context.Context) error { return remote.Silent(ctx, a.config) }
			c.Perform(ctx, q)
			return concludeCheck(a, shown, c.Report())
		},
	}
	cmd.Flags().StringVar(&eml, "mail", "", "say what grab would do with the mail in this `file` (.eml), and why; nothing else is checked")
	cmd.Flags().StringVar(&folder, "folder", "", "with --mail: the `folder` it came into, for routes (default the first that is watched)")
	directFlag(cmd.Flags(), &direct)
	cmd.Flags().BoolVar(&offline, "offline", false, "check only the configuration and the files it names, without any connection")
	cmd.Flags().BoolVar(&tell, "notify", false, "also send a test notification to every channel of notify:")
	cmd.Flags().DurationVar(&timeout, "timeout", sshdial.DefaultTimeout, "how long a login to a host may take")
	return cmd
}

// findings shows what a check finds to people.
func (a *app) findings() *checkup.Printer {
	return &checkup.Printer{Out: a.people(), Paint: terminal.PaintFor(a.people())}
}

// concludeCheck prints the end and sets the exit code.
func concludeCheck(a *app, shown *checkup.Printer, rep checkup.Report) error {
	if !rep.OK {
		a.exit = advice.Failed
	}
	if a.json {
		return a.print(rep)
	}
	lost := shown.Conclude(rep.Checks)
	said := rep.Count()
	if !rep.OK {
		said = "grab: error: " + said
	}
	a.say("%s", said)
	return lost
}

// checkEML prints what would be done with a mail, and why.
func checkEML(ctx context.Context, a *app, file, folder string, args []string) error {
	if len(args) > 0 {
		return advice.Usage(errors.New("--mail and hosts do not go together"))
	}
	cfg, err := a.load(offline)
	if err != nil {
		return err
	}
	rep, err := checkup.PreviewMail(ctx, cfg, file, folder)
	if err != nil {
		return err
	}
	if a.json {
		return a.print(rep)
	}
	_, err = io.WriteString(a.out, rep.Text())
	return err
}
