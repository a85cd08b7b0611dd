package proof

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/human"
)

// A Heartbeat is an alert that comes every so often.
type Heartbeat struct {
	Name    string
	Match   *regexp.Regexp // in subject or text
	Cluster string         // as in the subject; empty: any
	Every   time.Duration
}

// Heartbeats miss those that do not come. Their clocks begin when they are
// configured for the first time.
type Heartbeats struct {
	File string // where the last of each is kept
	Log  *slog.Logger

	mu   sync.Mutex
	list []Heartbeat
	up   bool
	last map[string]beat
}

// beat is what is kept of a heartbeat.
type beat struct {
	Began time.Time `json:"began"`
	Last  time.Time `json:"last,omitzero"` // INTERNALDATE
}

func (h *Heartbeats) file() atomicfile.JSON[map[string]beat] {
	return atomicfile.JSON[map[string]beat]{Path: h.File}
}

// Configure sets the heartbeats that are waited for. An error is of what is kept of them: their
// clocks begin anew then.
func (h *Heartbeats) Configure(list []Heartbeat) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var lost error
	if h.last == nil {
		h.last, _, lost = h.file().Recover(h.Log)
	}
	h.list = list
	keep, changed := map[string]beat{}, false
	for _, b := range list {
		old, ok := h.last[b.Name]
		if !ok {
			old, changed = beat{Began: time.Now().UTC().Round(0)}, true
		}
		keep[b.Name] = old
	}
	changed = changed || len(keep) != len(h.last)
	h.last = keep
	if !changed {
		return lost
	}
	return errors.Join(lost, h.file().Save(h.last))
}

// Up tells whether the mailboxes are watched and read to their ends: while they are
// not, none is missed.
func (h *Heartbeats) Up(up bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.up = up
}

// Match returns the names of the heartbeats that a mail is.
func (h *Heartbeats) Match(subject, text, cluster string) (names []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, b := range h.list {
		if (b.Cluster == "" || strings.EqualFold(b.Cluster, cluster)) && (b.Match.MatchString(subject) || b.Match.MatchString(text)) {
			names = append(names, b.Name)
		}
	}
	return names
}

// Seen notes heartbeats by their names; internal is the server's time.
func (h *Heartbeats) Seen(names []string, internal time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	changed := false
	for _, name := range names {
		at := internal.UTC().Round(0)
		if now := time.Now().UTC().Round(0); at.After(now) {
			at = now
		}
		if s := h.last[name]; at.Sub(s.Last) >= time.Minute { // not at every mail of a storm
			s.Last = at
			h.last[name], changed = s, true
		}
	}
	if changed {
		if err := h.file().Save(h.last); err != nil && h.Log != nil {
			h.Log.Warn("cannot save heartbeats", "err", err)
		}
	}
}

// Report adds the heartbeats, and those that are missing as problems, to a report.
func (h *Heartbeats) Report(r *status.Report) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now().Round(0)
	for _, b := range h.list {
		s := h.last[b.Name]
		if s.Began.After(now) { // by a clock that was ahead
			s.Began = now.UTC()
			h.last[b.Name] = s
		}
		from := s.Last
		if from.IsZero() {
			from = s.Began
		}
		missing := h.up && now.Sub(from) > b.Every
		r.Beats = append(r.Beats, status.Heartbeat{Name: b.Name, Every: b.Every.Seconds(), Last: s.Last, Missing: missing})
		if !missing {
			continue
		}
		last := "never came"
		if !s.Last.IsZero() {
			last = "came last " + s.Last.Format(time.RFC3339)
		}
		r.Add(status.Problem{Key: "heartbeat/" + b.Name, Since: from.Add(b.Every), Blocks: true,
			What: fmt.Sprintf("heartbeat %s %s, expected every %s", b.Name, last, human.Span(b.Every)),
			Hint: "CUCM's own mail path may be broken: in RTMT check the alert's e-mail action, the mail server in the options, and the Cisco AMC Service"})
	}
}
