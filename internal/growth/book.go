package growth

import (
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
)

// A Host is what is known of one host.
type Host struct {
	Logs  map[string]*Log `json:"logs,omitempty"` // by family
	Clock *Clock          `json:"clock,omitempty"`
	Steps []Step          `json:"steps,omitempty"` // the oldest first
}

// A State is a whole history, as it is kept on disk.
type State struct {
	Hosts map[string]*Host `json:"hosts"`
}

// Observe takes a look at a host's logs into account.
func (s *State) Observe(host string, at time.Time, marks map[string]Mark) {
	h := s.host(host)
	if h.Logs == nil {
		h.Logs = map[string]*Log{}
	}
	for family, m := range marks {
		if h.Logs[family] == nil {
			h.Logs[family] = &Log{}
		}
		h.Logs[family].observe(at, m)
	}
}

func (s *State) host(name string) *Host {
	if s.Hosts == nil {
		s.Hosts = map[string]*Host{}
	}
	if s.Hosts[name] == nil {
		s.Hosts[name] = &Host{}
	}
	return s.Hosts[name]
}

// log is the history of a log; nil: there is none.
func (s *State) log(host, family string) *Log {
	h := s.Hosts[host]
	if h == nil {
		return nil
	}
	return h.Logs[family]
}

// wentOn reports whether a log other than that one grew about when that one was looked at
// last: of its host, or of the peers.
func (s *State) wentOn(host, family string, peers []string, at time.Time) bool {
	for _, name := range append(slices.Clone(peers), host) {
		h := s.Hosts[name]
		if h == nil {
			continue
		}
		for f, l := range h.Logs {
			if (name != host || f != family) && l.Grown.Sub(at).Abs() <= lapse {
				return true
			}
		}
	}
	return false
}

// sound drops what cannot have come to be, of what was read.
func (s *State) sound() {
	for name, h := range s.Hosts {
		if h == nil {
			delete(s.Hosts, name)
			continue
		}
		maps.DeleteFunc(h.Logs, func(_ string, l *Log) bool { return l == nil || !l.sound() })
		h.Steps = h.Steps[max(len(h.Steps)-mostSteps, 0):]
	}
}

// A Book is a history that several write and read. The nil Book knows nothing.
type Book struct {
	mu      sync.Mutex
	file    atomicfile.JSON[State]
	state   State
	changed bool
}

// Open is the book that is kept in a file. What is damaged is set aside, and begun anew.
func Open(file atomicfile.JSON[State], log *slog.Logger) (*Book, error) {
	file.Compact = true
	state, _, _, err := file.Renew(log)
	state.sound()
	return &Book{file: file, state: state}, err
}

// Read is what a book says that another process keeps; nil if it cannot be read.
func Read(path string) *Book {
	state, there, err := atomicfile.JSON[State]{Path: path}.Load()
	if err != nil || !there {
		return nil
	}
	state.sound()
	return &Book{state: state}
}

// Save writes the book to its file, if there is something new.
func (b *Book) Save() error {
	raw, err := b.encode()
	if err != nil || raw == nil {
		return err
	}
	file := atomicfile.JSON[json.RawMessage]{Path: b.file.Path, Compact: true, Write: b.file.Write}
	if err = file.Save(raw); err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.changed = true
	}
	return err
}

// encode is the state as it is kept, nil if it is kept already: nobody waits for the disk
// who takes a look into account.
func (b *Book) encode() (json.RawMessage, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.changed {
		return nil, nil
	}
	b.changed = false
	return json.Marshal(b.state)
}

// Observe takes a look at a host's logs into account.
func (b *Book) Observe(host string, at time.Time, marks map[string]Mark) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed = true
	b.state.Observe(host, at, marks)
}

// Measured takes a measurement of a host's clock into account.
func (b *Book) Measured(host string, c Clock) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed = true
	b.state.host(host).measured(c)
}

// Keep forgets all but these logs, by host.
func (b *Book) Keep(logs map[string][]string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, h := range b.state.Hosts {
		families, kept := logs[name]
		if !kept {
			delete(b.state.Hosts, name)
			b.changed = true
			continue
		}
		maps.DeleteFunc(h.Logs, func(family string, _ *Log) bool {
			gone := !slices.Contains(families, family)
			b.changed = b.changed || gone
			return gone
		})
	}
}

// Now judges a log as it was at the last look. peers are the other hosts of its sites.
func (b *Book) Now(host, family string, peers []string) Verdict {
	if b == nil {
		return Verdict{Kind: Unknown}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.state.log(host, family)
	if l == nil {
		return Verdict{Kind: Unknown}
	}
	return l.now(b.state.wentOn(host, family, peers, l.Seen))
}

// In judges a log of which there is no record in a window. others: other logs have some.
func (b *Book) In(host, family string, w evidence.Window, others bool) Verdict {
	if b == nil {
		return Verdict{Kind: Unknown}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.state.log(host, family)
	if l == nil {
		return Verdict{Kind: Unknown}
	}
	return l.in(w, others)
}

// StepsIn are the leaps of a host's clock that may have been in a window, the oldest first.
func (b *Book) StepsIn(host string, w evidence.Window) []Step {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state.Hosts[host] == nil {
		return nil
	}
	return b.state.Hosts[host].stepsIn(w)
}
