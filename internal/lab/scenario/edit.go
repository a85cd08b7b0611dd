package scenario

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rtmtgrab/internal/lab"
)

// A Hole is a span that is missing from all logs of a host, after the logs' beginning.
type Hole struct {
	Host     string
	From, To time.Duration
}

// A Span is from Since to before Until, by the real clock.
type Span struct{ Since, Until time.Time }

// An Edit changes what the logs of a host hold of the REGISTERs of one phone.
type Edit struct {
	Host  string
	Phone int
	Kind  EditKind
	From  time.Duration // after the logs' beginning, it begins there
}

// EditKind says what an Edit does.
type EditKind string

// The edits, of requests alone: the answers stay.
const (
	NoBodies   EditKind = "no_bodies"   // their bodies were not logged
	NoRequests EditKind = "no_requests" // neither the bodies nor the lines
	CutBodies  EditKind = "cut_bodies"  // the bodies end within the Contact header
)

// edit takes out of the logs what the scenario lacks.
func (p *Played) edit() error {
	if len(p.Holes) == 0 && len(p.Edits) == 0 {
		return nil
	}
	for _, e := range p.peers() {
		for _, family := range e.Logs().Families {
			path := filepath.Join(e.Dir(), family)
			text, err := os.ReadFile(path)
			if err != nil {
				return fmt.Errorf("edit: %w", err)
			}
			text = Punch(text, p.Clocks[e.Name()], p.missing(e.Name())...)
			for _, ed := range p.Edits {
				if ed.Host == e.Name() && family == lab.NetworkLog {
					text = p.edited(text, ed)
				}
			}
			if err := os.WriteFile(path, text, 0o600); err != nil {
				return fmt.Errorf("edit: %w", err)
			}
		}
	}
	return nil
}

func (p *Played) missing(host string) []Span {
	var out []Span
	for _, h := range p.Holes {
		if h.Host == host {
			out = append(out, Span{p.Since.Add(h.From), p.Since.Add(h.To)})
		}
	}
	return out
}

// Punch takes the records of spans out of the text of a log whose host's clock is
// ahead of the real one by clock.
func Punch(text []byte, clock time.Duration, spans ...Span) []byte {
	if len(spans) == 0 {
		return text
	}
	var out bytes.Buffer
	for _, r := range lab.SplitRecords(text) {
		at, ok := prefixTime(r)
		for _, s := range spans {
			if at := at.Add(-clock); ok && !at.Before(s.Since) && at.Before(s.Until) {
				r = nil
			}
		}
		out.Write(r)
	}
	return out.Bytes()
}

func prefixTime(record []byte) (time.Time, bool) {
	stamp, _, _ := bytes.Cut(record, []byte(" "))
	at, err := time.Parse(time.RFC3339Nano, string(stamp))
	return at, err == nil
}

// edited is the text of a network_log after an edit.
func (p *Played) edited(text []byte, ed Edit) []byte {
	mac := strings.ToLower(p.Site.MACs()[ed.Phone])
	call := []byte("Call-ID: " + mac[:8] + "-" + mac[8:])
	line := []byte("Request Method=REGISTER, ")
	from := p.Since.Add(ed.From)
	var out bytes.Buffer
	for _, r := range lab.SplitRecords(text) {
		if at, _ := prefixTime(r); at.Add(-p.Clocks[ed.Host]).Before(from) {
			out.Write(r)
			continue
		}
		body := bytes.Contains(r, []byte("\n |REGISTER sip:")) && bytes.Contains(r, call)
		switch {
		case body && ed.Kind == CutBodies:
			i := bytes.Index(r, []byte("\n Contact: "))
			r = append(bytes.Clone(r[:i+16]), '\n')
		case body, ed.Kind == NoRequests && bytes.Contains(r, line) && bytes.Contains(r, bytes.Replace(call, []byte(": "), []byte("="), 1)):
			r = nil
		}
		out.Write(r)
	}
	return out.Bytes()
}
