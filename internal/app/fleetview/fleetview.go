// Package fleetview is what a person asks of a whole fleet, at a command line: how its collectors
// are, what they found out, and to have one of them grab.
//
// It asks the hub of the configuration's key fleet:, which has to answer within seconds; what is
// away is said, with what to do. It changes nothing on this machine. It does not know the
// flags, nor how collectors do what they are asked for.
package fleetview

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/fleet/sight"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/wiring"
)

// hubWait is how long is waited for the hub to answer.
const hubWait = 10 * time.Second

// Connect connects to the hub of a configuration. Its Close is due.
func Connect(ctx context.Context, cfg *config.Config) (*hub.Hub, error) {
	if cfg.Fleet == nil {
		return nil, advice.Usage(advice.WithHint(errors.New("this configuration is of no fleet: it has no key fleet"), "docs/fleet.md says how a collector joins one"))
	}
	o, err := wiring.FleetHub(cfg, slog.New(slog.DiscardHandler)) // what fails is an error of the command
	if err != nil {
		return nil, err
	}
	h, err := hub.Open(o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, hubWait)
	defer cancel()
	if err := h.Wait(ctx); err != nil {
		h.Close()
		return nil, advice.WithHint(fmt.Errorf("%w (tried for %s: %s)", err, human.Span(hubWait), strings.Join(cfg.Fleet.Servers, ", ")), "`grab check` says what is in the way of the hub")
	}
	return h, nil
}

// forViewing is what to do about credentials that are not allowed something.
const forViewing = "what a collector has lets it do what collectors do; `grab hub init` makes credentials for people who look at all of a tenant (docs/fleet.md)"

// allowed does something by the hub, and ends it at once where the hub does not allow it: otherwise
// an answer would be waited for that never comes.
func allowed(ctx context.Context, h *hub.Hub, do func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- do(ctx) }()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var refused error
	for {
		select {
		case err := <-done:
			if refused != nil {
				return advice.WithHint(fmt.Errorf("the hub does not allow these credentials to do that: %w", refused), forViewing)
			}
			return err
		case <-tick.C:
			if err := h.Denied(); err != nil {
				refused = err
				cancel()
			}
		}
	}
}

// See is how the fleet of a configuration is.
func See(ctx context.Context, cfg *config.Config) (sight.Overview, error) {
	h, err := Connect(ctx, cfg)
	if err != nil {
		return sight.Overview{}, err
	}
	defer h.Close()
	var o sight.Overview
	err = allowed(ctx, h, func(ctx context.Context) (err error) {
		o, err = sight.See(ctx, h.Stream)
		return err
	})
	return o, err
}

// WriteSee prints it for people.
func WriteSee(out io.Writer, o sight.Overview) error {
	fmt.Fprintln(out, verdict(o))
	if len(o.Collectors) == 0 {
		return nil
	}
	fmt.Fprintln(out)
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "COLLECTOR\tSTATE\tHEARD\tVERSION\tSITES\tOPEN\tWAITING\tPROBLEMS")
	for _, c := range o.Collectors {
		heard, version, sites, open, waiting, problems := "-", "-", "-", "-", "-", "-"
		if w := c.Word; w != nil {
			heard, version = human.Ago(time.Duration(c.AgeS*float64(time.Second))), human.Dash(w.Version)
			sites = fmt.Sprintf("%d of %d", w.AllSites-min(w.NotSites, w.AllSites), w.AllSites)
			open, waiting, problems = fmt.Sprint(w.Open), fmt.Sprint(w.Outbox), trouble(*w)
		}
		if c.State == sight.Silent && c.Told != "" {
			problems = "told of by " + c.Told
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.Name, c.State, heard, version, sites, open, waiting, problems)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, s := range o.Sites {
		if !s.Works && !s.Planned {
			fmt.Fprintf(out, "\nsite %s: an alert would work at none of its collectors (%s)", s.Site, strings.Join(s.Collectors, ", "))
		}
	}
	_, err := fmt.Fprintln(out)
	return err
}

// trouble are the problems of a collector in a column.
func trouble(w fleet.Status) string {
	if w.Problems == 0 {
		return "-"
	}
	const shown = 3
	s := strings.Join(w.Keys[:min(len(w.Keys), shown)], ", ")
	if n := w.Problems - min(len(w.Keys), shown); n > 0 {
		s += fmt.Sprintf(" and %d more", n)
	}
	return s
}

// verdict is the answer in a line.
func verdict(o sight.Overview) string {
	silent, blocked, unheard, sites := []string{}, []string{}, []string{}, 0
	for _, c := range o.Collectors {
		switch {
		case c.State == sight.Silent:
			silent = append(silent, c.Name)
		case c.State == fleet.StateBlocked:
			blocked = append(blocked, c.Name)
		case c.Unheard():
			unheard = append(unheard, c.Name)
		}
	}
	for _, s := range o.Sites {
		if !s.Works && !s.Planned {
			sites++
		}
	}
	var why []string
	if len(silent) > 0 {
		why = append(why, "silent: "+some(silent))
	}
	if len(blocked) > 0 {
		why = append(why, "an alert would lose something at "+some(blocked))
	}
	if len(unheard) > 0 {
		why = append(why, "nothing was heard yet of "+some(unheard))
	}
	if sites > 0 {
		why = append(why, fmt.Sprintf("no collector for %s", human.Plural(sites, "site")))
	}
	switch {
	case len(o.Collectors) == 0:
		return "No: no collector of the tenant has said anything to this hub yet."
	case len(why) > 0:
		return "No: " + strings.Join(why, "; ") + "."
	case !o.Works:
		return "No."
	}
	return fmt.Sprintf("Yes: %s, %s, all work.", human.Plural(len(o.Collectors), "collector"), human.Plural(len(o.Sites), "site"))
}

func some(names []string) string {
	const shown = 5
	if n := len(names); n > shown {
		return strings.Join(names[:shown], ", ") + fmt.Sprintf(" and %d more", n-shown)
	}
	return strings.Join(names, ", ")
}

// Forget has the hub forget a collector that is gone for good.
func Forget(ctx context.Context, cfg *config.Config, name string) error {
	if err := fleet.CheckName(name); err != nil {
		return advice.Usage(fmt.Errorf("collector %s: %w", evidence.Printable(name, 100), err))
	}
	h, err := Connect(ctx, cfg)
	if err != nil {
		return err
	}
	defer h.Close()
	return sight.Forget(ctx, h.Stream, name)
}

// Figures are the metrics of a fleet. end is due.
func Figures(ctx context.Context, cfg *config.Config, log *slog.Logger) (f *sight.Figures, end func(), err error) {
	h, err := Connect(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	return &sight.Figures{Hub: func() (*hub.Hub, error) { return h, h.Down() }, Log: log}, h.Close, nil
}
