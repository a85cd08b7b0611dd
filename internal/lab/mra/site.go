package mra

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/timeline"
)

// SiteConfig says what a Site is like. Only C and E are required.
type SiteConfig struct {
	C, E   []*lab.Expressway // at least one each; the Site fills and grows their logs
	CUCM   []string          // nodes as FQDN, the primary first; zero: cucm01.example.com, cucm02.example.com
	Phones int               // zero: 4
	Lines  int               // of each phone; zero: 2
	Sets   []PhoneConfig     // how the first phones differ from the others
	// Expires is CUCM's answer, in whole seconds; zero: the real 120 s. Phones send
	// their keep-alives Delta before it, zero: Expires/24 (5 s); CUCM forgets a phone
	// Grace after it, zero: Expires/8 (15 s).
	Expires, Delta, Grace time.Duration
	Seed                  uint64
	SDL                   *SDLConfig      // traces of the CUCM nodes; nil: none
	LogFrom               time.Time       // the logs begin there, if the Site begins before; zero: with it
	Notify                func(Happening) // told of everything, in order, by the Site's own goroutine; nil: nobody
}

// A Site is a CUCM cluster with phones that register through Expressways. It runs
// through the past at once (Backfill) and through the present by the clock (Start).
type Site struct {
	cfg    SiteConfig
	time   *timeline.Timeline
	rng    *rand.Rand // used by the timeline's runner alone
	nodes  []*cucm
	phones []*phone
	c, e   []*peer
	cancel context.CancelFunc
	wg     sync.WaitGroup

	story story

	mu        sync.Mutex
	begun     bool
	scheduled []Event // before the beginning
}

// NewSite makes one. Nothing happens until Backfill or Start.
func NewSite(cfg SiteConfig) (*Site, error) {
	if len(cfg.C) == 0 || len(cfg.E) == 0 {
		return nil, errors.New("make site: an Expressway-C and an -E are needed")
	}
	names := map[string]bool{}
	for _, e := range append(append([]*lab.Expressway{}, cfg.C...), cfg.E...) {
		if names[e.Name()] {
			return nil, fmt.Errorf("make site: the name %s is used twice", e.Name())
		}
		names[e.Name()] = true
	}
	cfg.setDefaults()
	s := &Site{cfg: cfg, rng: lab.NewRand(cfg.Seed), story: story{notify: cfg.Notify}}
	s.time = timeline.New(func() {
		for _, e := range s.peers() {
			e.Flush()
		}
	})
	s.addPeers()
	for _, n := range cfg.CUCM {
		s.nodes = append(s.nodes, &cucm{site: s, name: n, ip: NodeAddress(n), regs: map[string]*registration{}})
	}
	for i := range cfg.Phones {
		p := newPhone(s, i)
		if s.phones = append(s.phones, p); p.cfg.HA {
			p.twin = newTwin(p)
		}
	}
	addTraces(s)
	return s, nil
}

func (c *SiteConfig) setDefaults() {
	if len(c.CUCM) == 0 {
		c.CUCM = []string{"cucm01.example.com", "cucm02.example.com"}
	}
	if c.Phones == 0 {
		c.Phones = 4
	}
	if c.Lines == 0 {
		c.Lines = 2
	}
	if c.Expires == 0 {
		c.Expires = 120 * time.Second
	}
	if c.Delta == 0 {
		c.Delta = c.Expires / 24
	}
	if c.Grace == 0 {
		c.Grace = c.Expires / 8
	}
}

// addPeers makes the Site's peers of its Expressways. Before LogFrom they log nothing.
func (s *Site) addPeers() {
	early := !s.cfg.LogFrom.IsZero()
	newPeer := func(e *lab.Expressway) *peer {
		return &peer{Expressway: e, time: s.time, rng: s.rng, silent: early, stalls: map[string]time.Time{}}
	}
	for _, c := range s.cfg.C {
		p := newPeer(c)
		p.links, p.instead = map[*cucm]*link{}, map[*cucm]*cucm{}
		s.c = append(s.c, p)
	}
	for i, e := range s.cfg.E {
		p := newPeer(e)
		p.zone = &zone{port: 25013 + 2*i}
		s.e = append(s.e, p)
	}
	if early {
		s.time.At(s.cfg.LogFrom, func(time.Time) {
			for _, e := range s.peers() {
				e.silent = false
			}
		})
	}
}

// peers are all of them, the Cs first.
func (s *Site) peers() []*peer { return slices.Concat(s.c, s.e) }

// begin lets the background grow and the phones register, from t on.
func (s *Site) begin(t time.Time) {
	s.mu.Lock()
	s.begun = true
	todo := s.scheduled
	s.mu.Unlock()
	for _, e := range s.peers() {
		e.Grow(s.time, later(t, s.cfg.LogFrom), func() bool { return e.silent || e.frozen })
	}
	growTraces(s, t)
	for _, p := range s.all() {
		p.boot(t.Add(p.cfg.Boots+time.Duration(s.rng.Float64()*float64(s.Interval())/4)), "25", "initialized")
	}
	for _, ev := range todo {
		s.plan(ev)
	}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// Interval is the phones' cadence.
func (s *Site) Interval() time.Duration { return s.cfg.Expires - s.cfg.Delta }

// Backfill lets everything of [since, now) happen at once. Call it before Start,
// and at most once.
func (s *Site) Backfill(since time.Time) { s.BackfillUntil(since, time.Now()) }

// BackfillUntil does the same for [since, until), whatever the clock says. A Site
// that goes on with Start wants until to be now.
func (s *Site) BackfillUntil(since, until time.Time) {
	s.begin(since)
	s.time.RunUntil(until)
}

// Start goes on in real time until Close or until ctx is done. It returns at once.
func (s *Site) Start(ctx context.Context) {
	ctx, s.cancel = context.WithCancel(ctx)
	s.mu.Lock()
	begun := s.begun
	s.mu.Unlock()
	if !begun {
		s.begin(time.Now())
	}
	s.wg.Go(func() { s.time.Live(ctx) })
}

// Close stops the Site and waits for it. Close it before its Expressways.
func (s *Site) Close() {
	if s.cancel != nil {
		s.cancel()
	}
	s.wg.Wait()
}

// Schedule plans an event, before or while the Site runs.
func (s *Site) Schedule(ev Event) error {
	if ev.Phone < 0 || ev.Phone >= len(s.phones) {
		return fmt.Errorf("schedule %s: no phone %d", ev.Kind, ev.Phone)
	}
	s.mu.Lock()
	begun := s.begun
	if !begun {
		s.scheduled = append(s.scheduled, ev)
	}
	s.mu.Unlock()
	if begun {
		s.plan(ev)
	}
	return nil
}

// plan hands an event to the timeline's runner, which owns the phones.
func (s *Site) plan(ev Event) {
	p := s.phones[ev.Phone]
	switch ev.Kind {
	case LateKeepAlive:
		s.time.At(ev.At.Add(-s.silence()-s.Interval()), func(time.Time) { p.beLate(ev.At) })
	case DropTCP:
		s.time.At(ev.At, func(now time.Time) { s.link(p.c, s.nodes[0]).drop(now) })
	case Reset:
		s.time.At(ev.At, func(now time.Time) { p.reset(now, ev.Alarm) })
	default:
		s.time.At(ev.At, func(now time.Time) { s.happen(now, p, ev) })
	}
}

// link is the connection from c that reaches u, or the node that is reached instead.
func (s *Site) link(c *peer, u *cucm) *link {
	if other := c.instead[u]; other != nil && other != u {
		return s.link(c, other)
	}
	if c.links[u] == nil {
		c.links[u] = &link{site: s, c: c, cucm: u}
	}
	return c.links[u]
}

// timeout is how long a peer waits for an answer: 32 s, with CUCM's Expires of 120.
func (s *Site) timeout() time.Duration { return s.cfg.Expires * 4 / 15 }

// silence is how long a phone must not be heard of for CUCM to forget it for sure.
func (s *Site) silence() time.Duration { return s.cfg.Expires + s.cfg.Grace + 100*time.Millisecond }

// Happened is everything that happened so far. It is a copy.
func (s *Site) Happened() []Happening { return s.story.since(0) }

// HappenedSince is what happened after the first n happenings. It is a copy.
func (s *Site) HappenedSince(n int) []Happening { return s.story.since(n) }

// Story is what happened to a device, in order, repetitions told once.
func (s *Site) Story(device string) string {
	var words []string
	for _, h := range s.Happened() {
		if h.Device == device && (len(words) == 0 || words[len(words)-1] != h.What) {
			words = append(words, h.What)
		}
	}
	return strings.Join(words, " ")
}

// Devices are the phones' names, in the order of their indices.
func (s *Site) Devices() []string {
	var out []string
	for _, p := range s.phones {
		out = append(out, p.device)
	}
	return out
}

// MACs are their addresses, with which their Call-IDs begin: twelve digits, upper case.
func (s *Site) MACs() []string {
	var out []string
	for _, p := range s.phones {
		out = append(out, strings.ToUpper(p.mac))
	}
	return out
}

// Partial is the counter PartiallyRegisteredPhone of a node, a name or FQDN, as
// of what has happened so far.
func (s *Site) Partial(node string) int {
	partial := map[string]bool{}
	for _, h := range s.Happened() {
		short, _, _ := strings.Cut(h.CUCM, ".")
		if h.Device != "" && (node == h.CUCM || node == short) {
			partial[h.Device] = h.Lines > 0 && h.Lines < h.All
		}
	}
	n := 0
	for _, p := range partial {
		if p {
			n++
		}
	}
	return n
}

// Nodes are the CUCM nodes, as FQDN, the primary first.
func (s *Site) Nodes() []string { return slices.Clone(s.cfg.CUCM) }

// TraceFiles are the files that a node (name or FQDN) has now, the oldest first of each kind.
func (s *Site) TraceFiles(node string) []TraceFile {
	if t := traceOf(s, node); t != nil {
		return t.list()
	}
	return nil
}

// ReadTrace is what a file of a node holds now, as it is stored: gzip for SDL, without
// a trailer while it is written.
func (s *Site) ReadTrace(node, path string) ([]byte, error) {
	t := traceOf(s, node)
	if t == nil {
		return nil, fmt.Errorf("read %s of %s: no such node", path, node)
	}
	return t.read(path)
}

// TraceRecords is the truth: every record that a node has written, in the order of writing.
func (s *Site) TraceRecords(node string) []TraceRecord {
	if t := traceOf(s, node); t != nil {
		return t.all()
	}
	return nil
}
