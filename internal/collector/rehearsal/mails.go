package rehearsal

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/drill"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/wiring"
	"rtmtgrab/mailwatch"
	"rtmtgrab/mailwatch/alertmail"
)

// Mails knows the mails of drills among those that the watchers see, and tells the
// drill that waits for one.
type Mails struct {
	Log    *slog.Logger
	Nonces *drill.Nonces

	mu      sync.Mutex
	waiting map[string]chan Sighting // by mark
}

// A Sighting is what became of a drill's mail.
type Sighting struct {
	drill.Step
	Alert evidence.Alert // of a mail that is on disk
}

// Await tells what becomes of the mail with that mark, until end is called.
func (d *Mails) Await(mark string) (seen <-chan Sighting, end func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waiting == nil {
		d.waiting = map[string]chan Sighting{}
	}
	c := make(chan Sighting, 8) // copies of the mail may come, and one is enough
	d.waiting[mark] = c
	return c, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.waiting, mark)
	}
}

// Sighted tells the drill that waits for a mail; false if none does.
func (d *Mails) Sighted(mark string, s Sighting) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.waiting[mark]
	if c == nil {
		return false
	}
	select {
	case c <- s:
	default: // it knows enough
	}
	return true
}

// Own is asked about every new mail of a box, before rest, which counts what comes of
// itself: a drill's mail is no canary, no heartbeat and no mail that came back.
func (d *Mails) Own(b wiring.Box, reader *alertmail.Reader, rest func(context.Context, mailwatch.Letter) mailwatch.Verdict) func(context.Context, mailwatch.Letter) mailwatch.Verdict {
	return func(ctx context.Context, l mailwatch.Letter) mailwatch.Verdict {
		mark := drill.MarkOf(l.Raw)
		if mark == "" {
			return rest(ctx, l)
		}
		a, is := reader.Read(l.Raw, l.Internal)
		if !is || !d.Nonces.Known(mark, drill.SayingOf(a, l.Text)) {
			return rest(ctx, l)
		}
		what := "in " + b.Name()
		if late := l.Seen.Sub(l.Internal); late >= 2*time.Second { // INTERNALDATE has seconds
			what += ", " + human.Span(late) + " after the mail server got it"
		}
		d.Sighted(mark, Sighting{Step: drill.Step{Step: drill.StepArrived, OK: true, What: what}})
		return mailwatch.Look
	}
}

// A Drilled is the mail of a drill that was taken and is not safe on disk yet.
type Drilled struct {
	Mark string
	Sighting
}

// Claim says of which site the mail of an alert is a drill, "" if it is none, and uses
// its nonce up.
func (d *Mails) Claim(m mailwatch.Mail) (site, mark string) {
	mark = drill.MarkOf(m.Raw)
	if mark == "" {
		return "", ""
	}
	site, why := d.Nonces.Use(mark, drill.SayingOf(m.Alert, alertmail.ReadLetter(m.Raw).Text), m.Alert.ID)
	if site != "" {
		return site, mark
	}
	d.Log.Warn("a mail has the mark of a drill and is none: it counts as an alert", "alert", m.Alert.ID[:12], "received", m.Internal, "why", why)
	d.Sighted(mark, Sighting{Step: drill.Step{Step: drill.StepArrived, What: "a mail with the mark of this drill came and counts as an alert: " + why,
		Hint: "something on the way changes or repeats mails: compare it in the mailbox with docs/operations.md"}})
	return "", ""
}

// Recognised is what an alert's mail like the drill's would come to, by the record that it
// would have.
func Recognised(rec incident.AlertRecord, site string) drill.Step {
	s := drill.Step{Step: drill.StepRecognised}
	a := rec.Alert
	routed := slices.ContainsFunc(rec.Sites, func(d incident.Decision) bool { return d.Site == site })
	switch {
	case rec.What == incident.Quarantined:
		s.What, s.Hint = "it would be quarantined: "+rec.Reason(), "alerts.from and alerts.authenticity decide; with drill.from the drill's mail has another sender"
	case rec.What == incident.Expired:
		s.What, s.Hint = "it would be expired: its time "+a.Time.Format(time.RFC3339)+" is older than mail.max_age", "compare the clocks of this machine and the mail server, and time_zone of the site"
	case !routed:
		s.What, s.Hint = "it would not go to this site: "+rec.Routed, "see clusters and nodes of the site, and routes"
	default:
		s.OK, s.What = true, "goes to "+site+": "+rec.Routed
		if a.Auth != nil {
			s.What += "; " + strings.TrimSpace(a.Auth.Why)
		}
	}
	return s
}
