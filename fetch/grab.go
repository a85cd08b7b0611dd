// Package fetch copies the logs of an Expressway over SSH before they rotate
// away.
//
// It takes hold first: every file of every family is opened before much of any
// is read, for an open handle survives rename and unlink and a name does not.
// Then it finds the window in each file by search, copies just those bytes,
// verbatim and never half a record, and says which parts of the window it could
// not get, and why. A pass can be repeated: what is on disk is not copied again.
//
// It only reads: no function of this package changes anything on a host. It
// knows nothing of mail, incidents or bundles.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

// Progress tells how far a grab is.
type Progress struct {
	Host  string
	Total int64 // bytes that this pass is about to take; of gzip files their compressed size
	Done  int64
}

// UnknownClock is by how much a window is widened on either side for a host
// whose clock could not be measured.
const UnknownClock = 60 * time.Second

// Rounds is how often a pass holds and plans anew when files change under it.
const Rounds = 10

// A Grab takes the logs of one host for one incident. Its exported fields are
// set before the first call; it is not for concurrent use.
type Grab struct {
	Host hostconn.Host
	Dir  string // local folder for slices and state; made if missing

	Progress func(Progress) // may be nil
	Ring     string         // folder of the host's ring; empty: there is none
	Copied   func()         // called by a Pass that has on disk all that it wanted, before it reads that back; may be nil

	now    func() time.Time // collector's clock; nil is time.Now
	create func(name string, flag int) (file, error)
	skip   func(listed []hostconn.Entry, e hostconn.Entry) bool // an entry that need not be held; nil: none. It is asked while entries are chosen

	turn      *sync.Mutex // who has the Grab while families are worked at side by side
	conn      hostconn.Conn
	held      map[string][]*File // by family
	listing   []hostconn.Entry   // of the families' files, the last
	foreseen  bool               // how far back the logs go was noted
	truncated []*File            // closed: what they held was cut off under the hand
	suspects  []suspect          // gaps of those that were
	missed    []Missed           // listed and not held, at the last hold
	restless  time.Time          // from when on the folder never came to rest, at the last hold; zero: it did
	heldAt    time.Time          // when the last file was held that was new; zero: none on this connection
	round     int                // counts listings of this connection and of earlier ones
	breaks    []Break            // where files may have come and gone between two listings
	took      time.Time          // when the last pass over this connection began that got all; zero: there was none
	saved     int64              // bytes copied when the state was last saved
	state     *state
	surveyed  map[string]surveyed
	ring      ringUse
}

// Pass reaches the host, unless it is connected already, holds its files and
// copies what there is of the asked window. It returns the host's row as it
// stands, whatever the error; only a context that was cancelled without a cause,
// as at the end of the program, leaves it empty, for reading the slices would take
// its time: the next Pass tells. onHeld, which may be nil, is called when all files
// are held, and told since when they are: looking whether there are more takes
// longer than to hold them. A further Pass goes on with what is held and on disk;
// an error that is Permanent() will come again.
func (g *Grab) Pass(ctx context.Context, asked evidence.Window, onHeld func(at time.Time)) (evidence.Host, error) {
	err := g.load()
	if err == nil {
		if err = g.pass(ctx, asked, onHeld); errors.Is(err, hostconn.ErrSilent) { // another session is ready
			g.drop(true)
			err = g.pass(ctx, asked, onHeld)
		}
		err = g.joinRing(ctx, asked, err)
	}
	if err == nil && g.Copied != nil {
		g.Copied()
	}
	if err != nil && (ctx.Err() != nil || !atomicfile.Full(err)) { // while room is waited for, what is held stays held
		g.drop(true)
		if ctx.Err() != nil {
			err = errors.Join(context.Cause(ctx), err)
		}
	}
	row, rowErr := g.row(ctx, asked, err)
	if stopping(ctx) {
		return evidence.Host{}, errors.Join(context.Cause(ctx), err)
	}
	return row, errors.Join(err, rowErr)
}

func (g *Grab) pass(ctx context.Context, asked evidence.Window, onHeld func(at time.Time)) (err error) {
	if err := g.connect(ctx); err != nil {
		return err
	}
	// cancelling must not wait for the peer
	conn := g.conn
	defer context.AfterFunc(ctx, func() { conn.Close(true) })()

	clock := g.measure(ctx)
	defer func() {
		if err != nil && !atomicfile.Full(err) {
			conn.Close(true)
		}
		<-clock
	}()
	// Files may turn out to have been truncated under the hand (copy and
	// truncate): then their siblings are looked for and the rest is taken there.
	for try := range Rounds {
		listed := g.clock()
		if err := g.hold(ctx, g.cut(asked).Since.Add(-OldEnough)); err != nil {
			return err
		}
		if try == 0 {
			g.state.setClock(<-clock)
			if g.state.offset().Abs() > UnknownClock { // its mtimes are not what they seemed
				if err := g.hold(ctx, g.cut(asked).Since.Add(-OldEnough)); err != nil {
					return err
				}
			}
			if g.heldAt.IsZero() { // there is no file
				g.heldAt = g.clock()
			}
			if onHeld != nil {
				onHeld(g.heldAt)
			}
		}
		if err := g.takeRing(ctx, asked); err != nil {
			return err
		}
		again, err := g.take(ctx, asked, listed, try == Rounds-1)
		if err != nil || !again {
			if err == nil && !g.foreseen {
				g.foreseen = g.foresee(ctx) == nil // what was copied does not depend on it
			}
			return errors.Join(err, g.save())
		}
		select {
		case <-time.After(min(time.Duration(try)*20*time.Millisecond, 100*time.Millisecond)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	g.note("files were truncated again and again while they were read")
	return g.save()
}

// connect dials unless there is a connection.
func (g *Grab) connect(ctx context.Context) error {
	if g.conn != nil {
		return nil
	}
	g.took = time.Time{}
	conn, err := g.Host.Dial(ctx)
	if err != nil {
		return err
	}
	g.conn, g.held, g.heldAt = conn, map[string][]*File{}, time.Time{}
	g.state.HostKey = conn.HostKey()
	if r, ok := conn.(router); ok {
		g.state.Via, g.state.Legacy = r.Route()
	}
	g.state.Clock = nil
	if t, ok := conn.(transporter); ok {
		g.state.Transport = t.Transport()
		for _, n := range t.Notes() {
			g.note("%s", n)
		}
	}
	return nil
}

// A transporter is a Conn that knows how files are read: evidence.Transport…, and
// what there is to say of it.
type transporter interface {
	Transport() string
	Notes() []string
}

// A router is a Conn that knows how its host was reached: the fields Via and
// Legacy of evidence.Host.
type router interface {
	Route() (via, legacy []string)
}

// Clock is the outcome of asking a host for its time.
type Clock struct {
	Offset, Doubt time.Duration
	Known         bool
}

// measure asks for the host's clock, once a connection, beside other work.
func (g *Grab) measure(ctx context.Context) <-chan Clock {
	c := make(chan Clock, 1)
	if known := g.state.Clock; known != nil {
		c <- Clock{*known, g.state.Doubt, true}
		close(c)
		return c
	}
	conn := g.conn
	go func() { // pass waits for it
		defer close(c)
		offset, doubt, err := conn.Clock(ctx)
		c <- Clock{offset, doubt, err == nil}
	}()
	return c
}

// take locates and copies the window in all held files. It asks for another
// round if a file was no longer what was held.
func (g *Grab) take(ctx context.Context, asked evidence.Window, listed time.Time, final bool) (again bool, err error) {
	cut := g.cut(asked)
	plans := make([]*Plan, len(g.Host.Families))
	err = g.sideBySide(func(i int, family string) (err error) {
		plans[i], err = g.plan(ctx, family, cut)
		return err
	})
	if err != nil {
		return false, err
	}
	var total int64
	for _, p := range plans {
		if p.final = final; final {
			g.truncated = append(g.truncated, p.Stale...)
		}
		again = again || p.again
		total += p.Bytes()
	}
	meter := &hostconn.Meter{Pace: g.careful(plans, listed)}
	if g.Progress != nil {
		meter.Tell = func(done int64) { g.Progress(Progress{Host: g.Host.Name, Total: total, Done: done}) }
	}
	meter.Add(0)
	err = g.sideBySide(func(i int, _ string) error {
		more, err := g.copyPlan(ctx, plans[i], asked, listed, meter)
		again = again || more
		return err
	})
	return again && err == nil, err
}

// cut is the window in the host's time, widened by what is not known of its clock.
func (g *Grab) cut(asked evidence.Window) evidence.Window {
	return asked.Shift(g.state.offset()).Widen(g.state.doubt())
}

// drop lets go of all handles and of the connection.
func (g *Grab) drop(broken bool) {
	conn := g.conn
	g.conn = nil
	if conn != nil && broken {
		conn.Close(true) // first: a sick peer answers no CLOSE
	}
	for _, hs := range g.held {
		each(len(hs), func(i int) { hs[i].Handle.Close() })
	}
	g.held = nil
	if conn != nil && !broken {
		conn.Close(false)
	}
}

// Close lets go of the host. What was copied stays in Dir.
func (g *Grab) Close() error {
	g.drop(g.conn == nil)
	return nil
}

func (g *Grab) clock() time.Time {
	if g.now != nil {
		return g.now()
	}
	return time.Now()
}

func (g *Grab) open(name string, flag int) (file, error) {
	if g.create != nil {
		return g.create(name, flag)
	}
	f, err := os.OpenFile(g.path(name), flag, 0o600)
	if err == nil && flag&os.O_CREATE != 0 {
		atomicfile.Adopt(g.path(name))
	}
	return f, err
}

func (g *Grab) ref(mtime time.Time) expressway.Ref {
	return expressway.Ref{MTime: mtime, Zone: g.Host.Zone}
}

// Open returns the joined slice of a family as it is on disk now.
func (g *Grab) Open(family string) (io.ReadCloser, error) {
	if err := g.load(); err != nil {
		return nil, err
	}
	return g.state.family(family).open(g.Dir)
}

// note writes a remark about the host down, once.
func (g *Grab) note(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	if !slices.Contains(g.state.Notes, s) && len(g.state.Notes) < 100 {
		g.state.Notes = append(g.state.Notes, s)
	}
}
