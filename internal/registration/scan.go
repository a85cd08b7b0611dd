package registration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"rtmtgrab/internal/expressway"
)

// A tcpNote is a record of a connection that may be one to CUCM or between C and E.
type tcpNote struct {
	at           int64
	place        place
	host         text
	src, dst     uint32
	what, reason text
}

// An event is a record of the Event Log that may explain a loss.
type event struct {
	at    int64
	place place
	host  text
	what  text
}

// A scan is what is kept of one source.
type scan struct {
	records, unread int64
	first, last     time.Time
	hosts           map[text]int64 // records of REGISTER by host
	sip, bodies     map[text]int64
	msgs            []*message
	tcps            tcpNotes
	events          []event
	lines           lineNotes
	alias           map[text]text // hosts that bear another name, see oneName
	dropped         int64         // notes beyond maxNotes
	err             error
}

// maxNotes bounds the records of connections and events that are kept of one source.
const maxNotes = 200_000

// A scanner reads sources.
type scanner struct {
	texts   *texts
	sources []Source
}

// read reads one source to its end. Its fault, if there is one, is in the scan.
func (sc *scanner) read(ctx context.Context, i int) *scan {
	s := &scan{hosts: map[text]int64{}, sip: map[text]int64{}, bodies: map[text]int64{}}
	src := &sc.sources[i]
	if src.Open == nil {
		return s
	}
	r, err := src.Open()
	if err != nil {
		s.err = fmt.Errorf("open: %w", err)
		return s
	}
	defer r.Close()
	records := expressway.NewRecordReader(r, src.Offset, expressway.Ref{MTime: src.MTime, Zone: src.Zone})
	pairs := newPairs()
	for ctx.Err() == nil {
		rec, err := records.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				s.err = fmt.Errorf("read: %w", err)
			}
			break
		}
		s.count(&rec)
		if n, ok := rec.Note(); ok {
			sc.keep(s, pairs, i, n)
		}
	}
	return s
}

func (s *scan) count(r *expressway.Record) {
	if !r.Head {
		s.unread++
		return
	}
	s.records++
	if s.first.IsZero() || r.Time.Before(s.first) {
		s.first = r.Time
	}
	if r.Time.After(s.last) {
		s.last = r.Time
	}
}

// keep keeps what bears on registrations.
func (sc *scanner) keep(s *scan, pairs *pairs, i int, n expressway.Note) {
	src := &sc.sources[i]
	at := n.Time
	if src.ClockOffset != nil {
		at = at.Add(-*src.ClockOffset)
	}
	where := place{n.Offset, int32(min(n.Length, 1<<31-1)), int32(i)}
	host := src.Host
	if host == "" {
		host = n.Host
	}
	h := sc.texts.add(host)
	switch n.Kind {
	case expressway.NoteSIP, expressway.NoteBody:
		sc.keepMessage(s, pairs, &n, h, at.UnixNano(), where)
	case expressway.NoteTCP:
		if !toSIP(n.Local) && !toSIP(n.Peer) {
			return
		}
		if s.tcps.n >= maxNotes {
			s.dropped++
			return
		}
		s.tcps.add(tcpNote{at: at.UnixNano(), place: where, host: h, what: sc.texts.add(n.TCP), reason: sc.texts.add(n.Reason)}, n.Local, n.Peer)
	case expressway.NoteEvent:
		what := n.Event
		for _, w := range []string{n.Detail, n.Reason} {
			if w != "" {
				what += ": " + w
			}
		}
		if !explains(what) {
			return
		}
		if len(s.events) >= maxNotes {
			s.dropped++
			return
		}
		s.events = append(s.events, event{at.UnixNano(), where, h, sc.texts.add(what)})
	}
}

// keepMessage keeps a REGISTER or an answer to one, and what others tell of phones' lines.
func (sc *scanner) keepMessage(s *scan, pairs *pairs, n *expressway.Note, h text, at int64, where place) {
	if n.SIP == nil || n.SIP.CallID == "" && n.Hash == "" {
		return
	}
	s.lines.look(n, h, at)
	if !strings.EqualFold(n.SIP.Method, "REGISTER") && !strings.EqualFold(n.SIP.CSeqMethod, "REGISTER") {
		return
	}
	m := sc.message(n)
	m.at, m.host = at, h
	s.hosts[h]++
	if n.Kind == expressway.NoteBody {
		m.body = where
		s.bodies[h]++
	} else {
		m.info = where
		s.sip[h]++
	}
	if !pairs.add(m) {
		s.msgs = append(s.msgs, m)
	}
}

// toSIP tells connections to CUCM (5060 and 5061, called from 25000 to 29999) and
// those of traversal zones from all others.
func toSIP(e netip.AddrPort) bool {
	p := e.Port()
	return p == 5060 || p == 5061 || p >= 25000 && p <= 29999 || traversalPort(p)
}

func traversalPort(p uint16) bool { return p >= 7001 && p <= 7099 }

// explains picks the events that may explain the loss of a registration.
func explains(what string) bool {
	w := strings.ToLower(what)
	for _, s := range []string{"zone", "travers", "communications failure", "alarm", "restart", "shutdown", "system start", "application start", "application fail"} {
		if strings.Contains(w, s) {
			return true
		}
	}
	return false
}
