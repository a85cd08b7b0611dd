package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

// A TCPRecord is a record of a connection that may be one to CUCM or between C and E.
type TCPRecord struct {
	At           int64
	place        Place
	Host         Text // that logged it
	Src, Dst     End
	What, Reason Text // what happened: expressway.TCPConnecting and the like; and why
}

// An Event is a record of the Event Log that may explain a loss.
type Event struct {
	At    int64
	place Place
	Host  Text // that logged it
	What  Text // its name, detail and reason
}

// A Scan is what is kept of one source.
type Scan struct {
	Records, Unread int64                  // records, and stretches that are none
	First, Last     time.Time              // of its records, by the host's clock; zero: it has none
	Hosts           map[Text]int64         // records of REGISTER by host
	Lines           map[LineNote][]Stretch // when each number was seen, apartLines or more between two stretches
	Dropped         int64                  // records of connections and events that were too many
	Err             error                  // why it was not read to its end

	sip, bodies map[Text]int64 // of Hosts, those at INFO and those with the message's text
	msgs        []*Message
	tcps        tcpRecords
	told
	alias  map[Text]Text // hosts that bear another name, see oneName
	ration *ration       // what may be kept
}

// told is what a source tells beside REGISTERs.
type told struct {
	events []Event
	orders []Order
	zones  Zones
}

// errTooMuch is of a log that holds more than is kept of one.
var errTooMuch = errors.New("it holds more REGISTERs than one report can: name fewer logs, or a shorter time")

// A scanner reads sources.
type scanner struct {
	texts   *Texts
	sources []Source
	rations []*ration // one of each
}

// read reads one source to its end. Its fault, if there is one, is in the scan.
func (sc *scanner) read(ctx context.Context, i int) *Scan {
	s := &Scan{Hosts: map[Text]int64{}, Lines: map[LineNote][]Stretch{}, sip: map[Text]int64{}, bodies: map[Text]int64{}, ration: sc.rations[i]}
	src := &sc.sources[i]
	if src.Open == nil {
		return s
	}
	r, err := src.Open()
	if err != nil {
		s.Err = fmt.Errorf("open: %w", err)
		return s
	}
	defer r.Close()
	records := expressway.NewRecordReader(r, src.Offset, expressway.Ref{MTime: src.MTime, Zone: src.Zone})
	pairs := newPairs()
	for ctx.Err() == nil {
		rec, err := records.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				s.Err = fmt.Errorf("read: %w", err)
			}
			break
		}
		s.count(&rec)
		if n, ok := rec.Note(); ok {
			sc.keep(s, pairs, i, n)
		}
		if s.ration.left <= 0 {
			s.Err = errTooMuch
			break
		}
	}
	return s
}

func (s *Scan) count(r *expressway.Record) {
	if !r.Head {
		s.Unread++
		return
	}
	s.Records++
	if s.First.IsZero() || r.Time.Before(s.First) {
		s.First = r.Time
	}
	if r.Time.After(s.Last) {
		s.Last = r.Time
	}
}

// keep keeps what bears on registrations.
func (sc *scanner) keep(s *Scan, pairs *pairs, i int, n expressway.Note) {
	src := &sc.sources[i]
	at := n.Time
	if src.ClockOffset != nil {
		at = at.Add(-*src.ClockOffset)
	}
	where := Place{n.Offset, int32(min(n.Length, 1<<31-1)), int32(i)}
	host := src.Host
	if host == "" {
		host = n.Host
	}
	h := sc.texts.add(host)
	switch n.Kind {
	case expressway.NoteSIP, expressway.NoteBody:
		sc.keepMessage(s, pairs, &n, h, evidence.Nanos(at), where)
	case expressway.NoteTCP:
		sc.keepTCP(s, n.Local, n.Peer, n.TCP, n.Reason, TCPRecord{At: evidence.Nanos(at), place: where, Host: h})
	case expressway.NoteEvent:
		if TLSFailed(n.Event) {
			sc.keepTCP(s, n.Local, n.Peer, expressway.TCPFailed, n.Event+": "+n.Detail, TCPRecord{At: evidence.Nanos(at), place: where, Host: h})
			return
		}
		sc.keepEvent(s, &n, h, evidence.Nanos(at), where)
	}
}

// keepTCP keeps a record of a connection that may be one to CUCM or between C and E, or of a phone's
// that failed.
func (sc *scanner) keepTCP(s *Scan, src, dst netip.AddrPort, what, reason string, n TCPRecord) {
	if !toSIP(src) && !toSIP(dst) {
		return
	}
	if s.ration.notes <= 0 || s.tcps.n >= maxNotes {
		s.Dropped++
		return
	}
	n.What, n.Reason = sc.texts.add(what), sc.texts.add(reason)
	s.ration.note(sc.texts, n.What, n.Reason)
	s.tcps.add(n, src, dst)
}

// TLSFailed reports whether an event, or why a connection failed, says that it was because of its
// TLS.
func TLSFailed(event string) bool {
	name, _, _ := strings.Cut(event, ":")
	return strings.HasSuffix(name, "TLS Negotiation Error")
}

// keepEvent keeps an event that may explain a loss.
func (sc *scanner) keepEvent(s *Scan, n *expressway.Note, h Text, at int64, where Place) {
	what := n.Event
	for _, w := range []string{n.Detail, n.Reason} {
		if w != "" {
			what += ": " + w
		}
	}
	if !explains(what) {
		return
	}
	if s.ration.notes <= 0 || len(s.events) >= maxNotes {
		s.Dropped++
		return
	}
	e := Event{at, where, h, sc.texts.add(what)}
	s.ration.note(sc.texts, e.What)
	s.events = append(s.events, e)
}

// keepMessage keeps a REGISTER or an answer to one, and what others tell of phones' lines.
func (sc *scanner) keepMessage(s *Scan, pairs *pairs, n *expressway.Note, h Text, at int64, where Place) {
	if n.SIP == nil || n.SIP.CallID == "" && n.Hash == "" {
		return
	}
	if n.Kind == expressway.NoteSIP && n.SIP.Cut && n.SIP.FromTag == "" {
		return // what stands behind the Call-ID is lacking, and perhaps a part of it
	}
	s.noteLines(n, h, at)
	sc.noteOrder(s, n, h, at, where)
	if !strings.EqualFold(n.SIP.Method, "REGISTER") && !strings.EqualFold(n.SIP.CSeqMethod, "REGISTER") {
		return
	}
	by := s.ration.admit(n)
	if by == nil {
		return
	}
	m := sc.message(n)
	m.At, m.Host = at, h
	s.zones.see(n)
	k := sc.texts.kind(m.traits)
	s.ration.charge(by, s.ration.price(sc.texts, h, m.Call, m.To, m.User, m.Phrase, m.Extra, k.Device, k.Model, k.User, k.MAC, k.Software, k.Load, k.Contact))
	s.Hosts[h]++
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
	return p == 5060 || p == 5061 || p >= 25000 && p <= 29999 || TraversalPort(p)
}

// TraversalPort reports whether a port is one on which an Expressway-E listens for the
// traversal zone (docs/expressway-logs.md).
func TraversalPort(p uint16) bool { return p >= 7001 && p <= 7099 }

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
