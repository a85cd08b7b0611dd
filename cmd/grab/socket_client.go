package main

import (
	"context"

	"github.com/spf13/pflag"

	"rtmtgrab/internal/app/checkup"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/app/remote"
	"rtmtgrab/internal/wiring"
)

func directFlag(fl *pflag.FlagSet, direct *bool) {
	fl.BoolVar(direct, "direct", false, "work in this process even if a grab watch runs, with files that this user can read")
}

// runningWatcher finds the grab watch that runs by the configuration this command would use,
// and says so; nil if there is none, or none for this user.
func runningWatcher(ctx context.Context, a *app, direct bool) *remote.Watcher {
	if direct {
		return nil
	}
	return remote.FindAloud(ctx, a.config, a.say)
}

func personOf(a *app) remote.Person {
	return remote.Person{Err: a.err, Findings: a.findings(), Interrupted: a.interrupted}
}

func nowThrough(ctx context.Context, a *app, w *remote.Watcher, f *oneshot.Request) error {
	o, err := w.Grab(ctx, personOf(a), "/now", f, f.Out)
	if err != nil {
		return err
	}
	if err := printOutcome(a, o, wiring.ZoneNamed(o.TimeZone)); err != nil {
		return err
	}
	sayRecovery(a, f, o.Asked, wiring.ZoneNamed(o.TimeZone))
	return nil
}

func retryThrough(ctx context.Context, a *app, w *remote.Watcher, q oneshot.RetryRequest, out string) error {
	o, err := w.Grab(ctx, personOf(a), "/retry", q, out)
	if err != nil {
		return err
	}
	return printOutcome(a, o, wiring.ZoneNamed(o.TimeZone))
}

func checkThrough(ctx context.Context, a *app, w *remote.Watcher, q checkup.Request) error {
	var rep checkup.Report
	who := personOf(a)
	if _, err := w.Ask(ctx, who, "/check", q, &rep); err != nil {
		return err
	}
	return concludeCheck(a, who.Findings, rep)
}
