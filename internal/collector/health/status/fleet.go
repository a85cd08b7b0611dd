package status

import (
	"fmt"
	"math"
	"time"

	"rtmtgrab/internal/human"
	"rtmtgrab/internal/tlsfault"
)

// A Fleet is the collector's place among others, and what waits for them.
type Fleet struct {
	Tenant string    `json:"tenant"`
	Name   string    `json:"name"` // the collector's
	Hub    string    `json:"hub"`  // one of Hub…
	Why    string    `json:"why,omitempty"`
	Since  time.Time `json:"since,omitzero"` // it is so

	Outbox  int       `json:"outbox"` // alerts for other collectors that the hub does not have yet
	Bytes   int64     `json:"outbox_bytes"`
	Oldest  time.Time `json:"oldest,omitzero"` // since when the oldest of them waits
	Full    time.Time `json:"outbox_full,omitzero"`
	Unsent  int       `json:"unsent"`  // alerts in the journal for which there was no room in it
	Refused int       `json:"refused"` // what came or was to go and can be no alert, since the start

	Expires time.Time      `json:"certificate_until,omitzero"` // of the server that is connected
	Failing []FleetFailure `json:"failing,omitempty"`
	Behind  []FleetBehind  `json:"behind,omitempty"`

	Alone bool `json:"-"` // alerts come by the fleet and no other way
	Left  bool `json:"-"` // the configuration has no fleet any more, and alerts wait for it; there is no Name then
}

// A FleetFailure is what does not get its work done although the hub is connected.
type FleetFailure struct {
	What  string    `json:"what"` // a work, or "site NAME": its alerts are not heard
	Site  string    `json:"site,omitempty"`
	Error string    `json:"error"`
	Since time.Time `json:"since"`
}

// A FleetBehind is what waits at the hub for this collector, of sites whose alerts it hears together.
type FleetBehind struct {
	Sites   []string  `json:"sites"`
	Waiting uint64    `json:"waiting"`
	Heard   time.Time `json:"heard,omitzero"` // when the one that was heard last came to the hub, by the hub's clock
	LastsS  float64   `json:"lasts_s"`        // for which something has waited
	LeftS   float64   `json:"left_s"`         // until all of it is heard, at the pace until now
	WaitS   float64   `json:"wait_s"`         // of an alert that comes now
	Beside  bool      `json:"beside"`         // what comes now is heard beside what is old
}

// What Fleet.Hub says.
const (
	HubConnected = "connected"
	HubDown      = "down"
)

// How long something may last before it is a problem.
const (
	hubDownFor   = time.Minute
	outboxFor    = 2 * time.Minute
	notHeardFor  = time.Minute
	lateFor      = 30 * time.Second // that an alert that comes now waits behind others
	outboxAction = "alerts for other collectors are safe here and are sent as soon as the hub takes them"
)

// JudgeFleet adds what keeps the fleet from what it adds. An alert of an own site loses nothing
// by it, unless it could come by the fleet alone.
func JudgeFleet(r *Report) {
	f := r.Fleet
	if f == nil {
		return
	}
	if f.Left { // nothing is tried
		r.Add(Problem{Key: "fleet/hub", Since: f.Since, Blocks: f.Alone, What: "the hub of the fleet cannot be asked: " + f.Why,
			Hint: "put `fleet:` back until they are sent (`grab reload`), or remove the files in " + r.Store + "/fleet/outbox and restart grab watch: nothing is sent without"})
		return
	}
	if f.Hub == HubDown && (f.Alone || r.Now.Sub(f.Since) >= hubDownFor) {
		r.Add(Problem{Key: "fleet/hub", Since: f.Since, Blocks: f.Alone, What: "the hub of the fleet cannot be asked: " + f.Why,
			Hint: "`grab check` says what is wrong with it; it is tried again by itself, and " + outboxAction})
	}
	switch {
	case !f.Full.IsZero() || f.Unsent > 0:
		what := "too many alerts wait for other collectors (" + human.Plural(f.Outbox, "alert") + ", " + human.Size(f.Bytes) + ")"
		if f.Unsent > 0 {
			what += "; " + human.Plural(f.Unsent, "further one") + " of the last day stay in the journal until there is room"
		}
		r.Add(Problem{Key: "fleet/outbox", Since: f.Full, What: what, Hint: "bring the hub back (`grab check`): " + outboxAction})
	case f.Outbox > 0 && r.Now.Sub(f.Oldest) >= outboxFor:
		r.Add(Problem{Key: "fleet/outbox", Since: f.Oldest, What: alertsWait(f.Outbox) + " for other collectors, the oldest since " + clockTime(f.Oldest, r.Now, nil),
			Hint: "is the hub there, and does it take them? `grab check`; " + outboxAction})
	}
	if f.Refused > 0 {
		r.Add(Problem{Key: "fleet/refused", What: human.Plural(f.Refused, "message") + " from or for the fleet can be no alert since the start; nothing was grabbed for " + them(f.Refused),
			Hint: "see the log of grab watch and the files in " + r.Store + "/fleet/refused and " + r.Store + "/fleet/outbox: does another program, or a much older grab, publish to the hub?"})
	}
	for _, e := range f.Failing {
		if r.Now.Sub(e.Since) < notHeardFor {
			continue
		}
		p := Problem{Key: "fleet/work", Since: e.Since, What: "work by the hub of the fleet fails (" + e.What + "): " + e.Error, Hint: "`grab check` says what of the hub is missing or not allowed; all else goes on"}
		if e.Site != "" {
			p.Key, p.Sites, p.Blocks = "fleet/site/"+e.Site, []string{e.Site}, f.Alone
			p.What = "alerts of site " + e.Site + " that other collectors see do not come: " + e.Error
		}
		r.Add(p)
	}
	for _, b := range f.Behind {
		judgeBehind(r, b, f.Alone)
	}
	if left := f.Expires.Sub(r.Now); !f.Expires.IsZero() && left < tlsfault.ExpiresSoon {
		r.Add(Problem{Key: "fleet/certificate", What: "the certificate of the hub's server " + tlsfault.Expiring(left) + ": who is connected stays so, and nobody else is let in then",
			Hint: "`grab hub init DIR` makes a new one: take the server's folder to it (docs/fleet.md, Certificates)"})
	}
}

// judgeBehind adds that alerts wait at the hub for this collector, in the way of what comes now or not.
func judgeBehind(r *Report, b FleetBehind, alone bool) {
	late := seconds(b.WaitS) >= lateFor
	if !late && seconds(b.LastsS) < notHeardFor {
		return
	}
	p := Problem{Key: "fleet/behind", Since: r.Now.Add(-seconds(b.LastsS)), Hint: "it hears them one after the other, and needs nobody for that; if the number does not fall: is the store's disk slow, or does a program publish to the hub? See the log of grab watch"}
	what := alertsWait(int(min(b.Waiting, math.MaxInt32))) + " at the hub for this collector"
	if !b.Heard.IsZero() {
		what += ", the last that was heard came there " + human.Ago(max(0, r.Now.Sub(b.Heard)))
	}
	if late {
		p.Blocks, p.Sites = alone, b.Sites
		p.What = "an alert of " + few(b.Sites) + " that another collector sees now is heard some " + human.Span(seconds(b.WaitS)) + " late: " + what
	} else {
		p.What = "old alerts of " + few(b.Sites) + " are still to be heard: " + what + "; that takes some " + human.Span(seconds(b.LeftS)) + ", and what comes now does not wait for it"
	}
	r.Add(p)
}

func alertsWait(n int) string {
	if n == 1 {
		return "1 alert waits"
	}
	return fmt.Sprintf("%d alerts wait", n)
}

func writeFleet(w *writer, f *Fleet) {
	if f == nil {
		return
	}
	w.line("\nfleet")
	state := "connected since " + w.when(f.Since)
	if f.Hub == HubDown {
		state = "down since " + w.when(f.Since) + ": " + f.Why
	}
	if f.Name == "" {
		w.line("  in none any more")
	} else {
		w.line("  %s of tenant %s: hub %s", f.Name, f.Tenant, state)
	}
	if f.Outbox > 0 {
		w.line("  %s for other collectors, the oldest since %s", alertsWait(f.Outbox), w.when(f.Oldest))
	}
	if f.Unsent > 0 {
		w.line("  %s in the journal until there is room", alertsWait(f.Unsent))
	}
	for _, b := range f.Behind {
		w.line("  %s at the hub for this collector (%s); one that comes now is heard within %s", alertsWait(int(min(b.Waiting, math.MaxInt32))), few(b.Sites), human.Span(max(time.Second, seconds(b.WaitS))))
	}
	for _, e := range f.Failing {
		w.line("  %s: %s", e.What, e.Error)
	}
}
