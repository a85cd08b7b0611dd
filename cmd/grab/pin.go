package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/app/inventory"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/app/retention"
)

func pinCmd(a *app) *cobra.Command {
	q := retention.PinAsk{}
	var direct bool
	cmd := &cobra.Command{Use: "pin INCIDENT", Short: "Keep an incident and its bundles from being removed", Args: cobra.ExactArgs(1), ValidArgsFunction: completeIncident(a, true),
		Long: "INCIDENT is its ID, a bundle of it, or @last. What is pinned stays, whatever keep.age, keep.size and keep.free say,\n" +
			"until `grab pin --off`. It is written into the custody of the bundles. `grab list` shows what is pinned.",
		RunE: func(cmd *cobra.Command, args []string) error { return runPin(cmd.Context(), a, args[0], q, direct) }}
	cmd.Flags().StringVar(&q.Reason, "reason", "", "why: shown by grab list and in the custody of its bundles")
	cmd.Flags().BoolVar(&q.Off, "off", false, "unpin it: keep.age, keep.size and keep.free apply again")
	directFlag(cmd.Flags(), &direct)
	return cmd
}

func runPin(ctx context.Context, a *app, name string, q retention.PinAsk, direct bool) (err error) {
	ctx, cancel := a.context(ctx)
	defer cancel()
	q.Incident, err = a.finder().Incident(name)
	unseen := name == inventory.Last && errors.Is(err, fs.ErrPermission) // the watcher knows it
	if err != nil && (!unseen || direct) {
		return err
	}
	if unseen {
		q.Incident = name
	}
	var p retention.Pinned
	if w := runningWatcher(ctx, a, direct); w != nil {
		err = w.Do(ctx, http.MethodPost, "/pin", q, &p)
	} else if !unseen {
		store, errStore := openStore(a)
		if errStore != nil {
			return errStore
		}
		p, err = retention.Pin(ctx, store, q, oneshot.Whoami(), time.Now())
	}
	if err != nil {
		return err
	}
	for _, n := range p.Notes {
		a.say("grab: warning: %s", n)
	}
	if a.json {
		return a.print(p)
	}
	_, err = fmt.Fprintln(a.out, p.Line())
	return err
}
