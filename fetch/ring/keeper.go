package ring

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/klauspost/compress/zstd"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/expressway"
	"rtmtgrab/internal/leap"
)

const (
	backoff    = time.Minute      // the longest wait after an error
	clockEvery = 10 * time.Minute // between two looks at the host's clock
	leastRoom  = 256 << 20        // bytes above the disk's reserve that a ring leaves free
)

// A Keeper keeps a rolling copy of one host's logs on this machine: what an alert that
// comes late would not find on the host any more. Its exported fields are set before
// Run. The folder is read beside it by a Grab, in this process or another.
type Keeper struct {
	Host    hostconn.Host
	Dir     string             // made if missing
	Every   time.Duration      // between two increments
	Keep    time.Duration      // how far back
	MaxSize int64              // bytes on disk, of all families together
	Reserve *diskspace.Reserve // of the disk, which the ring leaves free; nil: there is none
	Event   func(err error)    // told when increments begin to go well (nil) and when they no longer do; may be nil

	families []*familyKeeper
	holder   logset.Holder
	clock    hostClock
	ages     leap.Watch       // by which segments are too old
	conn     hostconn.Conn    // of the last increment
	listing  []hostconn.Entry // the last one
	pace     hostconn.Pacer
	raw      []byte
}

// A hostClock is the host's clock, and when it was asked for.
type hostClock struct {
	logset.Clock
	asked time.Time
}

var (
	// ErrRingTaken says that another process writes the ring.
	ErrTaken  = errors.New("another process writes this ring")
	errNoRoom = errors.New("too little free disk space for a ring")
)

// Run keeps the ring until ctx ends. It goes on after errors, ever more slowly, at
// least once a minute; an address that has refused a login is not troubled again, for
// the login's own record sees to that. It returns an error only if it cannot begin.
func (r *Keeper) Run(ctx context.Context) error {
	release, err := r.open()
	if err != nil {
		return err
	}
	defer release()
	up, first, wait := false, true, r.Every
	for {
		began, err := r.increment(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			r.holder.Drop(true)
			wait = min(2*wait, max(backoff, r.Every))
			if hostconn.Permanent(err) || atomicfile.Full(err) {
				wait = max(backoff, r.Every)
			}
		} else {
			wait = max(r.Every-time.Since(began), r.Every/10)
		}
		if r.Event != nil && (first || up != (err == nil)) {
			r.Event(err)
		}
		up, first = err == nil, false
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
		wait = max(wait, r.Every)
	}
}

// open locks the folder and takes up what is in it.
func (r *Keeper) open() (release func(), err error) {
	if err := atomicfile.MkdirAll(r.Dir); err != nil {
		return nil, err
	}
	name := filepath.Join(r.Dir, "lock")
	if _, err := atomicfile.FreeLock(name); err != nil {
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	lock := flock.New(name, flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	atomicfile.Adopt(name)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	if !ok {
		return nil, fmt.Errorf("%s: %w", r.Dir, ErrTaken)
	}
	release = func() {
		r.holder.Drop(true)
		for _, f := range r.families {
			f.end()
		}
		lock.Unlock() // the process's end would do it too
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(512<<10))
	if err != nil {
		release()
		return nil, err
	}
	r.pace.Rate = hostconn.CarefulRate
	r.holder = logset.Holder{Host: r.Host, Now: r.holder.Now, Skip: r.atRest}
	r.clock, r.ages.Least = hostClock{}, r.Keep/segments
	r.families = nil
	for _, name := range r.Host.Families {
		f := &familyKeeper{name: name, ring: r, segmentStore: segmentStore{dir: filepath.Join(r.Dir, name), enc: enc, reserve: r.Reserve}}
		r.families = append(r.families, f)
		if err := f.takeUp(r.now()); err != nil {
			release()
			return nil, err
		}
		os.Remove(f.unpacked()) // of a process that died
	}
	return release, nil
}

// maxRounds is how often an increment holds anew when files change under it.
const maxRounds = 10

// increment brings the ring up to what the host has now. It began when the host was there: rings
// that have waited for their turns to dial, one after the other, go on at as many times.
func (r *Keeper) increment(ctx context.Context) (began time.Time, err error) {
	began = time.Now()
	if err := r.room(); err != nil {
		return began, err
	}
	if _, err := r.holder.Connect(ctx); err != nil {
		return began, err
	}
	return time.Now(), r.takeUp(ctx)
}

// takeUp is an increment over the connection that there is.
func (r *Keeper) takeUp(ctx context.Context) error {
	conn := r.holder.Conn()
	defer context.AfterFunc(ctx, func() { conn.Close(true) })()
	if r.conn != conn {
		r.conn, r.clock = conn, hostClock{}
		for _, f := range r.families {
			f.reconnected = true
		}
	}
	r.askClock(ctx)
	for try := range maxRounds {
		again, err := r.takeAll(ctx, try == maxRounds-1)
		if err != nil {
			return err
		}
		if !again {
			break
		}
	}
	for _, f := range r.families {
		set := r.holder.Set(f.name)
		set.Breaks, set.Truncated = nil, nil
		f.trim(set)
	}
	return r.prune(r.now())
}

// takeAll holds the files and copies what the ring has not. It asks for another round if
// a file was no longer what was held.
func (r *Keeper) takeAll(ctx context.Context, final bool) (again bool, err error) {
	listed := r.now()
	since := listed.Add(r.clock.Offset - r.Keep)
	if err := r.holder.Hold(ctx, since.Add(-logset.OldEnough)); err != nil {
		return false, err
	}
	for _, f := range r.families {
		changed, err := f.take(ctx, listed, since, final)
		if err != nil {
			return false, err
		}
		again = again || changed
	}
	return again, nil
}

// ownLeap of this machine's clock has the host's measured anew.
const ownLeap = time.Second

// askClock measures the host's clock now and then, where that is possible.
func (r *Keeper) askClock(ctx context.Context) {
	now := r.now()
	if asked := r.clock.asked; !asked.IsZero() && now.Sub(asked) < clockEvery && leap.By(asked, now).Abs() < ownLeap {
		return
	}
	r.clock = hostClock{<-r.holder.Measure(ctx), now}
}

// now is the collector's time.
func (r *Keeper) now() time.Time {
	if r.holder.Now != nil {
		return r.holder.Now()
	}
	return time.Now()
}

// hostTime is t, of the collector's clock, by the host's.
func (r *Keeper) hostTime(t time.Time) time.Time { return t.Add(r.clock.Offset) }

// seen says what is in the ring whole now.
func (r *Keeper) seen(from, listed time.Time) seen {
	s := seen{From: from.UTC().Round(0), At: listed.UTC().Round(0)}
	if r.clock.Known {
		offset := r.clock.Offset
		s.Clock, s.Doubt = &offset, r.clock.Doubt
	}
	return s
}

// ref is how times in a file of that mtime are read.
func (r *Keeper) ref(mtime time.Time) expressway.Ref {
	return expressway.Ref{MTime: mtime, Zone: r.Host.Zone}
}

// room gives up the oldest part of the ring rather than fill the disk: incidents
// need it more.
func (r *Keeper) room() error {
	left, known := r.Reserve.Left()
	if !known || left >= leastRoom {
		return nil // unknown: writing will tell
	}
	if err := r.dropOldest(); err != nil {
		return err
	}
	return fmt.Errorf("%w: %d MiB above its reserve (keep.free)", errNoRoom, left>>20)
}

// bytes is what the ring takes on disk.
func (r *Keeper) bytes() (n int64) {
	for _, f := range r.families {
		for _, s := range f.segs {
			n += s.bytes
		}
	}
	return n
}

// prune removes whole segments that are older than Keep, and the oldest ones while
// there are too many bytes. After a leap of this machine's clock no age is believed for an hour.
func (r *Keeper) prune(now time.Time) error {
	var errs []error
	old := r.ages.Believable(now)
	for _, f := range r.families {
		errs = append(errs, f.roll(now, r.Keep/segments, r.MaxSize/segments))
		for old && len(f.segs) > 0 && f.segs[0].last.Before(now.Add(-r.Keep)) {
			if f.drop() != nil {
				break
			}
		}
		if old {
			f.forgetFiles(now.Add(-r.Keep - logset.OldEnough))
		}
	}
	for r.bytes() > r.MaxSize {
		if r.dropOldest() != nil {
			break // on Windows, while someone reads it
		}
	}
	return errors.Join(errs...)
}

// dropOldest removes the segment that was written to least recently.
func (r *Keeper) dropOldest() error {
	var oldest *familyKeeper
	for _, f := range r.families {
		if len(f.segs) > 0 && (oldest == nil || f.segs[0].last.Before(oldest.segs[0].last)) {
			oldest = f
		}
	}
	if oldest == nil {
		return nil
	}
	return oldest.drop()
}

// atRest reports whether the ring has had all of a file that is at rest: size and
// mtime are its, and no other entry's. It looks at each listing first of all.
func (r *Keeper) atRest(entries []hostconn.Entry, e hostconn.Entry) bool {
	r.listing = entries
	for _, f := range r.families {
		if _, known := f.known[stampOf(e)]; known && f.owns(e) {
			return f.alone(entries, e)
		}
	}
	return false
}

// giveWay drops the oldest segment when the disk is full, and returns err.
func (r *Keeper) giveWay(err error) error {
	if atomicfile.Full(err) {
		r.dropOldest() // if that fails too, the next increment tries again
	}
	return err
}
