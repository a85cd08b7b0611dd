package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/delivery"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/app/progress"
	"rtmtgrab/internal/app/remote"
	"rtmtgrab/internal/app/setup"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/report"
	"rtmtgrab/internal/sshdial"
)

func nowCmd(a *app) *cobra.Command {
	f, before, direct := &oneshot.Request{}, time.Duration(0), false
	var prints []string
	var elsewhere string
	cmd := &cobra.Command{
		Use:   "now [HOST...]",
		Short: "Grab the logs of now, or of --at, by hand",
		Long: "Copies the logs around a time from all hosts of a site, or from those named, and writes a bundle.\n" +
			"HOST is a name from the configuration, or user@address[:port] without any configuration.\n" +
			"If a grab watch runs with the same configuration and this user may use its socket, it does the work, over the sessions\n" +
			"it has; --direct does it here.\n" +
			"Exit codes: 0 coverage complete, 3 partial, 4 nothing of the window was found.",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: completeHosts(a),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.Hosts = args; cmd.Flags().Changed("before") {
				f.Before = &before
			}
			if elsewhere != "" {
				return nowAtSite(cmd.Context(), a, elsewhere, f)
			}
			return runNow(cmd.Context(), a, f, prints, direct)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.Site, "site", "", "`site` whose hosts to grab from")
	fl.StringVar(&f.At, "at", "", "`time` of the event: RFC 3339, 2006-01-02T15:04:05 or 15:04[:05] in the site's zone (default now)")
	fl.DurationVar(&before, "before", 0, "how much before that time (default window.before)")
	fl.DurationVar(&f.After, "after", 0, "how much after that time (default 0s)")
	fl.DurationVar(&f.Patience, "patience", runner.DefaultNowPatience, "how long to try a host, from the later of now and the end of the window")
	fl.StringSliceVar(&f.Phones, "phone", nil, "an affected phone, SEP... or its number; may be repeated")
	fl.StringVar(&f.Case, "case", "", "case number for the manifest")
	fl.StringVar(&f.Reason, "reason", "", "why the grab is made")
	fl.StringVar(&f.Out, "out", "", "`folder` for the bundle (default the store's; . without a configuration, or where this user may not read the store)")
	fl.StringVar(&f.Dir, "dir", "/mnt/harddisk/log", "folder of the logs on user@address hosts")
	fl.BoolVar(&f.NoTraces, "no-traces", false, "do not wait for CUCM's traces when the bundle is sealed")
	directFlag(fl, &direct)
	fl.StringVar(&f.Key, "key", "", "private key `file` for user@address hosts (default the first of ~/.ssh)")
	fl.StringArrayVar(&prints, "fingerprint", nil, "pin the key of a user@address host with this `fingerprint` (SHA256:...) without asking; may be repeated")
	fl.StringVar(&elsewhere, "at-site", "", "have a collector of the fleet that reaches this `site` grab, and leave the bundle there")
	for _, own := range []string{"site", "out", "dir", "direct", "key", "fingerprint", "no-traces"} {
		cmd.MarkFlagsMutuallyExclusive("at-site", own)
	}
	completeSite(a, cmd)
	return cmd
}

func runNow(ctx context.Context, a *app, f *oneshot.Request, prints []string, direct bool) error {
	if oneshot.AdhocHosts(f.Hosts) == 0 {
		if w := runningWatcher(ctx, a, direct); w != nil {
			return nowThrough(ctx, a, w, f)
		}
	}
	g, err := oneshot.Prepare(func() (*config.Config, error) { return a.load(config.Options{}) }, f)
	if err != nil {
		return err
	}
	if err := oneshot.PrepareOut(g.Out); err != nil {
		return advice.Usage(err)
	}
	if err := pinAdhoc(ctx, a, g.Adhoc, prints); err != nil {
		g.Clear(a.say) // nothing is in it yet
		return err
	}
	if a.ended() {
		return remote.ErrBeforeBegun
	}
	p := progress.New(a.err)
	store, in, err := g.Once(ctx, f, oneshot.Effort{Pool: &hostconn.Pool{}, Say: p.Say, Fetched: p.Fetched, Event: p.Event, Stop: a.interrupted})
	p.Close()
	if err != nil {
		return err
	}
	defer g.Clear(a.say) // the bundle is in --out
	if err := printResult(a, store, in, g.Zone); err != nil {
		return err
	}
	delivery.SayWaiting(in, time.Time{}, a.say)
	sayRecovery(a, f, in.Asked, g.Zone)
	return nil
}

// pinAdhoc pins the keys of user@address hosts that are not known yet.
func pinAdhoc(ctx context.Context, a *app, machines []sshdial.Config, prints []string) error {
	ctx, cancel := a.context(ctx)
	defer cancel()
	return setup.PinUnknown(ctx, a.err, machines, prints, a.asker())
}

// sayRecovery says how to get what comes after a window that ended with the event.
func sayRecovery(a *app, f *oneshot.Request, asked evidence.Window, zone *time.Location) {
	if f.After == 0 && !a.json && a.exit != advice.Lost {
		a.say("%s", oneshot.Recovery(asked, zone, time.Now()))
	}
}

// printResult prints what came of a grab and sets the exit code.
func printResult(a *app, store *incident.Store, in incident.Incident, zone *time.Location) error {
	m, err := oneshot.ManifestOf(store, in)
	if err != nil {
		return err
	}
	return printOutcome(a, oneshot.Outcome{Manifest: m, Bundle: in.Bundle}, zone)
}

// printOutcome prints an outcome and sets the exit code.
func printOutcome(a *app, o oneshot.Outcome, zone *time.Location) error {
	m := o.Manifest
	a.exit = advice.Covered(m.Coverage)
	if err := a.show(o, func(out io.Writer) error { return printManifest(out, m, zone) }); err != nil {
		return fmt.Errorf("write the result (the bundle is %s): %w", o.Bundle, err)
	}
	if a.json {
		return nil
	}
	fmt.Fprintln(a.out)
	if m.Registration != nil {
		fmt.Fprintf(a.out, "verdict   %s\n", report.VerdictLine(m.Registration, human.Clock{Zone: zone, Near: m.Asked.Until}))
	}
	if info, err := os.Stat(o.Bundle); err == nil {
		fmt.Fprintf(a.out, "bundle    %s (%s, verified)\n", o.Bundle, human.Size(info.Size()))
	}
	return nil
}
