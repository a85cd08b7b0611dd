package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/checkup"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/sshdial"
)

func (a *app) checkCmd() *cobra.Command {
	var offline, tell bool
	var eml, folder string
	var timeout time.Duration
	var direct bool
	cmd := &cobra.Command{
		Use:   "check [HOST...]",
		Short: "Say what is wrong and how to mend it",
		Long: "Checks the configuration, the mailbox, the way to every host, its logs, its clock, and this machine's disk. It changes\n" +
			"nothing on a host and logs in once. `grab check HOST` looks at the hosts named alone, and logs in although an earlier\n" +
			"refusal forbids it: if that succeeds the block is lifted. Exit code 1 if anything is marked FAIL.",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if eml != "" {
				ctx, cancel := a.context(cmd.Context())
				defer cancel()
				return a.checkEML(ctx, eml, folder, args)
			}
			q := checkup.Request{Hosts: args, Offline: offline, Notify: tell, Timeout: timeout}
			if w := a.watcher(cmd.Context(), direct); w != nil {
				return a.checkThrough(cmd.Context(), w, q)
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
			c.Tell = a.showFinding
			c.Perform(ctx, q)
			return a.concludeCheck(c.Report())
		},
	}
	cmd.Flags().StringVar(&eml, "mail", "", "print what would be done with the mail in this `file` (.eml), and why; nothing else is checked")
	cmd.Flags().StringVar(&folder, "folder", "", "with --mail: the `folder` that it came into, for routes; without it the first that is watched")
	directFlag(cmd.Flags(), &direct)
	cmd.Flags().BoolVar(&offline, "offline", false, "judge the configuration and what it names on this machine, contact nobody")
	cmd.Flags().BoolVar(&tell, "notify", false, "send a test by every way of notify: too")
	cmd.Flags().DurationVar(&timeout, "timeout", sshdial.DefaultTimeout, "how long a host may take until it has let us in")
	return cmd
}

// showFinding prints it for people.
func (a *app) showFinding(f checkup.Finding, width int) {
	if a.json {
		return
	}
	fmt.Fprintf(a.out, "%-4s  %-*s  %-13s  %s\n", f.Status, width, human.Dash(f.Host), f.What, f.Detail)
	if f.Hint != "" {
		fmt.Fprintf(a.out, "      hint: %s\n", f.Hint)
	}
}

// concludeCheck prints the end and sets the exit code.
func (a *app) concludeCheck(rep checkup.Report) error {
	if !rep.OK {
		a.exit = advice.Failed
	}
	if a.json {
		return a.print(rep)
	}
	count := map[string]int{}
	for _, f := range rep.Checks {
		count[f.Status]++
	}
	prefix := ""
	if !rep.OK {
		prefix = "grab: error: "
	}
	a.say("%s%d ok, %d to look at, %d failed", prefix, count[checkup.StatusOK], count[checkup.StatusWarn], count[checkup.StatusFail])
	return nil
}

// checkEML prints what would be done with a mail, and why.
func (a *app) checkEML(ctx context.Context, file, folder string, args []string) error {
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
