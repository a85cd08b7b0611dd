package logs

import (
	"hash/maphash"
	"slices"
	"strings"

	"rtmtgrab/internal/expressway"
)

// A ration is what may be kept of one source. The same source gets the same, whatever is
// read beside it.
type ration struct {
	left      int64 // bytes of messages
	strangers int64 // of left, for phones that did not register so far
	overdraft int64 // and beyond
	notes     int64
	lines     int64
	room      int // calls that more may count

	named map[string]bool // devices and numbers that somebody asked for, in upper case
	calls map[uint64]*caller
	texts []uint64          // those that this source has, a bit each
	more  map[uint64]uint64 // calls that were not kept, with the device, 0 where it is not known
	full  bool              // there were still more
	lost  int64             // messages of calls that were not kept, or were too many
}

// A caller is a Call-ID of which messages are kept.
type caller struct {
	n       int    // messages
	cseq    uint32 // of the last one
	good    bool   // it registered, or was asked for
	charged int64  // to the strangers
}

// rations shares out what may be kept.
func rations(sources []Source, named []string) []*ration {
	sip, other := int64(0), int64(0)
	for i := range sources {
		if sources[i].ShowsSIP() {
			sip++
		} else {
			other++
		}
	}
	asked := map[string]bool{}
	for _, n := range plainNames(named) {
		asked[strings.ToUpper(strings.TrimSpace(n))] = true
	}
	delete(asked, "")
	out := make([]*ration, len(sources))
	for i := range sources {
		share := int64(MaxKept / otherPart)
		if sources[i].ShowsSIP() {
			share = (MaxKept - share) / sip
		} else {
			share /= other
		}
		out[i] = &ration{left: share, strangers: share / strangerPart, overdraft: share / strangerPart / overdraft, notes: share / notePart, lines: share / linePart, room: maxCounted / len(sources),
			named: asked, calls: map[uint64]*caller{}, more: map[uint64]uint64{}}
	}
	return out
}

// hashSeed differs from run to run: nobody can make Call-IDs that collide.
var hashSeed = maphash.MakeSeed()

func hashOf(s string) uint64 { return maphash.String(hashSeed, s) }

// admit reports whether a message is kept, by its caller; nil: it is not, and counted.
func (r *ration) admit(n *expressway.Note) *caller {
	s := n.SIP
	id := s.CallID
	if id == "" {
		id = "hash " + n.Hash // its twin has the Call-ID
	}
	key := hashOf(id)
	good := s.Code/100 == 2 || r.asked(s)
	c := r.calls[key]
	if c == nil {
		if r.left < costCall || !good && r.strangers < costCall {
			r.count(key, s.Device)
			return nil
		}
		c = &caller{}
		r.calls[key] = c
		r.charge(c, costCall)
	}
	if good && !c.good {
		c.good = true
		r.strangers += c.charged
	}
	if most := c.most(); c.n >= most || r.left <= 0 || !c.good && r.strangers <= -r.overdraft {
		r.lost++
		return nil
	}
	if c.n == 0 || c.cseq != s.CSeq {
		r.charge(c, costAttempt)
	}
	c.n, c.cseq = c.n+1, s.CSeq
	r.charge(c, costMessage)
	return c
}

func (c *caller) most() int {
	if c.good {
		return maxCall
	}
	return maxStranger
}

// asked reports whether somebody asked for the phone.
func (r *ration) asked(s *expressway.SIP) bool {
	if len(r.named) == 0 {
		return false
	}
	mac, _ := expressway.MACOfCallID(s.CallID)
	for _, name := range []string{s.Device, strings.TrimPrefix(strings.ToUpper(s.Device), "SEP"), s.ToUser, mac, "SEP" + mac} {
		if name != "" && r.named[strings.ToUpper(name)] {
			return true
		}
	}
	return false
}

func (r *ration) charge(c *caller, bytes int64) {
	r.left -= bytes
	if !c.good {
		r.strangers -= bytes
		c.charged += bytes
	}
}

// count counts a call that is not kept.
func (r *ration) count(key uint64, device string) {
	r.lost++
	was, there := r.more[key]
	if !there && len(r.more) >= r.room {
		r.full = true
		return
	}
	if device != "" {
		was = hashOf(strings.ToUpper(device))
	}
	r.more[key] = was
}

// price is what texts cost that are new in this source.
func (r *ration) price(t *Texts, ids ...Text) (bytes int64) {
	for _, id := range ids {
		i, bit := int(id/64), uint64(1)<<(id%64)
		if i >= len(r.texts) {
			r.texts = append(r.texts, make([]uint64, i+1-len(r.texts)+1024)...)
		}
		if id == 0 || r.texts[i]&bit != 0 {
			continue
		}
		r.texts[i] |= bit
		bytes += costText + t.length(id)
	}
	return bytes
}

// note pays for a record of a connection or an event.
func (r *ration) note(t *Texts, ids ...Text) { r.notes -= costNote + r.price(t, ids...) }

// line pays for a note on a phone's line; false: there is nothing left.
func (r *ration) line(bytes int) bool {
	r.lines -= int64(bytes)
	return r.lines > 0
}

// More is what logs hold beside that which was kept of them.
type More struct {
	Devices  int   // devices, or Call-IDs where no device is known
	AtLeast  bool  // there are more
	Messages int64 // records of messages that were not kept
}

// countMore counts, each once, the devices of which no log's messages were kept.
func countMore(t *Texts, rs []*ration, msgs []*Message) (m More) {
	all := map[uint64]bool{}
	for _, r := range rs {
		m.Messages += r.lost
		m.AtLeast = m.AtLeast || r.full
		for call, device := range r.more {
			if device != 0 {
				call = device
			}
			all[call] = true
		}
	}
	if len(all) == 0 {
		return m
	}
	devices := map[uint64]uint64{} // a log may name the device, and another only the Call-ID
	for _, r := range rs {
		for call, device := range r.more {
			if device != 0 {
				devices[call] = device
			}
		}
	}
	for call, device := range devices {
		if call != device {
			delete(all, call)
		}
	}
	seen := map[Text]bool{0: true}
	for _, msg := range msgs {
		for _, id := range []Text{msg.Call, t.TraitsOf(msg).Device} {
			if seen[id] {
				continue
			}
			seen[id] = true
			key := hashOf(t.Of(id))
			delete(all, key)
			delete(all, devices[key])
			delete(all, hashOf(strings.ToUpper(t.Of(id))))
		}
	}
	m.Devices = len(all)
	return m
}

// plainNames are names of phones as they were given, and without what may stand between
// the digits of a MAC.
func plainNames(named []string) (out []string) {
	plain := strings.NewReplacer(":", "", "-", "", ".", "")
	for _, n := range named {
		out = append(out, n, plain.Replace(n))
	}
	slices.Sort(out)
	return slices.Compact(out)
}
