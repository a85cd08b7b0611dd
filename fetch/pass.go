package fetch

import (
	"context"
	"errors"
	"sync"
	"time"

	"rtmtgrab/fetch/admission"
	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/hostconn/garbage"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/copyqueue"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
)

func (g *Grab) pass(ctx context.Context, asked evidence.Window, onHeld func(at time.Time)) (err error) {
	if err := g.connect(ctx); err != nil {
		return err
	}
	// cancelling must not wait for the peer
	conn := g.holder.Conn()
	defer context.AfterFunc(ctx, func() { conn.Close(true) })()

	g.from = asked.Since
	lookAtClock(ctx, conn, g)
	clock := g.measure(ctx)
	defer func() {
		if err != nil && !atomicfile.Full(err) {
			conn.Close(true)
		}
		<-clock
	}()
	garbage.Relax(1)
	located := sync.OnceFunc(func() { garbage.Relax(-1) }) // copying does so itself
	defer func() { located() }()

	// Files may turn out to have been truncated under the hand (copy and
	// truncate): then their siblings are looked for and the rest is taken there.
	for try := range rounds {
		listed, err := g.holdInTurn(ctx, asked)
		if err != nil {
			return err
		}
		if try == 0 {
			if err := g.held(ctx, asked, <-clock, onHeld); err != nil {
				return err
			}
			if located, err = lookInTurn(ctx, located); err != nil {
				return err
			}
		}
		again, err := false, g.takeRing(ctx, asked)
		if err == nil {
			again, err = g.take(ctx, g.aim(asked, g.of(listed), try == rounds-1), located)
		}
		if err != nil || !again {
			if err == nil {
				g.retention(ctx)()
				noteLeap(ctx, conn, g, !g.of(listed).Before(asked.Until))
			}
			return errors.Join(err, g.save())
		}
		select {
		case <-time.After(min(time.Duration(try)*20*time.Millisecond, 100*time.Millisecond)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	g.store.note("files were truncated repeatedly while they were read")
	return g.save()
}

// A transporter is a hostconn.Conn that knows how files are read: evidence.Transport…, and
// what there is to say of it.
type transporter interface {
	Transport() string
	Notes() []string
}

// A router is a hostconn.Conn that knows how its host was reached: the fields Via and
// Legacy of evidence.Host.
type router interface {
	Route() (via, legacy []string)
}

// connect dials unless there is a connection.
func (g *Grab) connect(ctx context.Context) error {
	g.holder.Host, g.holder.Now = g.Host, g.clock
	fresh, err := g.holder.Connect(ctx)
	if err != nil || !fresh {
		return err
	}
	s, conn := g.store.state, g.holder.Conn()
	if was := s.clock(); was.Known {
		g.clockWas = was
	}
	s.HostKey, s.Clock = conn.HostKey(), nil
	if r, ok := conn.(router); ok {
		s.Via, s.Legacy = r.Route()
	}
	if t, ok := conn.(transporter); ok {
		s.Transport = t.Transport()
		for _, n := range t.Notes() {
			g.store.note("%s", n)
		}
	}
	return nil
}

// measure asks for the host's clock, once a connection, beside other work.
func (g *Grab) measure(ctx context.Context) <-chan logset.Clock {
	if known := g.store.state.clock(); known.Known {
		answer := make(chan logset.Clock, 1)
		answer <- known
		close(answer)
		return answer
	}
	return g.holder.Measure(ctx)
}

// Where all hosts of the process pass before they are held, and before their files are looked into, which takes
// longer: thousands of files looked into at once would be thousands of goroutines that wait for their budget.
var holding, looking = admission.Controller{}, admission.Controller{Counts: 2 * time.Second}

// holdFirst is for how long others may be held before a host's files are looked into.
const holdFirst = 10 * time.Second

// holdInTurn is hold, for the first time with few others at a time if the processors are full; what
// comes after it waits until all others are held too. listed is when its turn came, by this machine's
// clock: what is written until then is held.
func (g *Grab) holdInTurn(ctx context.Context, asked evidence.Window) (listed time.Time, err error) {
	if g.holder.HeldAt.IsZero() {
		release, err := holding.Acquire(ctx)
		if err != nil {
			return listed, err
		}
		defer release()
	}
	listed = g.read()
	return listed, g.hold(ctx, asked)
}

// lookInTurn waits until all others are held, and until this host's files may be looked into. release
// calls before too, which is what it is after an error; a further round waits for nobody.
func lookInTurn(ctx context.Context, before func()) (release func(), err error) {
	holding.WaitEmpty(ctx, holdFirst)
	admitted, err := looking.Acquire(ctx)
	if err != nil {
		return before, err
	}
	return func() { admitted(); before() }, nil
}

// hold holds what the window may need, and takes over what the Holder says.
func (g *Grab) hold(ctx context.Context, asked evidence.Window) error {
	err := g.holder.Hold(ctx, g.cut(asked).Since.Add(-logset.OldEnough))
	var missed []*family
	for _, name := range g.Host.Families {
		f, set := g.store.state.family(name), g.holder.Set(name)
		f.Absent = set.Absent
		fresh := false
		for _, m := range set.Missed {
			if m.Reason == evidence.ReasonVanished && !m.Empty() && f.miss(m.Entry) {
				fresh = true
			}
		}
		if fresh {
			missed = append(missed, f)
		}
	}
	if len(missed) > 0 { // known by no listing any more, should this be the last that is heard of this process
		err = errors.Join(err, g.store.save(missed...))
	}
	for _, n := range g.holder.Notes {
		g.store.note("%s", n)
	}
	return err
}

// held tells that all files are held, once the clock is known; if the files' mtimes are
// not what they seemed it holds again.
func (g *Grab) held(ctx context.Context, asked evidence.Window, clock logset.Clock, onHeld func(at time.Time)) error {
	s := g.store.state
	if !s.clock().Known {
		clock = g.follow(g.clockWas, clock)
	}
	at := g.clock()
	s.compareClock(g.clockWas, clock, at)
	if !clock.Known && at.Sub(s.ClockAt).Abs() <= clockAge { // a line that breaks may be too slow to measure by
		clock, at = g.clockWas, s.ClockAt
	}
	clock = g.clockWas.StillIs(clock) // the same window is in the same bytes: what was found before the connection broke stays
	g.clockWas = logset.Clock{}
	s.setClock(clock, at)
	if clock.Offset.Abs() > logset.UnknownClock {
		if err := g.hold(ctx, asked); err != nil {
			return err
		}
	}
	if g.holder.HeldAt.IsZero() { // there is no file
		g.holder.HeldAt = g.clock()
	}
	if onHeld != nil {
		onHeld(g.holder.HeldAt)
	}
	return nil
}

// cut is the window in the host's time, widened by what is not known of its clock.
func (g *Grab) cut(asked evidence.Window) evidence.Window {
	return cutOf(g.store.state.clock(), asked)
}

// aim is what is wanted of the files that are held since listed.
func (g *Grab) aim(asked evidence.Window, listed time.Time, final bool) *aim {
	return &aim{asked: asked, cut: g.cut(asked), clock: g.store.state.clock(), listed: listed, restless: g.holder.Restless, final: final,
		strange: g.holder.Contradicted(g.store.state.clock()),
		near:    nearTo(g.Share.Near, asked), most: limit(g.Share, g.store.state.Families, asked)}
}

// copier takes one family.
func (g *Grab) copier(a *aim, family string) *copier {
	return &copier{aim: a, store: g.store, f: g.store.state.family(family), set: g.holder.Set(family), meter: &hostconn.Meter{}}
}

// take locates and copies the window in all held files, the families side by side: each
// is one goroutine's. It asks for another round if a file was no longer what was held. located is
// called when the windows are found.
func (g *Grab) take(ctx context.Context, a *aim, located func()) (again bool, err error) {
	copiers := make([]*copier, len(g.Host.Families))
	for i, name := range g.Host.Families {
		copiers[i] = g.copier(a, name)
	}
	if err := g.locate(ctx, copiers); err != nil {
		return false, err
	}
	located()
	if g.lost == 0 { // beside the copying, if the connection is not known to be too short for more than that
		defer g.retention(ctx)()
	}
	if err := keepToLimit(a, copiers); err != nil {
		return false, err
	}
	if err := keepToRoom(a, copiers, g.Share); err != nil {
		return false, err
	}
	turn := g.Share.Queue.Join(copyqueue.Claim{Host: g.Host.Address, Site: g.Share.Site, Alert: g.Share.Near, Yields: g.Share.Yields, Deadline: g.deadline(a, copiers)})
	defer turn.Leave()
	meter := g.meter(copiers, turn)
	err = sideBySide(copiers, g.atOnce(copiers), func(c *copier) error {
		c.meter = meter
		return c.copy(ctx)
	})
	s := g.store.state
	if a.clock.Known {
		s.Ahead = 0
	}
	for _, c := range copiers {
		again = again || c.again
		if !a.clock.Known {
			s.Ahead = max(s.Ahead, c.ahead)
		}
	}
	if s.Ahead > logset.UnknownClock {
		g.store.note("the clock could not be measured; it is at least %s ahead", human.Span(s.Ahead))
	}
	return again && err == nil, err
}

// oneByOne is after how many passes that broke off files are looked into and copied one after
// the other: what was done with one stays, what was half done with many is lost.
const oneByOne = 2

// atOnce is how many families are worked at at a time.
func (g *Grab) atOnce(copiers []*copier) int {
	if g.lost > oneByOne {
		return 1
	}
	return len(copiers)
}

// locate finds the window in the files of all families.
func (g *Grab) locate(ctx context.Context, copiers []*copier) error {
	return sideBySide(copiers, g.atOnce(copiers), func(c *copier) error {
		c.set.OneByOne = g.lost > oneByOne
		return c.locate(ctx)
	})
}

// sideBySide runs f for the copiers, at most so many at a time.
func sideBySide(copiers []*copier, most int, f func(*copier) error) error {
	errs := make([]error, len(copiers))
	hostconn.Each(len(copiers), most, func(i int) { errs[i] = f(copiers[i]) })
	return errors.Join(errs...)
}

// meter counts what a pass takes off the host, and tells how far it is.
func (g *Grab) meter(copiers []*copier, turn *copyqueue.Turn) *hostconn.Meter {
	m := &hostconn.Meter{Turn: turn}
	if g.Progress != nil {
		var total int64
		for _, c := range copiers {
			total += c.missing() // what an earlier pass copied is not taken again
		}
		m.Tell = func(done int64) { g.Progress(Progress{Host: g.Host.Name, Total: total, Done: done}) }
	}
	m.Add(0)
	return m
}

// deadline is when what is wanted will be overwritten, if it is not safe: a handle that
// is held keeps its file, but not where there are no handles, where files are copied and
// truncated, or where the connection broke before. Zero: it is safe.
func (g *Grab) deadline(a *aim, copiers []*copier) time.Time {
	atRisk := g.lost > 0 || g.store.state.Transport == evidence.TransportCommands
	for _, c := range copiers {
		atRisk = atRisk || len(c.set.Truncated)+len(c.set.Missed) > 0
	}
	if !atRisk {
		return time.Time{}
	}
	first := a.listed.Add(24 * time.Hour)
	for _, c := range copiers {
		if oldest, ok := c.plan.Oldest(); ok && c.missing() > 0 { // the log forgets as fast as time goes
			first = evidence.Earlier(first, a.listed.Add(max(a.cut.Since.Sub(oldest), 0)))
		}
	}
	return first
}

// retention looks how far back the logs go, once, and returns what waits for the answer and
// notes it; what was copied does not depend on it.
func (g *Grab) retention(ctx context.Context) (noted func()) {
	if g.retained {
		return func() {}
	}
	wait := g.holder.Retentions(ctx, g.store.state.clock())
	return func() {
		all, err := wait()
		for name, r := range all {
			g.store.state.family(name).Retention = &r
		}
		g.retained = err == nil
	}
}
