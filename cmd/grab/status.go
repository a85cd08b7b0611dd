package main

import (
	"context"
	"errors"
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
)

func statusCmd(a *app) *cobra.Command {
	return &cobra.Command{Use: "status", Short: "Say whether an alert would work now, and how grab watch is doing", Args: cobra.NoArgs,
		Long: "Asks the running `grab watch`: for which sites an alert would work and why not for others,\n" +
			"mailboxes, hosts, open incidents, disk. Exit 0 if an alert would work now for every site that its schedule (quiet:)\n" +
			"has not paused, 1 if not, or if no watch answers; then it shows what the store has.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := a.context(cmd.Context())
			defer cancel()
			return runStatus(ctx, a)
		}}
}

// statusWait bounds the wait for a report.
const statusWait = 20 * time.Second

func runStatus(ctx context.Context, a *app) error {
	ctx, cancel := context.WithTimeout(ctx, statusWait)
	defer cancel()
	w, err := remote.Find(ctx, a.config)
	var r status.Report
	if err == nil && w != nil {
		err = w.Do(ctx, http.MethodGet, "/status", nil, &r)
	}
	if err != nil || w == nil {
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
	switch {
	case errors.Is(err, control.ErrDenied):
		return advice.WithHint(err, advice.Asker(runtime.GOOS))
	case err != nil:
		return err
	case cfgErr != nil:
		return cfgErr
	case cfg.Socket.Path == config.SocketNone:
		return advice.WithHint(errors.New("no control socket: socket.path is none"), "set socket.path, or use /healthz (http.listen)")
	}
	return advice.WithHint(errors.New("no grab watch answers: an alert would not be seen"), advice.Start(runtime.GOOS))
}
