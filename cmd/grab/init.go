package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/checkup"
	"rtmtgrab/internal/app/setup"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/wiring"
)

func initCmd(a *app) *cobra.Command {
	f := &setup.Answers{}
	var preset setup.Answers
	var prints []string
	noCheck := false
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write grab.yaml, pin host keys, check everything",
		Long: "Writes a commented configuration: ./grab.yaml, on Windows %ProgramData%\\grab\\grab.yaml, or what --config or $GRAB_CONFIG names. It is made\n" +
			"from flags or, on a terminal, from answers to questions, each checked and tried at once. Then the hosts' keys are pinned as by `grab trust`,\n" +
			"and `grab check` runs. An existing file is never overwritten. If it is interrupted, the answers so far are kept beside the file (.answers)\n" +
			"and offered again. Passwords, tokens and keys stay in files of their own (mode 0600), which the configuration names; a password that is\n" +
			"typed is not shown, and written to such a file. Microsoft 365 and Google take no passwords: --mail-auth, or the server's name, selects\n" +
			"OAuth2 (docs/mailbox.md).",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := a.context(cmd.Context())
			defer cancel()
			given, err := setup.ParsePrints(prints)
			if err != nil {
				return err
			}
			ask, pool := a.asker(), &hostconn.Pool{}
			talk := &setup.Interview{Answers: f, Preset: preset, Ask: ask, Prints: given}
			if !noCheck {
				talk.Pool = pool
			}
			defer talk.Close()
			path := a.config
			if path == "" {
				path = os.Getenv("GRAB_CONFIG")
			}
			cfg, err := talk.Configure(ctx, path, a.say)
			if err != nil {
				return err
			}
			a.config = cfg.Path
			if noCheck && len(given) == 0 && ask == nil {
				return concludeInit(a, cfg)
			}
			return tryOut(ctx, a, cfg, talk, noCheck)
		},
	}
	answerFlags(cmd, f)
	preset = *f
	fl := cmd.Flags()
	fl.StringArrayVar(&prints, "fingerprint", nil, "pin a host key with this `fingerprint` (SHA256:...) without asking; may be repeated")
	fl.BoolVar(&noCheck, "no-check", false, "skip the check at the end; without a terminal and --fingerprint contact nobody at all")
	return cmd
}

// initReport is the JSON of `grab init`.
type initReport struct {
	OK     bool   `json:"ok"` // the configuration is written, every host is pinned, nothing failed
	Config string `json:"config"`
	setup.TrustReport
	Checks []checkup.Finding `json:"checks"` // empty if no check was made
}

// concludeInit ends an init that contacts nobody.
func concludeInit(a *app, cfg *config.Config) error {
	a.say("grab: hint: pin the hosts' keys with `grab trust`, then run `grab check`")
	if a.json {
		return a.print(initReport{OK: true, Config: cfg.Path, TrustReport: setup.TrustReport{OK: true, Hosts: []setup.TrustHost{}, Warnings: []string{}}, Checks: []checkup.Finding{}})
	}
	return nil
}

// tryOut pins the hosts' keys and runs the check with the new configuration.
func tryOut(ctx context.Context, a *app, cfg *config.Config, talk *setup.Interview, noCheck bool) error {
	hosts, err := cfg.HostsOf()
	if err != nil {
		return err
	}
	rep := initReport{Config: cfg.Path, TrustReport: setup.Trust(ctx, keysOut(a, talk.Ask), hosts, wiring.Ledger(cfg), talk.Prints, talk.Ask), Checks: []checkup.Finding{}}
	rep.OK = rep.TrustReport.OK
	if !rep.OK {
		a.say("grab: hint: not every host is pinned: run `grab trust`, then `grab check`")
	}
	full, err := config.Load(cfg.Path) // known_hosts must be there by now
	if err == nil && !noCheck && ctx.Err() == nil {
		c := &checkup.Checkup{Cfg: full, Hosts: hosts, Pool: talk.Pool, Lender: "grab init", Tell: a.findings().Show}
		c.Run(ctx)
		checked := c.Report()
		a.findings().Conclude(checked.Checks)
		rep.OK, rep.Checks = rep.OK && checked.OK, checked.Checks
	}
	if !rep.OK {
		a.exit = advice.Failed
	}
	if a.json {
		return a.print(rep)
	}
	return nil
}
