package scenario

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/mra"
)

// A Scenario is a site to which something happens, and what a report made from its
// logs alone may say about it. It is data; Play lets it take place.
type Scenario struct {
	Name  string // fit for a file name
	About string // one sentence

	Site   mra.SiteConfig           // without C and E
	Pairs  int                      // of peers: expc01 and expe01, expc02 and expe02, …; zero: 2
	Level  string                   // of the logs; zero: DEBUG
	Clocks map[string]time.Duration // by host, its clock minus the real one
	Before time.Duration            // for so long phones were registered when the logs begin; zero: they begin together
	Length time.Duration            // of the logs; zero: 20 minutes
	Steps  []Step
	Alert  time.Duration // after the logs' beginning one was raised; zero: none
	Names  []int         // the phones that the alert names

	LeaveOut []string // hosts whose logs the analysis does not get
	Holes    []Hole   // what is missing from the others, as a manifest says
	Edits    []Edit   // what is missing, and nobody says so
	Want     Want
}

// A Step is an Event so long after the logs' beginning; its At does not count.
type Step struct {
	After time.Duration
	Event mra.Event
}

// A Log is one file of a Scenario's that the analysis gets.
type Log struct {
	Host, Role, Family string
	Path               string
	Zone               *time.Location
	Clock              time.Duration // the host's clock minus the real one; an analysis need not be told
	Missing            []Span        // of the scenario's holes
}

// A Played is a Scenario that took place.
type Played struct {
	Scenario
	Site         *mra.Site
	C, E         []*lab.Expressway
	Since, Until time.Time // by the real clock
	AlertAt      time.Time // zero: none was raised
}

// Play lets a scenario take place at once, so that its logs end at until, and
// leaves them in a folder for each host under dir. Close the result.
func (sc Scenario) Play(ctx context.Context, dir string, until time.Time) (_ *Played, err error) {
	sc.setDefaults()
	p := &Played{Scenario: sc, Since: until.Add(-sc.Length), Until: until}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("play %s: %w", sc.Name, err), p.Close())
		}
	}()
	for i := 1; i <= sc.Pairs; i++ {
		for _, role := range []string{"C", "E"} {
			e, err := sc.peer(ctx, dir, role, i)
			if err != nil {
				return nil, err
			}
			if role == "C" {
				p.C = append(p.C, e)
			} else {
				p.E = append(p.E, e)
			}
		}
	}
	cfg := sc.Site
	cfg.C, cfg.E = p.C, p.E
	if sc.Before > 0 {
		cfg.LogFrom = p.Since
	}
	if p.Site, err = mra.NewSite(cfg); err != nil {
		return nil, err
	}
	for _, st := range sc.Steps {
		st.Event.At = p.Since.Add(st.After)
		if err := p.Site.Schedule(st.Event); err != nil {
			return nil, err
		}
	}
	if sc.Alert != 0 {
		p.AlertAt = p.Since.Add(sc.Alert)
	}
	p.Site.BackfillUntil(p.Since.Add(-sc.Before), until)
	return p, p.edit()
}

func (sc *Scenario) setDefaults() {
	if sc.Pairs == 0 {
		sc.Pairs = 2
	}
	if sc.Length == 0 {
		sc.Length = 20 * time.Minute
	}
	if sc.Site.Seed == 0 {
		for _, c := range sc.Name {
			sc.Site.Seed = lab.Mix(sc.Site.Seed ^ uint64(c))
		}
	}
}

func (sc *Scenario) peer(ctx context.Context, dir, role string, i int) (*lab.Expressway, error) {
	name := fmt.Sprintf("exp%s%02d", strings.ToLower(role), i)
	ip := fmt.Sprintf("10.0.30.%d", 1+i)
	if role == "E" {
		ip = fmt.Sprintf("10.0.40.%d", 4+i)
	}
	return lab.NewExpressway(ctx, lab.ExpresswayConfig{Name: name, Role: role, IP: ip, Dir: filepath.Join(dir, name), ClockOffset: sc.Clocks[name],
		Logs: lab.LogConfig{Level: sc.Level, Rate: 0.3, RotateSize: -1, Zone: time.FixedZone("EST", -5*3600), Seed: sc.Site.Seed}})
}

// Seen tells whether the analysis gets a log in which the phone with that index
// stands; of others a report cannot speak.
func (p *Played) Seen(phone int) bool {
	device := p.Site.Devices()[phone]
	for _, h := range p.Site.Happened() {
		if h.Device == device && h.What != mra.Dropped && !h.Time.Before(p.Since) && (!slices.Contains(p.LeaveOut, h.C) || !slices.Contains(p.LeaveOut, h.E)) {
			return true
		}
	}
	return false
}

// Named are the devices that the alert names; it is never nil.
func (p *Played) Named() []string {
	out := []string{}
	for _, i := range p.Names {
		out = append(out, p.Site.Devices()[i])
	}
	return out
}

// peers are the Expressways, the Cs first.
func (p *Played) peers() []*lab.Expressway { return slices.Concat(p.C, p.E) }

// Logs are the files for the analysis, C peers first.
func (p *Played) Logs() []Log {
	var out []Log
	for _, e := range p.peers() {
		if slices.Contains(p.LeaveOut, e.Name()) {
			continue
		}
		for _, family := range e.Logs().Families {
			out = append(out, Log{Host: e.Name(), Role: e.Role(), Family: family, Path: filepath.Join(e.Dir(), family),
				Zone: e.Logs().Zone, Clock: p.Clocks[e.Name()], Missing: p.missing(e.Name())})
		}
	}
	return out
}

// Close stops the Site and its Expressways; the logs stay.
func (p *Played) Close() error {
	if p.Site != nil {
		p.Site.Close()
	}
	var err error
	for _, e := range p.peers() {
		err = errors.Join(err, e.Close())
	}
	return err
}
