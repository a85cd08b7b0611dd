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
	"io"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/copyqueue"
	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/evidence"
)

// Progress tells how far a grab is.
type Progress struct {
	Host  string
	Total int64 // bytes that this pass is about to take; of gzip files their compressed size
	Done  int64
}

// A Share is what a grab may take where there are others.
type Share struct {
	Queue  *copyqueue.Queue // where the turn to copy is waited for; nil: nobody waits
	Site   string           // for which the host is asked
	Near   time.Time        // the alert: the older it is the sooner its turn comes, and around it bytes are kept when not all may be; zero: the end of the window
	Yields bool             // whoever else copies comes first
	Limit  int64            // bytes of the host that may be on this disk; zero: DefaultLimit, or more if more is expected

	Among   int                // hosts that share what the Reserve leaves, where it is too little for this one and as much for each other; zero: this one alone
	Reserve *diskspace.Reserve // of this disk, which slices and unpacked files leave free; nil: they may fill it
}

// rounds is how often a pass holds and locates anew when files change under it.
const rounds = 10

// A Grab takes the logs of one host for one incident. Its exported fields are
// set before the first call; it is not for concurrent use.
type Grab struct {
	Host hostconn.Host
	Dir  string // local folder for slices and state; made if missing

	Progress func(Progress) // may be nil
	Ring     string         // folder of the host's ring; empty: there is none
	Share    Share
	Copied   func() // called by a Pass that has on disk all that it wanted, before it reads that back; may be nil

	evenClock
	create func(name string, flag int) (file, error)

	store    *store // nil: not read yet
	holder   logset.Holder
	retained bool         // how far back the logs go was noted
	clockWas logset.Clock // of the connection before, until that of this one is known
	lost     int          // passes that broke off once the files were held, and one if any other did
	counted  map[string]counted
	ring     ringUse
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
			g.holder.Drop(true)
			err = g.pass(ctx, asked, onHeld)
		}
		err = g.joinRing(ctx, asked, err)
	}
	if err == nil && g.Copied != nil {
		g.Copied()
	}
	if err != nil && (ctx.Err() != nil || !atomicfile.Full(err)) { // while room is waited for, what is held stays held
		g.broke()
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

// broke lets go of a connection over which a pass came to no end.
func (g *Grab) broke() {
	if !g.holder.HeldAt.IsZero() {
		g.lost++
	}
	g.lost = max(g.lost, 1)
	g.holder.Drop(true)
}

// Adopt takes what another collector has of what is missing in row, the grab's last one, which is of the
// window asked. It returns the row as it is then, whatever the error. Nobody is asked for it but the Loan.
func (g *Grab) Adopt(ctx context.Context, row evidence.Host, asked evidence.Window, l Loan) (evidence.Host, error) {
	if err := g.load(); err != nil {
		return row, err
	}
	return (&adopter{Grab: g, loan: l, asked: asked}).adopt(ctx, row)
}

// Close lets go of the host. What was copied stays in Dir.
func (g *Grab) Close() error {
	g.holder.Drop(g.holder.Conn() == nil)
	return nil
}

// Open returns the joined slice of a family as it is on disk now.
func (g *Grab) Open(family string) (io.ReadCloser, error) {
	if err := g.load(); err != nil {
		return nil, err
	}
	r, err := g.store.state.family(family).open(g.Dir)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// load reads the state from disk, once.
func (g *Grab) load() error {
	if g.store != nil {
		return nil
	}
	s, err := openStore(g.Dir, g.Host, g.create)
	if err == nil {
		s.reserve = g.Share.Reserve
		g.store, g.counted = s, map[string]counted{}
	}
	return err
}

// save writes the state of all families down.
func (g *Grab) save() error { return g.store.save(g.store.state.families()...) }
