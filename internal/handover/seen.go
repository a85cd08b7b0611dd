package handover

import (
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"rtmtgrab/internal/atomicfile"
)

// Seen is what was seen of a destination last.
type Seen struct {
	Delivered time.Time `json:"delivered,omitzero"` // the last bundle was
	Incident  string    `json:"incident,omitempty"` // that it was of
	Place     string    `json:"place,omitempty"`
	Count     int64     `json:"count,omitempty"` // delivered in all

	Failing time.Time `json:"failing,omitzero"` // since when nothing came through; zero: the last attempt did
	Failed  time.Time `json:"failed,omitzero"`  // the last attempt that failed
	Cause   string    `json:"cause,omitempty"`
	Error   string    `json:"error,omitempty"`
}

// A seenBook keeps what was seen of each destination, for people: nothing depends on it.
type seenBook struct {
	file atomicfile.JSON[map[string]Seen]
	m    map[string]Seen // by name in lower case
}

func (b *seenBook) open(dir string, log *slog.Logger) {
	b.file.Path = filepath.Join(dir, "sinks.json")
	var err error
	if b.m, _, err = b.file.Recover(log); err != nil {
		log.Warn("what was delivered before cannot be read", "err", err)
	}
	if b.m == nil {
		b.m = map[string]Seen{}
	}
}

func (b *seenBook) of(name string) Seen { return b.m[strings.ToLower(name)] }

func (b *seenBook) delivered(name string, j *Job, place string, at time.Time) {
	s := b.of(name)
	s.Delivered, s.Incident, s.Place, s.Failing = at, j.Incident, place, time.Time{}
	s.Count++
	b.m[strings.ToLower(name)] = s
}

func (b *seenBook) failed(name string, err error, at time.Time) {
	s := b.of(name)
	s.Cause, s.Error = why(err)
	s.Failed = at
	if s.Failing.IsZero() {
		s.Failing = at
	}
	b.m[strings.ToLower(name)] = s
}

func (b *seenBook) save(log *slog.Logger) {
	if err := b.file.Save(b.m); err != nil {
		log.Warn("what was seen of the destinations of handover cannot be saved", "err", err)
	}
}
