package triage

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
)

// A memory is what the alerts of one kind have said so far. Where anyone may trigger each sender of mails is
// remembered by itself: else a stranger's mails could make repeats of what RTMT says.
type memory struct {
	nodes  map[word]time.Time // last seen, by nodeKeys
	names  map[word]time.Time
	counts map[nodeName]level
	said   map[string][]*entry // by the way in which they came, in alert order; of strangers what is in incidents

	fresh   string        // alert that last brought or opened something
	freshAt time.Time     // when
	gap     time.Duration // from freshAt to the next incident of an unchanged storm
}

// A word is what a sender said.
type word struct{ voice, what string }

type nodeName struct {
	node word
	name string
}

// A level is what a counter was.
type level struct {
	n int
	t time.Time
}

func newMemory() *memory {
	return &memory{nodes: map[word]time.Time{}, names: map[word]time.Time{}, counts: map[nodeName]level{}, said: map[string][]*entry{}}
}

// nodeKeys are under what a node is remembered, and under what it is looked up. A short
// name is the same node as each FQDN that begins with it, of which no two are the same.
func nodeKeys(node string) (put [2]string, get []string) {
	short, domain, _ := strings.Cut(node, ".")
	if _, err := netip.ParseAddr(node); err == nil {
		short, domain = node, ""
	}
	put = [2]string{node, short + ".*"}
	if domain == "" {
		return put, put[1:]
	}
	return put, []string{node, short}
}

// sameEntryNode reports whether two nodes may be one.
func sameEntryNode(a, b string) bool {
	_, get := nodeKeys(a)
	put, _ := nodeKeys(b)
	for _, key := range get {
		if key == put[0] || key == put[1] {
			return true
		}
	}
	return false
}

// counter is by what name the counter is called whose value the alert has.
func (e *entry) counter() string { return cmp.Or(e.name, "\x00"+e.way) }

// voice is who says it: the sender of a mail who was not judged; "": who is known.
func (e *entry) voice() string {
	if e.known {
		return ""
	}
	return "from " + e.from
}

// remember takes in what e said; grabbed says that it is in an incident.
func (m *memory) remember(e *entry, grabbed bool) {
	put, _ := nodeKeys(e.node)
	voice := e.voice()
	for _, key := range put {
		m.nodes[word{voice, key}] = e.t
		if e.n != nil {
			m.counts[nodeName{word{voice, key}, e.counter()}] = level{*e.n, e.t}
		}
	}
	if e.name != "" {
		m.names[word{voice, e.name}] = e.t
	}
	if grabbed || e.known {
		m.said[e.way] = append(m.said[e.way], e)
	}
}

// unseen reports whether the node or the name was unseen for a cooldown: silence is news.
// What is no mail has no name of its own.
func (m *memory) unseen(e *entry, cooldown time.Duration) bool {
	var node time.Time
	_, get := nodeKeys(e.node)
	for _, key := range get {
		node = evidence.Later(node, m.nodes[word{e.voice(), key}])
	}
	silent := func(last time.Time) bool { return last.IsZero() || e.t.Sub(last) >= cooldown }
	return silent(node) || e.name != "" && silent(m.names[word{e.voice(), e.name}])
}

// level is what the counter was, as alerts of this way have said; the zero level: nobody has.
func (m *memory) level(e *entry) (l level) {
	_, get := nodeKeys(e.node)
	for _, key := range get {
		if is := m.counts[nodeName{word{e.voice(), key}, e.counter()}]; l.t.IsZero() || is.t.After(l.t) {
			l = is
		}
	}
	return l
}

// rose reports whether the counter is above the node's previous value for that name.
func (m *memory) rose(e *entry) bool {
	if e.n == nil {
		return false
	}
	if e.was != nil {
		return *e.n > *e.was
	}
	l := m.level(e)
	return !l.t.IsZero() && *e.n > l.n
}

// apart is by how much the times may differ that a mail, a poll and a webhook give for one
// event: each sees it when it looks.
const apart = 5 * time.Minute

// told is what has come by another way, at most a cooldown before it, and says what e
// says, so that e is no news. rise says that it is the counter that would be news.
func (p *planner) told(e *entry, rise bool) *entry {
	m := p.of(e.kind)
	back := p.policy.Cooldown
	if e.was != nil { // it knows what was before
		back = apart
	}
	last := m.level(e)
	for way, list := range m.said {
		if way == e.way {
			continue
		}
		for i := len(list) - 1; i >= 0 && e.t.Sub(list[i].t) < back; i-- {
			if e.saysNoMore(list[i], rise, last, p.policy.Cooldown) {
				return list[i]
			}
		}
	}
	return nil
}

// foretold is what has come for the same event with a time shortly after that of e, and is
// of an incident that nothing joins any more: e was slow, and would open another one for
// the same minutes.
func (p *planner) foretold(e *entry, rise bool) *entry {
	last := p.of(e.kind).level(e)
	i, _ := slices.BinarySearchFunc(p.sealed, e.t, func(x *entry, t time.Time) int { return x.t.Compare(t) })
	for ; i < len(p.sealed) && p.sealed[i].t.Sub(e.t) <= apart; i++ {
		if x := p.sealed[i]; x.kind == e.kind && e.saysNoMore(x, rise, last, p.policy.Cooldown) {
			return x
		}
	}
	return nil
}

// saysNoMore reports whether e says nothing beyond x, of about the same time. last is
// what its own way said of the counter before.
func (e *entry) saysNoMore(x *entry, rise bool, last level, cooldown time.Duration) bool {
	switch {
	case e.node != "" && x.node != "" && !sameEntryNode(e.node, x.node):
		return false
	case e.n == nil || x.n != nil:
		return e.n == nil || *x.n >= *e.n
	}
	return !rise || last.t.IsZero() || e.t.Sub(last.t) >= cooldown
}
