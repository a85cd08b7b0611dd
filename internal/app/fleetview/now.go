package fleetview

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/app/progress"
	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/ask"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/wiring"
)

// person is who asks, as the chain of custody has it: the system's account and this machine.
func person() string {
	machine, _ := os.Hostname() // one without a name is said to be without
	return oneshot.Whoami() + " on " + evidence.Printable(cmp.Or(machine, "a machine without a name"), 50)
}

// Now has a collector of a site grab, whichever answers first, and shows on out how far it is.
func Now(ctx context.Context, cfg *config.Config, out io.Writer, stop <-chan struct{}, site string, q *oneshot.Request) (fleet.Grabbed, error) {
	if err := evidence.CheckName(site); err != nil {
		return fleet.Grabbed{}, advice.Usage(fmt.Errorf("--at-site: %w", err))
	}
	h, err := Connect(ctx, cfg)
	if err != nil {
		return fleet.Grabbed{}, err
	}
	defer h.Close()
	p := progress.New(out)
	defer p.Close()
	incident := ""
	a := &ask.Asker{Conn: h.Conn, What: fleet.AskNow, By: person(), Stop: stop,
		Begun: func(by string) { p.Say("collector %s grabs from site %s", by, site) },
		Said: func(raw json.RawMessage) {
			var w collector.Word
			if json.Unmarshal(raw, &w) != nil {
				return // a word of another version
			}
			switch {
			case w.Say != "":
				p.Say("%s", evidence.Printable(w.Say, 500))
			case w.Fetched != nil:
				w.Fetched.Host = evidence.Printable(w.Fetched.Host, 63)
				p.Fetched(*w.Fetched)
			case w.Event != nil:
				s := w.Event
				for _, text := range []*string{&s.What, &s.Incident, &s.Host, &s.Error, (*string)(&s.Coverage)} {
					*text = evidence.Printable(*text, 500)
				}
				incident = cmp.Or(s.Incident, incident)
				p.Event(s.Event())
			}
		}}
	_, result, err := a.Ask(ctx, site, q)
	if err != nil {
		return fleet.Grabbed{}, failed(site, incident, err)
	}
	return fleet.ParseGrabbed(site, result)
}

// failed is why nothing came back, with what to do.
func failed(site, incident string, err error) error {
	f, failure := errors.AsType[*ask.Failure](err)
	switch {
	case failure && f.Exit == advice.BadUsage:
		return advice.Usage(advice.WithHint(err, f.Hint))
	case failure:
		return advice.WithHint(err, f.Hint)
	case errors.Is(err, ask.ErrNobody):
		return advice.WithHint(err, "`grab hub status` shows which collectors reach the site and how they are; on the machine of one `grab now --site "+site+"` works without the hub")
	case errors.Is(err, ask.ErrForbidden):
		return advice.WithHint(err, forViewing)
	case errors.Is(err, ask.ErrLost) && incident != "":
		return advice.WithHint(fmt.Errorf("incident %s: %w", incident, err), "the grab goes on there by itself: `grab list --fleet --site "+site+"` has it when it is sealed")
	case errors.Is(err, ask.ErrLost):
		return advice.WithHint(err, "see `grab list --fleet --site "+site+"` in some minutes, before asking again")
	}
	return err
}

// WriteNow prints what came of a grab for people.
func WriteNow(out io.Writer, g fleet.Grabbed) error {
	clock := human.Clock{Zone: wiring.ZoneNamed(g.TimeZone)}
	fmt.Fprintf(out, "incident  %s, revision %d, of collector %s\n", g.Incident, g.Revision, g.Collector)
	if !g.Window.Until.IsZero() {
		fmt.Fprintf(out, "window    %s\n", clock.Span(g.Window.Since.Truncate(time.Second), g.Window.Until.Truncate(time.Second)))
	}
	fmt.Fprintf(out, "coverage  %s\n", human.Dash(string(g.Coverage)))
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for _, h := range g.Hosts {
		fmt.Fprintf(t, "  %s\t%s\t%s\n", h.Host, h.Coverage, h.Error)
	}
	if n := g.AllHosts - len(g.Hosts); n > 0 {
		fmt.Fprintf(t, "  and %d more\n", n)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if g.Verdict.Verdict != "" {
		fmt.Fprintf(out, "verdict   %s\n", g.Verdict.Verdict)
	}
	_, err := fmt.Fprintf(out, "bundle    %s on collector %s\n", human.Dash(g.Bundle), g.Collector)
	return err
}
