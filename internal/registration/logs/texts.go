package logs

import (
	"net/netip"
	"strings"
	"sync"
)

// A Text is a string of the logs, by its number in Texts: a Call-ID stands in thousands
// of messages and is kept once. 0 is the empty string, and so "not known".
type Text uint32

// An End is one end of a connection, an address and port, by its number in Texts. 0: not
// known.
type End uint32

// maxText is how much of one string is kept.
const maxText = 1024

// Texts numbers strings, ends and what Contacts tell of devices. Adding is safe for
// concurrent use; looking up is once all logs are read.
type Texts struct {
	mu     sync.Mutex
	ids    map[string]Text
	all    []string
	ends   map[netip.AddrPort]End
	ports  []netip.AddrPort
	traits map[Traits]uint32
	kinds  []Traits
}

// Traits are what one message shows of its device: parameters and user part of the
// phone's Contact, its User-Agent and the load that its alarm names
// (docs/partial-registration.md). Each is 0 where the message does not say.
type Traits struct{ Device, Model, User, MAC, Software, Load, Contact Text }

func newTexts() *Texts {
	return &Texts{ids: map[string]Text{"": 0}, all: []string{""}, ends: map[netip.AddrPort]End{{}: 0}, ports: []netip.AddrPort{{}},
		traits: map[Traits]uint32{{}: 0}, kinds: []Traits{{}}}
}

// add numbers a string; the empty one is 0.
func (t *Texts) add(s string) Text {
	if len(s) > maxText {
		s = s[:maxText]
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	id, ok := t.ids[s]
	if !ok {
		s = strings.Clone(s)
		id = Text(len(t.all))
		t.ids[s] = id
		t.all = append(t.all, s)
	}
	return id
}

func (t *Texts) addEnd(e netip.AddrPort) End {
	e = plain(e)
	t.mu.Lock()
	defer t.mu.Unlock()
	id, ok := t.ends[e]
	if !ok {
		id = End(len(t.ports))
		t.ends[e] = id
		t.ports = append(t.ports, e)
	}
	return id
}

func (t *Texts) addTraits(k Traits) uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	id, ok := t.traits[k]
	if !ok {
		id = uint32(len(t.kinds))
		t.traits[k] = id
		t.kinds = append(t.kinds, k)
	}
	return id
}

// length is how many bytes a string has.
func (t *Texts) length(id Text) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int64(len(t.all[id]))
}

func (t *Texts) kind(id uint32) Traits {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.kinds[id]
}

// The rest is for after the reading, without the lock.

// Of is the string itself.
func (t *Texts) Of(id Text) string { return t.all[id] }

// AddrPort is the address and port of an end; the zero one where it is not known.
func (t *Texts) AddrPort(e End) netip.AddrPort { return t.ports[e] }

// TraitsOf are what a message shows of its device.
func (t *Texts) TraitsOf(m *Message) Traits { return t.kinds[m.traits] }
