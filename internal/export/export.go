// Package export writes the SIP messages that Expressways log at DEBUG as packets of a
// pcapng file, so that Wireshark, tshark and sngrep open them.
//
// It guarantees that every copy of a message that a host logged is one message of the
// file, at the time of its record, between the addresses and ports of its record, on
// an interface that bears the host's name; that what is not from the log is said in
// the packet's comment; that credentials are replaced unless they are asked for; and
// that memory does not grow with the logs.
//
// It does not know what a wire carried: IP and TCP headers are made, TLS is left out,
// and what the log does not tell (an address, the end of a cut body) it does not guess.
package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration"
)

// Options narrow what is written. The zero value is everything, without credentials.
type Options struct {
	Since, Until time.Time // [Since, Until) of the records' times; zero: open
	Phones       []string  // devices, MACs or numbers; none: all messages
	Raw          bool      // credentials stay
	// Place says where a person finds a byte of a source's File; nil: where it is.
	Place   func(file string, offset int64) (string, int64)
	Program string // as the file's header names it
}

// A Result is what was written.
type Result struct {
	Messages   int64      `json:"messages"` // written
	Packets    int64      `json:"packets"`  // more, if messages span several
	Hosts      []Host     `json:"hosts"`    // the interfaces
	First      *time.Time `json:"first"`    // null: none
	Last       *time.Time `json:"last"`     // null: none
	Calls      int        `json:"call_ids"` // of the phones that were asked for
	Masked     int64      `json:"masked"`   // credentials that were replaced
	Padded     int64      `json:"padded"`   // messages with bytes that are not from the log
	PaddedSize int64      `json:"padded_bytes"`
	Duplicates int64      `json:"duplicates"`           // records that were given more than once
	Narrowed   int64      `json:"not_asked_for"`        // messages outside of the span, or of other phones
	Foreign    int64      `json:"other_protocol_ports"` // messages that Wireshark takes for another protocol by their port
	LeftOut    []LeftOut  `json:"left_out"`
	Notes      []string   `json:"notes"`
}

// A Host is a peer whose log has messages.
type Host struct {
	Host     string `json:"host"`
	Messages int64  `json:"messages"`
}

// LeftOut counts messages that cannot be packets.
type LeftOut struct {
	Reason   string `json:"reason"`
	Messages int64  `json:"messages"`
}

// Reasons of messages that were left out.
const (
	NoAddress   = "the record has no address or no port"
	MixedFamily = "one address is IPv4, the other IPv6"
	TooLong     = "Content-Length is above 1 MiB: not a SIP message"
)

// ErrNothing says that there was no message to write.
var ErrNothing = errors.New("no SIP message to write")

// ErrInfo says that the logs hold messages as one line each: they were written at INFO.
var ErrInfo = fmt.Errorf("%w: the logs were written at INFO, which has one line for each message and not the message itself", ErrNothing)

// PCAPNG writes the messages of the sources to w, in the order of their times. After an
// error, which ErrNothing is too, w holds nothing of use.
func PCAPNG(ctx context.Context, w io.Writer, sources []registration.Source, o Options) (*Result, error) {
	res := &Result{Hosts: []Host{}, LeftOut: []LeftOut{}, Notes: []string{}}
	x := &exporter{Options: o, sources: sources, out: newPackets(w, o.Program), res: res, hosts: map[string]int{}}
	if len(o.Phones) > 0 {
		if err := x.findCalls(ctx); err != nil {
			return nil, err
		}
	}
	if err := x.merge(ctx); err != nil {
		return nil, err
	}
	if res.Messages == 0 {
		return nil, x.nothing()
	}
	res.Packets = x.out.packets
	return res, x.out.flush()
}

// An exporter is one run.
type exporter struct {
	Options
	sources []registration.Source
	calls   callSet // nil: all
	out     *packets
	wire    wire
	seen    seen
	hosts   map[string]int // index in res.Hosts
	res     *Result
	lines   bool // there are one-line records, as at INFO
	bodies  bool // there are messages in full, in which the phones were looked for
}

// write writes one message, unless that cannot be.
func (x *exporter) write(m *item) error {
	if x.seen.again(m) {
		x.res.Duplicates++
		return nil
	}
	if reason := ends(m); reason != "" {
		x.leaveOut(reason)
		return nil
	}
	msg, ok := x.wire.build(m.Body, m.Whole, x.Raw)
	if !ok {
		x.leaveOut(TooLong)
		return nil
	}
	x.count(m, &msg)
	return x.out.write(m, &msg, x.place(m))
}

// ends says what is wrong with a message's addresses, "" if nothing is.
func ends(m *item) string {
	l, p := m.Local, m.Peer
	switch {
	case !l.IsValid() || !p.IsValid() || l.Port() == 0 || p.Port() == 0:
		return NoAddress
	case l.Addr().Is4() != p.Addr().Is4():
		return MixedFamily
	}
	return ""
}

func (x *exporter) place(m *item) string {
	file, offset := x.sources[m.source].File, m.Offset
	if x.Place != nil {
		file, offset = x.Place(file, offset)
	}
	return fmt.Sprintf("%s %s byte %d", evidence.Printable(m.Host, maxName), evidence.Printable(file, 500), offset)
}

func (x *exporter) count(m *item, msg *message) {
	r := x.res
	r.Messages++
	r.Masked += int64(msg.masked)
	if msg.padded > 0 {
		r.Padded++
		r.PaddedSize += int64(msg.padded)
	}
	if is, udp := claimed(m.Local.Port(), m.Peer.Port()); is && !msg.udp {
		msg.instead = udp && len(msg.text) <= maxSegment
		if msg.udp = msg.instead; !msg.udp {
			r.Foreign++
		}
	}
	t := m.Time
	if r.First == nil || t.Before(*r.First) {
		r.First = &t
	}
	if r.Last == nil || t.After(*r.Last) {
		r.Last = &t
	}
	i, ok := x.hosts[m.Host]
	if !ok {
		i = len(r.Hosts)
		if i == maxHosts {
			return
		}
		x.hosts[m.Host] = i
		r.Hosts = append(r.Hosts, Host{Host: m.Host})
	}
	r.Hosts[i].Messages++
}

func (x *exporter) leaveOut(reason string) {
	i := slices.IndexFunc(x.res.LeftOut, func(l LeftOut) bool { return l.Reason == reason })
	if i < 0 {
		i = len(x.res.LeftOut)
		x.res.LeftOut = append(x.res.LeftOut, LeftOut{Reason: reason})
	}
	x.res.LeftOut[i].Messages++
}

// nothing says why no message was written.
func (x *exporter) nothing() error {
	r := x.res
	switch {
	case len(r.LeftOut) > 0:
		most := slices.MaxFunc(r.LeftOut, func(a, b LeftOut) int { return cmp.Compare(a.Messages, b.Messages) })
		return fmt.Errorf("%w: of %d messages %s", ErrNothing, most.Messages, most.Reason)
	case r.Narrowed > 0:
		return fmt.Errorf("%w: the logs have %d, none matches", ErrNothing, r.Narrowed)
	case len(r.Notes) > 0:
		return fmt.Errorf("%w: %s", ErrNothing, r.Notes[0])
	case x.lines:
		return ErrInfo
	}
	return fmt.Errorf("%w: the logs have none", ErrNothing)
}
