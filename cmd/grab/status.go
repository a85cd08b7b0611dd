package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/remote"
	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/collector/control"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/redact"
)

func statusCmd(a *app) *cobra.Command {
	plugin, fleet := false, false
	cmd := &cobra.Command{Use: "status", Short: "Say whether an alert would work now, and how grab watch is doing", Args: cobra.NoArgs,
		Long: "Asks the running `grab watch`: for which sites an alert would work and why not for others,\n" +
			"mailboxes, hosts, open incidents, disk. Exit 0 if an alert would work now for every site that its schedule (quiet:)\n" +
			"has not paused, 1 if not, or if no watch answers; then it shows what the store has.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if fleet {
				return fleetStatus(cmd.Context(), a)
			}
			ctx, cancel := a.context(cmd.Context())
			defer cancel()
			r, err := askStatus(ctx, a)
			if plugin {
				return printPlugin(a, r, err)
			}
			return printStatus(a, r, err)
		}}
	cmd.Flags().BoolVar(&plugin, "check", false, "print and exit like a Nagios plugin: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN")
	cmd.Flags().BoolVar(&fleet, "fleet", false, "say instead how every collector of the fleet is: `grab hub status`")
	cmd.MarkFlagsMutuallyExclusive("check", "fleet")
	return cmd
}

// statusWait bounds the wait for a report.
const statusWait = 20 * time.Second

// askStatus is the running watcher's report; nil without an error: there is none.
func askStatus(ctx context.Context, a *app) (*status.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, statusWait)
	defer cancel()
	w, err := remote.Find(ctx, a.config)
	if err != nil || w == nil {
		return nil, err
	}
	r := &status.Report{}
	if err := w.Do(ctx, http.MethodGet, "/status", nil, r); err != nil {
		return nil, err
	}
	return r, nil
}

func printStatus(a *app, r *status.Report, err error) error {
	if r == nil {
		return noWatcher(a, err)
	}
	if !r.Works {
		a.exit = advice.Failed
	}
	if a.json {
		return a.print(r)
	}
	return r.Write(a.out)
}

func printPlugin(a *app, r *status.Report, err error) error {
	text := ""
	if r != nil {
		a.exit, text = status.Plugin(*r)
	} else {
		cfg, cfgErr := a.load(config.Options{Reading: true})
		err = unanswered(cfg, cfgErr, err)
		if a.exit = status.PluginUnknown; errors.Is(err, control.ErrSilent) || errors.Is(err, control.ErrNone) {
			a.exit = status.PluginCritical
		}
		text = status.PluginLine(a.exit, redact.Text(err.Error())) + "\n"
	}
	_, err = io.WriteString(a.out, text)
	return err
}

// noWatcher says what can be said without one, and returns why there is none.
func noWatcher(a *app, err error) error {
	out := a.out
	if a.json {
		out = a.err // standard output holds one document
	}
	cfg, cfgErr := a.load(config.Options{Reading: true})
	if cfgErr == nil {
		collector.WriteUnwatched(out, cfg, time.Now())
	}
	return unanswered(cfg, cfgErr, err)
}

// unanswered is why there is no report: who was asked and what came of it, and what is wrong
// with the configuration that says where to ask. One that this user may not read is none of that.
func unanswered(cfg *config.Config, cfgErr, err error) error {
	switch {
	case errors.Is(err, control.ErrDenied):
		return advice.WithHint(err, advice.Asker(runtime.GOOS))
	case err != nil:
		return err
	case cfgErr != nil && !errors.Is(cfgErr, fs.ErrPermission):
		return cfgErr
	case cfg != nil && cfg.Socket.Path == config.SocketNone:
		return advice.WithHint(errors.New("no control socket: socket.path is none"), "set socket.path, or use /healthz (http.listen)")
	}
	return advice.WithHint(fmt.Errorf("%w: an alert would not be seen", control.ErrNone), advice.Start(runtime.GOOS))
}
