package export

import (
	"context"
	"encoding/binary"
	"hash/maphash"

	"rtmtgrab/internal/evidence"
)

// Bounds on what is held at a time.
const (
	maxOpen    = 64       // sources; those beyond come after them, in the order of their own times
	maxWaiting = 32 << 20 // bytes of messages that wait for their turn
	maxSeen    = 1 << 20  // messages among which a record that is given twice is found
)

// merge writes the messages of all sources by time.
func (x *exporter) merge(ctx context.Context) error {
	for from := 0; from < len(x.sources); from += maxOpen {
		if err := x.mergeSome(ctx, from, min(from+maxOpen, len(x.sources))); err != nil {
			return err
		}
	}
	return nil
}

func (x *exporter) mergeSome(ctx context.Context, from, to int) error {
	type head struct {
		*reader
		m *item
	}
	var heads []head
	defer func() {
		for _, h := range heads {
			h.close()
		}
	}()
	for i := from; i < to; i++ {
		r := x.open(i, maxWaiting/(to-from))
		if m := r.next(ctx); m != nil {
			heads = append(heads, head{r, m})
			continue
		}
		r.close() // it has no message, or there is no time
	}
	for len(heads) > 0 {
		first := 0
		for i := range heads {
			if heads[i].m.Time.Before(heads[first].m.Time) {
				first = i
			}
		}
		h := &heads[first]
		if err := x.write(h.m); err != nil {
			return err
		}
		h.done(h.m)
		if h.m = h.next(ctx); h.m == nil {
			h.close()
			heads = append(heads[:first], heads[first+1:]...)
		}
	}
	return ctx.Err()
}

// A seen knows the last messages that were written, by a hash of 64 bits: at least
// maxSeen of them, at most twice as many.
type seen struct {
	seed       maphash.Seed
	now, older map[uint64]struct{}
}

// again reports whether the same record came before: from a copy of its file, or from
// the log and a diagnostic archive.
func (s *seen) again(m *item) bool {
	if s.now == nil {
		s.seed, s.now = maphash.MakeSeed(), map[uint64]struct{}{}
	}
	k := s.key(m)
	_, a := s.now[k]
	_, b := s.older[k]
	if a || b {
		return true
	}
	if len(s.now) == maxSeen {
		s.now, s.older = map[uint64]struct{}{}, s.now
	}
	s.now[k] = struct{}{}
	return false
}

func (s *seen) key(m *item) uint64 {
	var h maphash.Hash
	h.SetSeed(s.seed)
	var b [9]byte
	binary.LittleEndian.PutUint64(b[:], uint64(evidence.Nanos(m.Time)))
	if m.Sent {
		b[8] = 1
	}
	h.Write(b[:])
	h.WriteString(m.Host)
	h.WriteByte(0)
	if m.Hash != "" {
		h.WriteString(m.Hash)
	} else {
		h.WriteString(m.Local.String() + m.Peer.String())
		h.Write(m.Body)
	}
	return h.Sum64()
}
