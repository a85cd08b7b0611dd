// Package cucmlog reads from the traces of CUCM nodes what bears on registrations: REGISTERs
// as they arrived there and what the nodes answered, and alarms about devices. It is to CUCM
// what package logs is to Expressways.
//
// It guarantees bounds on what it keeps, and says what it left out. Times are int64,
// nanoseconds of Unix time, by the collector's clock where the node's offset was measured, else
// by the node's own; whoever joins them to Expressways' compares the clocks. It does not know
// phones, nor what a record means.
package cucmlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/cucmtrace"
	"rtmtgrab/internal/evidence"
)

// Kinds of a Source.
const (
	SDL         = "sdl"
	Application = "application" // Event Viewer: alarms alone
)

// A Source is one log of a node.
type Source struct {
	Node  string // empty: as its head says
	File  string // as shown in evidence
	Kind  string
	Place cucmtrace.Place
	Open  func() (io.ReadCloser, error)
	// Packed: it is compressed and may be cut off; what is whole counts.
	Packed bool

	// Complete and Missing say how much of the window it covers, in the collector's time.
	// Neither: that is not known.
	Complete    bool
	Missing     []evidence.Span
	ClockOffset *time.Duration // the node's clock minus the collector's; nil: not measured
}

// A Where is a record's place: bytes of a source.
type Where struct {
	Source int
	Offset int64
	Length int64
}

// A Message is a REGISTER that a node received, or an answer to one that it sent.
type Message struct {
	At     int64
	Node   *Node
	Answer bool
	Call   string
	CSeq   uint32
	Branch uint64 // of the topmost Via, as in package logs; 0: none
	Code   uint16 // of an answer
	Phrase string
	Device string // upper case, of a request; empty: not named
	To     string // host in To
	Full   bool   // a request for all lines, or the first of a phone with one
	Leaves bool   // a request that unregisters
	Second bool   // a keep-alive to a secondary node
	NewReg bool   // an answer to what was taken for a new registration
	Failed bool   // an answer whose body has a code of failure
	Grants int32  // s, of an answer; 0: not said
	Where
}

// An Event is an alarm of a node about a device.
type Event struct {
	At   int64
	Node *Node
	cucmtrace.Alarm
	Where
}

// A Node is a CUCM node of which there is a trace.
type Node struct {
	Name    string // as somebody named it, or it calls itself
	IP      string // as it says; empty: not known
	Traced  bool   // there is an SDL trace
	SIP     bool   // SIP messages stand in it
	Offset  *time.Duration
	sources []int
}

// A Scan is what was found of one source.
type Scan struct {
	Node        *Node
	Records     int64
	Odd         int64     // records whose time cannot be right
	First, Last time.Time // by the node's clock; zero: none is dated
	Dropped     int64     // messages and alarms that were too many
	Err         error     // why it was not read to its end
}

// Records are what was read.
type Records struct {
	Sources  []Source
	Scans    []*Scan
	Nodes    []*Node // by name
	Messages []*Message
	Events   []*Event
}

// Bounds on what is kept.
const (
	maxMessages = 200_000
	maxCallID   = 256 // bytes; longer ones are nobody's
	maxEvents   = 50_000
	maxNodes    = 100
)

// Read reads the sources. One that cannot be read is said in its scan; the error is that of
// ctx.
func Read(ctx context.Context, sources []Source) (*Records, error) {
	r := &Records{Sources: sources}
	for i := range sources {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r.Scans = append(r.Scans, r.read(ctx, i))
	}
	slices.SortStableFunc(r.Messages, func(a, b *Message) int { return compare(a.At, b.At) })
	slices.SortStableFunc(r.Events, func(a, b *Event) int { return compare(a.At, b.At) })
	r.Events = once(r.Events)
	slices.SortFunc(r.Nodes, func(a, b *Node) int { return strings.Compare(a.Name, b.Name) })
	return r, ctx.Err()
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// read reads one source.
func (r *Records) read(ctx context.Context, i int) *Scan {
	src := &r.Sources[i]
	s := &Scan{}
	f, place, err := src.open()
	if err != nil {
		s.Err, s.Node = err, r.node(src.Node)
		return s
	}
	defer f.Close()
	sdl := cucmtrace.NewReader(f, place)
	from := cucmtrace.Records(sdl)
	if src.Kind == Application {
		from = cucmtrace.NewLineReader(f, cucmtrace.Application, place)
	}
	if src.Packed {
		from = cucmtrace.Whole(from)
	}
	for ctx.Err() == nil {
		rec, err := from.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) && !(src.Packed && errors.Is(err, io.ErrUnexpectedEOF)) {
				s.Err = fmt.Errorf("read: %w", err)
			}
			break
		}
		if rec.Head {
			r.nodeOf(s, i, sdl)
			r.take(s, i, &rec)
		}
	}
	if s.Node == nil {
		s.Node = r.node(src.Node)
	}
	if s.Records > 0 && s.First.IsZero() && s.Err == nil {
		s.Err = errors.New("nothing tells the date of its records: they have times of day alone, and there is no head in it and no time of the file")
	}
	return s
}

// open opens a source that is dated as well as can be.
func (src *Source) open() (io.ReadCloser, cucmtrace.Place, error) {
	place := src.Place
	if src.Kind == SDL {
		var err error
		if place, _, err = cucmtrace.Anchor(src.Open, place); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, place, fmt.Errorf("open: %w", err)
		}
	}
	f, err := src.Open()
	if err != nil {
		return nil, place, fmt.Errorf("open: %w", err)
	}
	return f, place, nil
}

// nodeOf finds out whose log it is, with its first record.
func (r *Records) nodeOf(s *Scan, i int, sdl *cucmtrace.Reader) {
	src := &r.Sources[i]
	if s.Node == nil {
		name := src.Node
		if name == "" {
			name = sdl.Node
		}
		s.Node = r.node(name)
		s.Node.sources = append(s.Node.sources, i)
		s.Node.Traced = s.Node.Traced || src.Kind == SDL
		if src.ClockOffset != nil {
			s.Node.Offset = src.ClockOffset
		}
	}
	if sdl.IP != "" {
		s.Node.IP = sdl.IP
	}
}

// take keeps what bears on registrations of a record.
func (r *Records) take(s *Scan, i int, rec *cucmtrace.Record) {
	s.Records++
	if rec.Odd {
		s.Odd++
	}
	if rec.Time.IsZero() {
		return
	}
	if s.First.IsZero() || rec.Time.Before(s.First) {
		s.First = rec.Time
	}
	if rec.Time.After(s.Last) {
		s.Last = rec.Time
	}
	at := rec.Time
	if o := r.Sources[i].ClockOffset; o != nil {
		at = at.Add(-*o)
	}
	where := Where{i, rec.Offset, int64(len(rec.Text))}
	if m, ok := rec.Message(); ok && r.Sources[i].Kind == SDL {
		s.Node.SIP = true
		r.message(s, &m, evidence.Nanos(at), where)
		return
	}
	if a, ok := rec.Alarm(); ok {
		if len(r.Events) >= maxEvents {
			s.Dropped++
			return
		}
		r.Events = append(r.Events, &Event{At: evidence.Nanos(at), Node: s.Node, Alarm: a, Where: where})
	}
}

// node is the one of a name; of another spelling it is the same.
func (r *Records) node(name string) *Node {
	if name == "" {
		name = "CUCM"
	}
	for _, n := range r.Nodes {
		if Same(n.Name, name) {
			return n
		}
	}
	if len(r.Nodes) >= maxNodes {
		return r.Nodes[len(r.Nodes)-1]
	}
	n := &Node{Name: name}
	r.Nodes = append(r.Nodes, n)
	return n
}

// Same reports whether two names are of one node: they are equal, or one is the first label of the
// other. Nodes of two domains may both be called cucm01.
func Same(a, b string) bool {
	a, b = strings.ToLower(strings.TrimSuffix(a, ".")), strings.ToLower(strings.TrimSuffix(b, "."))
	if a == b {
		return true
	}
	return isShort(a) && strings.HasPrefix(b, a+".") || isShort(b) && strings.HasPrefix(a, b+".")
}

// isShort: a name of one label, and no part of an address.
func isShort(name string) bool {
	return name != "" && (name[0] < '0' || name[0] > '9') && !strings.Contains(name, ".")
}

// once drops alarms that two logs of a node tell, or one of them twice.
func once(events []*Event) []*Event {
	type key struct {
		node *Node
		cucmtrace.Alarm
	}
	last := map[key]int64{}
	var out []*Event
	for _, e := range events {
		k := key{e.Node, e.Alarm}
		if at, ok := last[k]; ok && e.At-at < int64(time.Second) {
			continue
		}
		last[k] = e.At
		out = append(out, e)
	}
	return out
}

// Covers reports whether the SDL traces of a node are known to be whole over a span, in the
// collector's time.
func (r *Records) Covers(n *Node, from, to int64) bool {
	some := false
	since, until := time.Unix(0, from), time.Unix(0, to)
	for _, i := range n.sources {
		src := &r.Sources[i]
		if src.Kind != SDL {
			continue
		}
		gap := slices.ContainsFunc(src.Missing, func(s evidence.Span) bool { return !s.Since.After(until) && s.Until.After(since) })
		if !src.Complete && len(src.Missing) == 0 || gap || r.Scans[i].Err != nil || r.Scans[i].Dropped > 0 {
			return false
		}
		if r.Scans[i].First.IsZero() {
			return false
		}
		some = true
	}
	return some
}

// Lacks says what of a span, in the collector's time, the SDL traces of a node lack, and
// whether that is known; empty: nothing.
func (r *Records) Lacks(n *Node, from, to int64) (lacks string, known bool) {
	since, until := time.Unix(0, from).UTC(), time.Unix(0, to).UTC()
	var out []string
	known = true
	for _, i := range n.sources {
		src, s := &r.Sources[i], r.Scans[i]
		if src.Kind != SDL {
			continue
		}
		for _, m := range src.Missing {
			if !m.Since.After(until) && m.Until.After(since) {
				out = append(out, spanWords(m.Since, m.Until)+" ("+strings.ReplaceAll(evidence.Printable(m.Reason, 60), "_", " ")+")")
			}
		}
		known = known && (src.Complete || len(src.Missing) > 0) && s.Err == nil && s.Dropped == 0
		if !src.Complete && len(src.Missing) == 0 && len(n.sources) == 1 && (s.First.IsZero() || s.First.After(until) || s.Last.Before(since)) {
			out = append(out, spanWords(since, until))
		}
	}
	return strings.Join(out, ", "), known
}

func spanWords(since, until time.Time) string {
	return since.UTC().Format("15:04:05") + " to " + until.UTC().Format("15:04:05 UTC")
}
