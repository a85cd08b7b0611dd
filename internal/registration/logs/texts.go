package logs

import (
	"net/netip"
	"strings"
	"sync"
)

// A Text is a string of the logs, by its number in texts: a Call-ID stands in
// thousands of messages and is kept once.
type Text uint32

// maxText is how much of one string is kept.
const maxText = 1024

// Texts numbers strings, addresses and what Contacts tell of devices. It is safe for
// concurrent use while logs are read.
type Texts struct {
	mu     sync.Mutex
	ids    map[string]Text
	all    []string
	ends   map[netip.AddrPort]uint32
	ports  []netip.AddrPort
	traits map[Traits]uint32
	kinds  []Traits
}

// Traits are what one message tells of its device. Its zero value is at 0.
type Traits struct{ Device, Model, User, MAC, Software, Load, Contact Text }

func newTexts() *Texts {
	return &Texts{ids: map[string]Text{"": 0}, all: []string{""}, ends: map[netip.AddrPort]uint32{{}: 0}, ports: []netip.AddrPort{{}},
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

func (t *Texts) addEnd(e netip.AddrPort) uint32 {
	e = plain(e)
	t.mu.Lock()
	defer t.mu.Unlock()
	id, ok := t.ends[e]
	if !ok {
		id = uint32(len(t.ports))
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

// The rest is for after the reading, without the lock.

func (t *Texts) Of(id Text) string                 { return t.all[id] }
func (t *Texts) AddrPort(id uint32) netip.AddrPort { return t.ports[id] }
func (t *Texts) TraitsOf(m *Message) Traits        { return t.kinds[m.traits] }
