package registration

import (
	"net/netip"
	"strings"
	"sync"
)

// A text is a string of the logs, by its number in texts: a Call-ID stands in
// thousands of messages and is kept once.
type text uint32

// maxText is how much of one string is kept.
const maxText = 1024

// texts numbers strings, addresses and what Contacts tell of devices. It is safe for
// concurrent use while logs are read.
type texts struct {
	mu     sync.Mutex
	ids    map[string]text
	all    []string
	ends   map[netip.AddrPort]uint32
	ports  []netip.AddrPort
	traits map[traits]uint32
	kinds  []traits
}

// traits are what one message tells of its device. Its zero value is at 0.
type traits struct{ device, model, user, mac, software, load, contact text }

func newTexts() *texts {
	return &texts{ids: map[string]text{"": 0}, all: []string{""}, ends: map[netip.AddrPort]uint32{{}: 0}, ports: []netip.AddrPort{{}},
		traits: map[traits]uint32{{}: 0}, kinds: []traits{{}}}
}

// add numbers a string; the empty one is 0.
func (t *texts) add(s string) text {
	if len(s) > maxText {
		s = s[:maxText]
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	id, ok := t.ids[s]
	if !ok {
		s = strings.Clone(s)
		id = text(len(t.all))
		t.ids[s] = id
		t.all = append(t.all, s)
	}
	return id
}

func (t *texts) addEnd(e netip.AddrPort) uint32 {
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

func (t *texts) addTraits(k traits) uint32 {
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

func (t *texts) of(id text) string            { return t.all[id] }
func (t *texts) end(id uint32) netip.AddrPort { return t.ports[id] }
func (t *texts) traitsOf(m *message) traits   { return t.kinds[m.traits] }
