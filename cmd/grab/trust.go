package main

import (
	"io"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/setup"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/terminal"
	"rtmtgrab/internal/wiring"
)

func trustCmd(a *app) *cobra.Command {
	var prints []string
	cmd := &cobra.Command{
		Use:   "trust [HOST...]",
		Short: "Show host keys and pin them after you confirm",
		Long: "Shows the keys of all hosts, or of those named, and pins them in known_hosts after a yes on the terminal.\n" +
			"Compare them on the peers' consoles first. For scripts, --fingerprint pins a key that has that fingerprint and no other.\n" +
			"It logs in to jump hosts only (ssh.jump), and pins them first. Exit code 0 only if every host is pinned at the end.",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: completeHosts(a),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := a.context(cmd.Context())
			defer cancel()
			given, err := setup.ParsePrints(prints)
			if err != nil {
				return err
			}
			cfg, err := a.load(config.Options{MissingKnownHosts: true, MissingSecrets: true})
			if err != nil {
				return err
			}
			hosts, err := cfg.HostsOf(args...)
			if err != nil {
				return advice.Usage(err)
			}
			ask := a.asker()
			rep := setup.Trust(ctx, keysOut(a, ask), hosts, wiring.Ledger(cfg), given, ask)
			if !rep.OK {
				a.exit = advice.Failed
			}
			if a.json {
				return a.print(rep)
			}
			if !rep.OK {
				a.say("grab: error: not every host is pinned")
			}
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&prints, "fingerprint", nil, "pin a key with this `fingerprint` (SHA256:...) without asking; may be repeated")
	return cmd
}

// keysOut is where keys are shown: with --json only whom they are asked about sees them.
func keysOut(a *app, ask *terminal.Asker) io.Writer {
	switch {
	case !a.json:
		return a.out
	case ask != nil:
		return a.err
	}
	return io.Discard
}
