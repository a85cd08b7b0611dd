package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/remote"
	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/collector/control"
	"rtmtgrab/internal/collector/rehearsal"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/drill"
)

func drillCmd(a *app) *cobra.Command {
	q := rehearsal.Ask{}
	cmd := &cobra.Command{Use: "drill [SITE]", Short: "Rehearse an alert, from the mail to the verified bundle", Args: cobra.MaximumNArgs(1),
		Long: "The running `grab watch` sends a mail like RTMT's through smtp: (or, without smtp:, puts it into the mailbox over\n" +
			"IMAP), sees it arrive, grabs a few seconds of logs from every host of the site, seals, verifies, and removes what\n" +
			"it made. Each step is shown with its time and PASS, or FAIL and the cause. A drill joins no incident and is no\n" +
			"news to any; no notification is sent. Ctrl-C ends it at once. drill: in the configuration does it by itself.\n" +
			"SITE may be left out where there is one only. Exit 0 if every step passed, 1 if not.",
		ValidArgsFunction: completeSites(a),
		RunE: func(cmd *cobra.Command, args []string) error {
			q.Site = strings.Join(args, "")
			ctx, cancel := a.context(cmd.Context())
			defer cancel()
			return runDrill(ctx, a, q)
		}}
	cmd.Flags().StringVar(&q.Mailbox, "mailbox", "", "`name` of the mailbox that the mail is to come into (default the one that a route of the site names, or the first)")
	cmd.Flags().DurationVar(&q.Wait, "wait", 5*time.Minute, "how long to wait for the mail to arrive, at most 10m")
	return cmd
}

func runDrill(ctx context.Context, a *app, q rehearsal.Ask) error {
	w, err := remote.Find(ctx, a.config)
	switch {
	case errors.Is(err, control.ErrDenied):
		return advice.WithHint(err, advice.Asker(runtime.GOOS))
	case err != nil:
		return err
	case w == nil:
		if _, err := a.load(config.Options{MissingSecrets: true, MissingKnownHosts: true}); err != nil {
			return err
		}
		return advice.WithHint(errors.New("no grab watch answers: a drill is seen and grabbed by the one that runs"), advice.Start(runtime.GOOS))
	}

	var r drill.Result
	b, err := w.Work(ctx, "/drill", q, nil, func(raw json.RawMessage) {
		var got collector.Word
		if json.Unmarshal(raw, &got) == nil && got.Drill != nil {
			drill.WriteStep(a.people(), *got.Drill)
		}
	})
	switch {
	case a.ended():
		return errors.New("stopped by you: grab watch ends the drill and removes what it made")
	case err != nil:
		return err
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return fmt.Errorf("%w: unexpected result: %w", control.ErrLost, err)
	}
	if !r.OK {
		a.exit = advice.Failed
	}
	return a.show(r, func(w io.Writer) error { return drill.WriteResult(w, r) })
}
