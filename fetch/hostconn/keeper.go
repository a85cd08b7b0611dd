package hostconn

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"rtmtgrab/internal/sshdial"
)

const (
	keepFirst  = 5 * time.Second // before the first redial; doubles
	keepMost   = 5 * time.Minute
	keepLogin  = 11 * time.Minute // after a login without an answer: the ledger adds up those within 10 min
	keepNoSFTP = time.Hour        // after a login that was of no use
	keepNames  = time.Minute      // between two looks at the names of the files
	clockEvery = 5                // looks between two measurements of the clock
	depthEvery = 30               // looks between two at how far back the logs go
	keepFixed  = 10 * time.Second // between two looks whether somebody has fixed what keeps it down
	keepSteady = time.Minute      // a session that stood for so long begins the redials anew
)

// A Keeper keeps a host's session in a Pool ready: whoever Gets it needs no round
// trip, the files' names are known, and so is the clock. A session that is lost is
// dialed again with backoff. While logins are refused or blocked, or the host key
// is another, it looks again every 5 minutes, or as soon as Fixed says that it
// is worth it; package sshdial sees to it that nothing is sent then, until it may be.
//
// It never stands in the way of others: they dial at once while it waits, and it
// takes over what they have dialed.
type Keeper struct {
	Pool     *Pool
	Key      string // of the session, as in Pool.Get
	Commands Commands
	Dial     func(context.Context) (*sshdial.Client, error)
	Name     string // of the host, for the log
	Log      *slog.Logger
	Names    func(ctx context.Context, conn Conn) // called once a minute: asks which files there are, for the next one to know; may be nil
	Depths   func(ctx context.Context, conn Conn) // called twice an hour: looks at how far back the logs go; may be nil
	State    func(KeeperState)                    // gets each change, and the clock; must be quick; may be nil
	// Fixed is given what keeps the session down, and returns what tells, without sending
	// anything, that a person has fixed it; nil: nothing can. It may be nil itself.
	Fixed func(ctx context.Context, err error) func() bool

	wait func(time.Duration) time.Duration // how long to wait in place of so long; nil: about as long
}

// Run keeps the session until ctx ends, and lets go of it.
func (k *Keeper) Run(ctx context.Context) {
	s := k.Pool.enter(k.Key) // what is known of the host outlives a session
	defer k.Pool.leave(k.Key, s, nil, false)
	k.report(KeeperState{Running: true})
	defer k.report(KeeperState{})
	var step time.Duration
	down, final := false, false // what has been said of this outage
	for {
		began := time.Now()
		conn, err := k.Pool.Get(ctx, k.Key, k.Commands, k.Dial)
		if err == nil {
			if down {
				k.Log.Info("warm session restored", "host", k.Name)
			}
			down, final = false, false
			if mute := k.use(ctx, s, conn.(*shared)); mute && time.Since(began) > keepFirst {
				continue // another channel costs no login
			}
		} else if ctx.Err() == nil {
			k.report(KeeperState{Running: true, Err: err})
		}
		if ctx.Err() != nil {
			return
		}
		// an outage that the first redial ends is none
		if err != nil && (!down || Permanent(err) && !final) {
			k.Log.Warn("warm session lost", "host", k.Name, "err", err)
			down, final = true, Permanent(err)
		}
		if step = min(2*step, keepMost); step == 0 || err == nil && time.Since(began) > keepSteady {
			step = keepFirst
		}
		if !k.sleep(ctx, s, max(step, calm(err)), err) {
			return
		}
	}
}

// use keeps a session as long as it stands. mute reports that it wants but another channel.
func (k *Keeper) use(ctx context.Context, s *slot, conn *shared) (mute bool) {
	select { // it may have been this dial
	case <-s.dialed:
	default:
	}
	k.tend(ctx, conn)
	k.reportDown(conn)
	return errors.Is(conn.Session.Lost(), errMute)
}

// calm is how long to let a host be after an error, at least.
func calm(err error) time.Duration {
	if errors.Is(err, ErrNoSFTP) {
		return keepNoSFTP
	}
	if Permanent(err) {
		return keepMost
	}
	if e, ok := errors.AsType[*sshdial.Error](err); ok && e.Stage == sshdial.StageLogin {
		return keepLogin
	}
	return 0
}

// Permanent reports whether a person has to do something about an error.
func Permanent(err error) bool {
	p, ok := errors.AsType[interface {
		error
		Permanent() bool
	}](err)
	return ok && p.Permanent()
}

// sleep waits for about d after err, or until someone else has dialed, or until what
// kept the session down is fixed: who has done that wants to see that it works.
// False: ctx has ended.
func (k *Keeper) sleep(ctx context.Context, s *slot, d time.Duration, err error) bool {
	if k.wait != nil {
		d = k.wait(d)
	} else {
		d += rand.N(d/4 + 1) // many hosts behind one line are not to come at the same time
	}
	t := time.NewTimer(d)
	defer t.Stop()
	var fixed func() bool
	if k.Fixed != nil && err != nil {
		fixed = k.Fixed(ctx, err)
	}
	var look <-chan time.Time
	if fixed != nil {
		tick := time.NewTicker(keepFixed)
		defer tick.Stop()
		look = tick.C
	}
	for {
		select {
		case <-t.C:
		case <-s.dialed:
		case <-ctx.Done():
		case <-look:
			if !fixed() {
				continue
			}
		}
		return ctx.Err() == nil
	}
}

// tend keeps what is known of the host fresh until its session or ctx ends.
func (k *Keeper) tend(ctx context.Context, conn *shared) {
	defer conn.Close(false)
	defer context.AfterFunc(ctx, func() { conn.Close(false) })() // reads know no context
	tick := time.NewTicker(keepNames)
	defer tick.Stop()
	k.reportUp(conn)
	for n := 0; ; n++ {
		if k.Names != nil {
			k.Names(ctx, conn)
		}
		if n%clockEvery == 0 {
			conn.measure(ctx)
			k.reportUp(conn)
		}
		if n%depthEvery == 0 && k.Depths != nil {
			k.Depths(ctx, conn)
		}
		select {
		case <-tick.C:
		case <-conn.ssh.Done():
			return
		case <-conn.replaced:
			return
		case <-conn.mute.over:
			return
		case <-ctx.Done():
			return
		}
	}
}
