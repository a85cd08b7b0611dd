package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/collector/control"
	"rtmtgrab/internal/collector/winservice"
)

func serviceCmd(a *app) *cobra.Command {
	root := &cobra.Command{Use: "service", Short: "Run grab watch as a Windows service", Args: cobra.NoArgs,
		Long: "Manages the Windows service that runs `grab watch`: docs/windows.md shows how it is set up. All but status need\n" +
			"the rights of an administrator. Elsewhere systemd does it, see configs/grab.service.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SetOut(a.err)
			return errors.Join(advice.Usage(errors.New("missing verb: install, uninstall, start, stop, reload or status")), cmd.Help())
		}}
	root.AddCommand(
		serviceVerb(a, "install", "Install the service, its folders and its Event Log source; does not start it",
			func(context.Context) (winservice.Report, error) { return winservice.Install(a.config, a.say) }),
		serviceVerb(a, "uninstall", "Stop and remove the service; configuration, store and logs stay",
			func(ctx context.Context) (winservice.Report, error) { return winservice.Uninstall(ctx, a.say) }),
		serviceVerb(a, "start", "Start it and wait until it is ready", winservice.Start),
		serviceVerb(a, "stop", "Stop it and wait until it has stopped; open incidents go on after the next start", winservice.Stop),
		serviceVerb(a, "reload", "Reload the configuration and say what is wrong with it; if it has errors the old one stays in force",
			func(ctx context.Context) (winservice.Report, error) { return reloadService(ctx, a) }),
		serviceVerb(a, "status", "Say whether it is installed and runs; exit code 1 if it does not run",
			func(context.Context) (winservice.Report, error) {
				r, err := winservice.Status()
				if err == nil && !r.Running() {
					a.exit = advice.Failed
				}
				return r, err
			}),
	)

	return root
}

// reloadService has the running service reload by its socket, which tells the result; where
// nobody answers there, by the service manager, which does not.
func reloadService(ctx context.Context, a *app) (winservice.Report, error) {
	if r, err := winservice.Status(); err != nil {
		return r, err
	}
	done, err := askReload(ctx, a)
	switch {
	case errors.Is(err, control.ErrNone):
		return winservice.Reload(a.say)
	case err != nil:
		return winservice.Report{}, err
	}
	for _, warning := range done.Warnings {
		a.say("grab: warning: %s", warning)
	}
	a.say("reloaded %s", done.Config)
	return winservice.Status()
}

// serviceVerb is a command below `grab service`, which prints what the service is then.
func serviceVerb(a *app, use, short string, run func(context.Context) (winservice.Report, error)) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := a.context(cmd.Context())
			defer cancel()

			r, err := run(ctx)
			if err != nil {
				return err
			}
			return printService(a, r)
		}}
}

// printService prints what the service is.
func printService(a *app, r winservice.Report) error {
	if a.json {
		return a.print(r)
	}
	_, err := fmt.Fprintf(a.out, "service %s: %s\n", r.Service, r.State)
	for _, row := range []struct{ name, value string }{{"account", r.Account}, {"start", r.Start}, {"command", r.Command}, {"logs", r.Logs}} {
		if row.value != "" {
			_, err2 := fmt.Fprintf(a.out, "  %-8s %s\n", row.name, row.value)
			err = errors.Join(err, err2)
		}
	}
	return err
}
