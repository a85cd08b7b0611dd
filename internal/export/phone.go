package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"strings"

	"rtmtgrab/internal/expressway"
)

// maxCalls bounds the Call-IDs of the phones that are asked for.
const maxCalls = 1 << 20

// A callSet is Call-IDs, by a hash of 64 bits.
type callSet map[uint64]struct{}

var callSeed = maphash.MakeSeed()

func (s callSet) has(id []byte) bool {
	_, ok := s[maphash.Bytes(callSeed, id)]
	return ok
}

// findCalls looks through all logs for the Call-IDs of the phones: in messages of
// their number, device or MAC. What bears one of them belongs to the phone.
func (x *exporter) findCalls(ctx context.Context) error {
	x.calls = callSet{}
	var phones []phone
	for _, p := range x.Phones {
		phones = append(phones, newPhone(p))
	}
	for i := range x.sources {
		if err := x.findIn(ctx, i, phones); err != nil {
			return err
		}
	}
	x.res.Calls = len(x.calls)
	switch {
	case len(x.calls) > 0:
		return nil
	case !x.bodies:
		return x.nothing()
	}
	return fmt.Errorf("%w: none is from or to %s", ErrNothing, strings.Join(x.Phones, ", "))
}

func (x *exporter) findIn(ctx context.Context, i int, phones []phone) error {
	src := &x.sources[i]
	if src.Open == nil {
		return nil
	}
	f, err := src.Open()
	if err != nil {
		return nil // said when it is opened again
	}
	defer f.Close()
	records := expressway.NewRecordReader(f, src.Offset, expressway.Ref{MTime: src.MTime, Zone: src.Zone})
	var buf []byte
	for {
		rec, err := records.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				return ctx.Err()
			}
			return nil
		}
		m, ok := rec.Message(buf[:0])
		if !ok {
			x.lines = x.lines || rec.MessageLine()
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		x.bodies = true
		buf = m.Body
		id := callID(m.Body)
		if len(id) == 0 || x.calls.has(id) || !anyOf(phones, m.Body, id) {
			continue
		}
		if len(x.calls) == maxCalls {
			return fmt.Errorf("%[2]s has more than %[1]d Call-IDs: name fewer phones", maxCalls, strings.Join(x.Phones, ", "))
		}
		x.calls[maphash.Bytes(callSeed, id)] = struct{}{}
	}
}

// A phone is one that somebody asked for.
type phone struct {
	name string   // as it was given
	mac  string   // twelve digits in upper case, of a MAC or SEP and a MAC; else ""
	text [][]byte // a message of the phone's has one of them, or its MAC in the Call-ID
}

func newPhone(s string) phone {
	s = strings.TrimSpace(s)
	p := phone{name: s, text: [][]byte{[]byte(s), []byte(strings.ToUpper(s)), []byte(strings.ToLower(s))}}
	plain := strings.TrimPrefix(strings.NewReplacer(":", "", "-", "", ".", "").Replace(strings.ToUpper(s)), "SEP")
	if len(plain) == 12 && strings.Trim(plain, "0123456789ABCDEF") == "" {
		p.mac = plain
		p.text = append(p.text, []byte(plain), []byte(strings.ToLower(plain)))
	}
	return p
}

func anyOf(phones []phone, body, id []byte) bool {
	mac, _ := expressway.MACOfCallID(string(id))
	var s *expressway.SIP
	for i := range phones {
		p := &phones[i]
		if p.mac != "" && p.mac == mac {
			return true
		}
		if !p.maybe(body) {
			continue
		}
		if s == nil {
			parsed, ok := expressway.ParseSIP(body)
			if !ok {
				return false
			}
			s = &parsed
		}
		if p.is(s) {
			return true
		}
	}
	return false
}

// maybe is the filter before a message is decoded.
func (p *phone) maybe(body []byte) bool {
	for _, t := range p.text {
		if bytes.Contains(body, t) {
			return true
		}
	}
	return false
}

func (p *phone) is(s *expressway.SIP) bool {
	return strings.EqualFold(s.Device, p.name) || p.mac != "" && s.MAC == p.mac || s.ToUser == p.name || expressway.User(s.From) == p.name
}

// callID is the value of a message's Call-ID.
func callID(body []byte) []byte {
	for line := range bytes.Lines(body) {
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			return nil
		}
		if c := line[0] | 0x20; c != 'c' && c != 'i' {
			continue
		}
		name, value, ok := expressway.CutHeader(line)
		if ok && (bytes.EqualFold(name, []byte("call-id")) || bytes.EqualFold(name, []byte("i"))) {
			return value
		}
	}
	return nil
}
