package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/remote"
	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/collector/control"
	"rtmtgrab/internal/config"
)

// reloadLimit bounds the wait for a reload.
const reloadLimit = 25 * time.Second

func reloadCmd(a *app) *cobra.Command {
	return &cobra.Command{Use: "reload", Short: "Have the running grab watch read its configuration again, and say whether it did", Args: cobra.NoArgs,
		Long: "Waits until the new configuration is in force. If it has errors they are printed, the old one stays in force, and\n" +
			"`grab status` says so until a reload succeeds. Root and the user of grab watch may ask for it.\n" +
			"Exit 0 if the new configuration is in force, 2 if it has errors, 1 if no watch answers or it failed otherwise.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := a.context(cmd.Context())
			defer cancel()
			r, err := askReload(ctx, a)
			if err != nil {
				return err
			}
			return printReloaded(a, r)
		}}
}

// askReload has the watcher reload and waits for the result.
func askReload(ctx context.Context, a *app) (r collector.Reloaded, err error) {
	if _, err := config.Find(a.config); err != nil && a.config != "" {
		return r, advice.Usage(err)
	}
	ctx, cancel := context.WithTimeout(ctx, reloadLimit)
	defer cancel()
	w, err := remote.Find(ctx, a.config)
	switch {
	case errors.Is(err, control.ErrDenied):
		return r, advice.WithHint(err, advice.Asker(runtime.GOOS))
	case err != nil:
		return r, err
	case w == nil:
		if _, err := a.load(offline); err != nil { // it may say where the watcher answers
			return r, err
		}
		return r, advice.WithHint(control.ErrNone, "start it, or where socket.path is none send it SIGHUP: systemctl kill --signal=HUP --kill-who=main grab")
	}
	return r, w.Do(ctx, http.MethodPost, "/reload", nil, &r)
}

func printReloaded(a *app, r collector.Reloaded) error {
	for _, warning := range r.Warnings {
		a.say("grab: warning: %s", warning)
	}
	if a.json {
		return a.print(r)
	}
	_, err := fmt.Fprintln(a.out, "reloaded", r.Config)
	return err
}
