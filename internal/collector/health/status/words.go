package status

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
)

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// writer writes for a terminal.
type writer struct {
	*bufio.Writer
	now   time.Time
	clock human.Clock
}

// line writes one with its times, which are UTC, as this clock shows them.
func (w *writer) line(format string, args ...any) {
	fmt.Fprintln(w, w.clock.Say(fmt.Sprintf(format, args...)))
}

const clockForm = "2006-01-02 15:04:05 UTC"

// when words a moment, "never" if there was none.
func (w *writer) when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(clockForm) + ", " + human.Span(max(w.now.Sub(t), 0)) + " ago"
}

// left words how long it is until t.
func (w *writer) left(t time.Time) string { return human.Span(max(t.Sub(w.now), 0)) }

// Write writes the report for a person: in the zone that all sites have, else this machine's.
func (r Report) Write(out io.Writer) error {
	w := &writer{bufio.NewWriter(out), r.Now, r.clock()}
	r.verdict(w)
	w.line("\nmailboxes")
	for _, m := range r.Mailboxes {
		w.mailbox(m)
	}
	if r.Senders != "" {
		w.line("  %s", r.Senders)
	}
	if len(r.Polls) > 0 {
		w.line("\npolls of CUCM")
	}
	for _, l := range r.Polls {
		w.poll(l)
	}
	writeAccounts(w, r.CUCM)
	if r.Webhook != nil {
		w.webhook(*r.Webhook)
	}
	writeFleet(w, r.Fleet)
	w.line("\nlast mail of each cluster")
	if len(r.Clusters) == 0 {
		w.line("  none yet")
	}
	for _, c := range r.Clusters {
		if c.Mail.IsZero() {
			w.line("  %s: none within 30 days", c.Name)
			continue
		}
		w.line("  %s: %s", c.Name, w.when(c.Mail))
	}
	w.line("\nhosts")
	for _, h := range r.Hosts {
		w.host(h)
	}
	if len(r.Incidents) > 0 {
		w.line("\nopen incidents")
		w.incidents(r.Incidents)
	}
	w.queue(r.Queue)
	if len(r.Handover) > 0 {
		w.line("\nhandover")
	}
	for _, d := range r.Handover {
		w.destination(d)
	}
	writeMaterial(w, r)
	writeResets(w, r.Resets)
	writeDiagnostics(w, r.Diagnostics)
	r.rest(w)
	return w.Flush()
}

func (r Report) clock() human.Clock {
	c := human.Clock{Zone: time.Local, Near: r.Now}
	if zone, err := time.LoadLocation(r.TimeZone); err == nil && r.TimeZone != "" {
		c.Zone = zone
	}
	return c
}

func (r Report) verdict(w *writer) {
	switch head := r.Headline(); {
	case !r.Works || !r.all(Site.works):
		w.line("%s", head)
	case len(r.Problems) > 0:
		w.line("%s, but:", head)
	default:
		w.line("%s.", head)
	}
	for _, p := range r.Problems {
		mark, since := "warning", ""
		if p.Blocks {
			mark = "in the way"
			if len(p.Sites) > 0 && len(p.Sites) < len(r.Sites) {
				mark += " of " + few(p.Sites)
			}
		}
		if d := r.Now.Sub(p.Since); !p.Since.IsZero() && d >= time.Second {
			since = " (for " + human.Span(d) + ")"
		}
		w.line("  %s: %s%s", mark, p.What, since)
		if p.Hint != "" {
			w.line("    hint: %s", p.Hint)
		}
	}
	for _, p := range r.Pauses { // who reads no further must not take them for watched
		why := ""
		if p.Reason != "" {
			why = " (" + p.Reason + ")"
		}
		w.line("  paused: %s until %s, nothing is grabbed there%s", p.where(), p.Until.UTC().Format(clockForm), why)
	}
	for _, n := range r.Notes {
		w.line("  note: %s", n)
	}
	w.line("\ngrab watch %s, started %s, configuration %s", r.Version, w.when(r.Started), r.Config)
}

func (w *writer) mailbox(m Mailbox) {
	state := "not connected yet"
	switch {
	case m.Broken:
		state = "not watched: " + m.Error
	case m.Connected && m.Idle:
		state = "connected since " + w.when(m.Since) + ", by IDLE"
	case m.Connected:
		state = "connected since " + w.when(m.Since) + ", by polling"
	case m.Error != "":
		state = "down since " + w.when(m.Since) + ": " + m.Error
	}
	w.line("  %s at %s: %s", m.Name, m.Server, state)
	if !m.Connected && !m.Retry.IsZero() {
		w.line("    failed attempts: %d; next in %s", m.Attempts, w.left(m.Retry))
	}
	w.line("    last answer %s; newest mail %s", w.when(m.Answer), w.when(m.Newest))
	if !m.TokenTill.IsZero() {
		w.line("    the access token is valid for %s", w.left(m.TokenTill))
	}
}

var warmWords = map[string]string{"up": "connected", "down": "not connected", "off": "not kept connected", "blocked": "login blocked after a refusal"}

func (w *writer) host(h Host) {
	warm := cmp.Or(warmWords[h.Warm], h.Warm)
	if !h.Since.IsZero() {
		warm += " since " + w.when(h.Since)
	}
	w.line("  %s (%s, %s): %s", h.Name, strings.Join(h.Sites, ", "), h.Address, warm)
	line := "    last login " + w.when(h.Login)
	if !h.Refused.IsZero() {
		line += "; refused " + w.when(h.Refused)
	}
	if h.Banned {
		line += "; perhaps banned"
	}
	if h.HostKey != "" {
		line += "; key " + h.HostKey
	}
	w.line("%s", line)
	if h.Error != "" {
		w.line("    %s", evidence.Unnamed(h.Name, h.Error))
	}
	line = "    clock unknown"
	if h.ClockMS != nil {
		line = "    clock in sync"
		if off := clock(h); off.Abs() >= 50*time.Millisecond {
			line = "    clock " + astray(off)
		}
	}
	if h.ClockError != "" {
		line += " (" + h.ClockError + ")"
	}
	w.line("%s; SIP bodies logged: %s", line, h.Level)
	w.proof(h)
	for _, f := range h.Families {
		line := "    " + f.Name
		if f.DepthS > 0 || f.Proven.IsZero() {
			line += ": keeps " + human.Span(seconds(f.DepthS))
		}
		if f.PerMin > 0 {
			line += ", grows " + human.Size(f.PerMin) + " a minute"
		}
		w.line("%s", line+w.asOf(f))
	}
	if h.Ring != nil {
		w.line("    ring: keeps %s, %s on disk, last increment %s", human.Span(seconds(h.Ring.DepthS)), human.Size(h.Ring.Bytes), w.when(h.Ring.Last))
	}
}

func (w *writer) incidents(list []Incident) {
	for _, in := range list {
		w.line("  %s  %s  %s, coverage so far: %s", in.Incident, in.Site, in.State, cmp.Or(in.Coverage, "nothing yet"))
		if in.Error != "" {
			w.line("    %s", in.Error)
		}
		if in.Standing != "" {
			w.line("    %s", in.Standing)
		}
	}
}

func (w *writer) drill(d Drill) {
	line := "none yet"
	switch {
	case d.OK:
		line = "passed " + w.when(d.At)
	case !d.At.IsZero():
		line = "FAILED " + w.when(d.At) + ", not " + d.Step
		if d.Host != "" {
			line += " on " + d.Host
		}
		line += ": " + d.Error
	}
	if !d.Next.IsZero() {
		line += "; next in " + w.left(d.Next)
	}
	w.line("  %s: %s", d.Site, line)
}

// where names the sites of a pause.
func (p Pause) where() string {
	if p.Site == "" {
		return "all sites"
	}
	return "site " + p.Site
}

// rest is what there is nothing to say of most of the time, and the disk.
func (r Report) rest(w *writer) {
	if len(r.Canaries)+len(r.Beats) > 0 {
		w.line("\ncanaries and heartbeats")
	}
	for _, c := range r.Canaries {
		w.line("  canary of %s every %s: sent %s, seen %s, after %.1f s%s", c.Mailbox, human.Span(seconds(c.Every)), w.when(c.Sent), w.when(c.Seen), c.DelayS, missing(c.Missing))
	}
	for _, b := range r.Beats {
		w.line("  heartbeat %s every %s: last %s%s", b.Name, human.Span(seconds(b.Every)), w.when(b.Last), missing(b.Missing))
	}
	if len(r.Drills) > 0 {
		w.line("\ndrills")
	}
	for _, d := range r.Drills {
		w.drill(d)
	}
	if len(r.Pauses) > 0 {
		w.line("\npaused")
	}
	for _, p := range r.Pauses {
		w.line("  %s until %s (in %s), by %s: %s", p.where(), p.Until.UTC().Format(clockForm), w.left(p.Until), p.By, p.Reason)
	}
	w.line("")
	if r.Held > 0 {
		w.line("alerts in quarantine: %d", r.Held)
	}
	disk := fmt.Sprintf("disk: %s free", human.Size(r.Disk.FreeBytes))
	if r.Disk.UsedBytes > 0 { // else nobody has looked yet
		disk += fmt.Sprintf(", the store uses %s", human.Size(r.Disk.UsedBytes))
	}
	if r.Disk.ReserveBytes > 0 {
		disk += fmt.Sprintf(", %s are reserved", human.Size(r.Disk.ReserveBytes))
	}
	if r.Disk.DaysLeft > 0 {
		disk += fmt.Sprintf(", full in %.1f days at the rate of the last week", r.Disk.DaysLeft)
	}
	w.line("%s", disk)
}

func missing(is bool) string {
	if is {
		return ": MISSING"
	}
	return ""
}

// WriteIncidents writes those that are open for a person.
func WriteIncidents(out io.Writer, list []Incident) error {
	w := &writer{bufio.NewWriter(out), time.Time{}, human.Local()}
	w.incidents(list)
	return w.Flush()
}
