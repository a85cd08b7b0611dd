package hostconn

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"rtmtgrab/fetch/hostconn/turns"
	"rtmtgrab/internal/beat"
	"rtmtgrab/internal/sshdial"
)

const (
	keepFirst  = 5 * time.Second // before the first redial; doubles
	keepMost   = 5 * time.Minute
	keepLogin  = 11 * time.Minute // after a login without an answer: the ledger adds up those within 10 min
	keepNoSFTP = time.Hour        // after a login that was of no use
	keepProof  = time.Minute      // between two proofs of a host
	proofAgain = 5 * time.Second  // after a proof that failed: a rotation in that moment is no fault
	clockEvery = 2                // proofs between two measurements of the clock
	clockAgain = 5                // and of one that could not be measured
	deepEvery  = 30               // proofs between two that look at how far back the logs go, whatever they know
	keepFixed  = 10 * time.Second // between two looks whether somebody has fixed what keeps it down
	keepSteady = time.Minute      // a session that stood for so long begins the redials anew
)

// A Keeper keeps a host's session in a Pool ready: whoever Gets it needs no round
// trip, the files' names are known, and so is the clock: each minute the host is proven, and
// its clock measured every other time. A session that is lost is dialed again with backoff.
// While logins are refused or blocked, or the host key is another, it looks again every 5
// minutes, or as soon as Fixed says that it is worth it; package sshdial sees to it that
// nothing is sent then, until it may be.
//
// Many of a Pool do not dial at the same time: each waits for its turn, at the start
// too. It never stands in the way of others: they dial at once while it waits, and it
// takes over what they have dialed.
type Keeper struct {
	Pool     *Pool
	Key      string // of the session, as in Pool.Get
	Commands Commands
	Dial     func(context.Context) (*sshdial.Client, error)
	Name     string // of the host, for the log
	Log      *slog.Logger
	Period   time.Duration // between two proofs; zero: a minute
	// Prove looks whether the host's logs could be had now; it tells whoever wants to know, and
	// reports whether all is well. May be nil.
	Prove func(ctx context.Context, conn Conn, l Look) (ok bool)
	State func(KeeperState) // gets each change, and the clock; must be quick; may be nil
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
	if k.rest(ctx, s, k.Pool.Turns.Next(), nil) == restEnded {
		return
	}
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
		if !k.sleep(ctx, s, step, err) {
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

// sleep waits for about a step after err, or longer if that asks for it, and then for its
// turn; or until someone else has dialed, or until what kept the session down is fixed: who
// has done that wants to see that it works. False: ctx has ended.
func (k *Keeper) sleep(ctx context.Context, s *slot, step time.Duration, err error) bool {
	d := turns.Jitter(step, calm(err))
	if k.wait != nil {
		d = k.wait(max(step, calm(err)))
	}
	var fixed func() bool
	if k.Fixed != nil && err != nil {
		fixed = k.Fixed(ctx, err)
	}
	if slept := k.rest(ctx, s, d, fixed); slept != restOver {
		return slept != restEnded
	}
	return k.rest(ctx, s, k.Pool.Turns.Next(), fixed) != restEnded
}

const ( // how a rest came to its end
	restOver  = iota // by its time
	restEarly        // there is something to be done
	restEnded        // with its context
)

// rest waits for d, or as sleep does for less.
func (k *Keeper) rest(ctx context.Context, s *slot, d time.Duration, fixed func() bool) int {
	t := time.NewTimer(d)
	defer t.Stop()
	var look <-chan time.Time
	if fixed != nil {
		tick := time.NewTicker(keepFixed)
		defer tick.Stop()
		look = tick.C
	}
	end := restOver
	for {
		select {
		case <-t.C:
		case <-s.dialed:
			end = restEarly
		case <-ctx.Done():
		case <-look:
			if !fixed() {
				continue
			}
			end = restEarly
		}
		if ctx.Err() != nil {
			end = restEnded
		}
		return end
	}
}

// A Look says how a host is to be proven.
type Look struct {
	Deep bool // how far back the logs go is to be measured anew
	Last bool // what is found is told; otherwise a fault is looked at again a little later, and told then
}

// tend proves the host until its session or ctx ends.
func (k *Keeper) tend(ctx context.Context, conn *shared) {
	defer conn.Close(false)
	defer context.AfterFunc(ctx, func() { conn.Close(false) })() // reads know no context
	period := cmp.Or(k.Period, keepProof)
	k.reportUp(conn, nil)
	var clockErr error
	ill := false // at the last proof: then nothing is to be waited for
	for n := 0; ; n++ {
		look := Look{Deep: n%deepEvery == 0, Last: ill}
		if k.Prove != nil {
			ill = !k.Prove(ctx, conn, look)
		}
		if ill && !look.Last {
			if !conn.stands(ctx, min(proofAgain, period/4)) {
				return
			}
			look.Last = true
			ill = !k.Prove(ctx, conn, look)
		}
		every := clockEvery
		if clockErr != nil {
			every = clockAgain
		}
		if n%every == 0 {
			clockErr = conn.measure(ctx)
			k.reportUp(conn, clockErr)
		}
		wait := period
		if n == 0 { // many hosts are not to be proven in the same second
			wait = rand.N(period)
		}
		if !conn.stands(ctx, beat.On(wait)) {
			return
		}
	}
}

// stands waits for d; false: the session is to be given back before that.
func (s *shared) stands(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.ssh.Done():
	case <-s.replaced:
	case <-s.mute.over:
	case <-ctx.Done():
	}
	return false
}
