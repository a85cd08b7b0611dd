package fetch

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"path"
	"slices"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

// aim is what a pass wants, the same for all families.
type aim struct {
	asked    evidence.Window
	cut      evidence.Window // asked in the host's time, widened by what is not known of its clock
	clock    logset.Clock
	listed   time.Time // when the folder was listed
	restless time.Time // from when on the folder never came to rest; zero: it did
	final    bool      // the pass does not look again
	strange  bool      // the files contradict the clock
	near     time.Time // in asked: around it bytes are kept when not all can be
	most     int64     // bytes that may be on this disk of all families
	room     *room     // for compressed files
	noRoom   error     // for all of it on this disk: what is nearest the alert comes first; nil: there is
}

// now is the time of the listing by the host's clock.
func (a *aim) now() time.Time { return a.listed.Add(a.clock.Offset) }

// cutOf is a window in the host's time, widened by what is not known of its clock.
func cutOf(clock logset.Clock, asked evidence.Window) evidence.Window {
	return asked.Shift(clock.Offset).Widen(clock.Uncertainty())
}

// A copier takes one family in one round of a pass. It is one goroutine's, and so are
// the family and its open files meanwhile.
type copier struct {
	*aim
	store *store
	f     *family
	set   *logset.Set
	meter *hostconn.Meter

	plan    *logset.Plan
	again   bool            // files were no longer what was held: hold and locate once more
	ahead   time.Duration   // by how much an unmeasured clock is certainly ahead
	leftOut []evidence.Span // too large or unreadable, in the host's time
	unread  error           // what the host said of the first place that it could not read; nil: none
	fits    kept            // what of the plan there is room for on this disk
	unsaved int64           // bytes copied since the family was saved
	early   *ahead
}

// locate looks at the held files again and finds the window in them.
func (c *copier) locate(ctx context.Context) (err error) {
	if c.plan, err = c.set.Plan(ctx, c.cut, c.final); err != nil {
		return err
	}
	for _, f := range c.plan.Stale {
		c.again = c.again || !c.nothingMissing(f)
	}
	if c.final {
		c.set.Truncated = append(c.set.Truncated, c.plan.Stale...)
	}
	return nil
}

// copy copies what of the plan is not on disk, the oldest file first, and writes
// down which time is covered now.
func (c *copier) copy(ctx context.Context) error {
	if err := copyWhatFits(ctx, c); err != nil {
		c.noteGaps()
		return errors.Join(err, c.save())
	}
	if err := c.copyNearest(ctx); err != nil {
		return errors.Join(err, c.save())
	}
	if !c.set.OneByOne {
		c.early = &ahead{f: c.f, plan: c.plan, meter: c.meter}
	}
	stop, carry := len(c.plan.Files), true // carry: the record that the file before ends with belongs to the window
	for i, file := range c.plan.Files {
		err := c.early.read(ctx, i, carry)
		changed := false
		if err == nil {
			changed, err = c.copyFile(ctx, file, carry)
		}
		if hostconn.IsAnswer(err) {
			c.unreadable(i)
			c.unread, carry = cmp.Or(c.unread, err), true
			continue
		}
		if err != nil {
			c.noteGaps()
			c.f.cover(c.reached(min(i, stop)), c.asked, c.clock.Offset)
			return errors.Join(err, c.save())
		}
		if changed {
			c.again, stop = true, min(stop, i)
			if c.final {
				c.set.Truncated = append(c.set.Truncated, file)
			}
			continue
		}
		carry = file.Found.Carries(carry)
		if file.Found.Stepped {
			c.store.note("the times in %s contradict each other (a clock was set); the whole file was searched", evidence.Printable(file.Name, 80))
		}
	}
	if c.again && !c.final {
		return nil // the next round reads again what could not be read
	}
	c.conclude()
	return c.unread
}

// unreadable notes that the host itself cannot read file i to the end, for its disk has a bad
// place perhaps: that costs what it has from there on, and not the files behind it.
func (c *copier) unreadable(i int) {
	c.leftOut = append(c.leftOut, evidence.Span{Since: c.reached(i).Until, Until: c.plan.NextFirst(i, c.now()), Reason: evidence.ReasonRead})
}

// conclude notes what is covered and what is missing when all that there is was copied.
func (c *copier) conclude() {
	oldest, ok := c.plan.Oldest()
	if ok {
		c.f.forget(oldest, c.clock.Offset)
	}
	c.noteGaps()
	if ok {
		c.f.cover(evidence.Window{Since: oldest, Until: c.now()}, c.asked, c.clock.Offset)
	}
	c.f.Empty, c.f.NoRecords = c.plan.Nothing()
}

// copyFile copies one file's range and reports whether the file was truncated
// meanwhile; then of this copy only what is certain stays.
func (c *copier) copyFile(ctx context.Context, file *logset.File, carry bool) (changed bool, err error) {
	switch {
	case file.Gzip && file.Found != nil:
		return false, nil // it is on disk
	case file.Gzip:
		err := c.copyGzip(ctx, file, carry)
		if errors.Is(err, hostconn.ErrShort) {
			return true, nil
		}
		return false, err
	}
	if err := c.compareRing(&file.Info, file.Size, file.Handle); err != nil {
		return false, err
	}
	from, to := file.Found.WithPreamble(carry)
	if from == to {
		if file.Found.FirstAt == file.Found.Size && file.Size > 0 {
			c.store.note("%s has no record", evidence.Printable(file.Name, 80))
		}
		return false, nil
	}
	if c.settled(file, from, to) {
		return false, nil
	}
	c.f.doubt()
	e := c.early.of(file, from, to)
	if err = c.fill(ctx, e.source(c.sourceOf(file, from, to), c.meter), from, to); hostconn.IsAnswer(err) {
		err = detour{c, source{ReaderAt: file.Handle, info: &file.Info, file: file}}.take(ctx, from, to, err)
	}
	same, lost := true, error(nil)
	if !e.settled() {
		now := file.LookAfter()
		if same, lost = now.Same, now.HeadErr; same && err == nil && file.Found.To == file.Found.Size {
			if err = now.StatErr; err == nil && now.Size > to {
				err = c.wholeRecord(ctx, file, to, now)
				same, lost = file.SameHead()
			}
		}
	}
	switch {
	case lost != nil: // nobody can tell
		c.goBack()
		if err == nil || errors.Is(err, hostconn.ErrShort) {
			err = lost
		}
		return false, err
	case errors.Is(err, hostconn.ErrShort) || !same:
		file.Stale = true
		c.goBack()
		return true, c.save()
	}
	c.f.sure = nil
	if err != nil {
		return false, err
	}
	c.f.seen(&file.Info)
	c.store.lengthenHeads(c.f, &file.Info)
	c.f.asHost(&file.Info)
	return false, c.saveSometimes()
}

// settled reports whether a file was copied over an earlier connection and rests since: where
// connections do not last it is not asked again.
func (c *copier) settled(file *logset.File, from, to int64) bool {
	return c.set.OneByOne && file.Rested(c.clock.Offset) && len(c.f.lacking(&file.Info, "", from, to)) == 0 &&
		!slices.ContainsFunc(c.f.of(&file.Info), func(e *extent) bool { return e.Open || e.From != "" })
}

// sourceOf is what [from, to) of a held file is copied from.
func (c *copier) sourceOf(file *logset.File, from, to int64) source {
	known := hostconn.Known{Name: path.Join(c.store.host.Dir, file.Name), Head: file.Head, At: file.At, Size: file.Size}
	return source{ReaderAt: hostconn.Source(file.Handle, known, from, to), info: &file.Info, file: file}
}

// wholeRecord copies the rest of a record that was being written when its file
// was looked at: what has come since its end, up to the next record.
func (c *copier) wholeRecord(ctx context.Context, file *logset.File, end int64, now logset.After) error {
	b := make([]byte, min(now.Size-end+1, logset.ProbeReach))
	if err := hostconn.ReadFull(file.Handle, b, end-1); err != nil {
		return err
	}
	to := end - 1 + int64(len(b))
	if off, ok := logset.FirstHead(b, end-1, true, c.set.Ref(file.MTime)); ok {
		to = off
	} else if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
		to = end + int64(i)
	}
	file.Size, file.MTime = now.Size, now.MTime
	return c.fill(ctx, source{ReaderAt: file.Handle, info: &file.Info, file: file}, end, to)
}

// ref is how times in a file of that mtime are read.
func (s *store) ref(mtime time.Time) expressway.Ref {
	return expressway.Ref{MTime: mtime, Zone: s.host.Zone}
}

func (c *copier) save() error { return c.store.save(c.f) }

// saveSometimes saves the family when much was copied since that was done, unless
// what was copied is in doubt.
func (c *copier) saveSometimes() error {
	if c.f.sure != nil || c.unsaved < saveEvery {
		return nil
	}
	c.unsaved = 0
	return c.save()
}

// missing is how many bytes of the plan are not on disk.
func (c *copier) missing() (n int64) {
	for _, f := range c.plan.Files {
		n += c.f.missingOf(f)
	}
	return n
}

// wanted is how many bytes the plan has of the window, on disk or not; of compressed
// files those that are known.
func (c *copier) wanted() (n int64) {
	for _, f := range c.plan.Files {
		if f.Found != nil {
			n += f.Found.To - f.Found.From
		}
	}
	return n
}

// keep leaves out of the plan what is farthest from the alert, so that at most most
// bytes are left of it. What a compressed file has is on disk.
func (c *copier) keep(most int64) error {
	k, err := c.trim(most)
	c.leftOut = k.left(c.cut)
	return err
}

// trim leaves out of the plan what is farthest from the alert, and says what is left.
func (c *copier) trim(most int64) (kept, error) {
	var all []stretch
	for _, f := range c.plan.Files {
		if f.Found == nil || f.Found.Empty() || f.Gzip {
			continue
		}
		e := *f.Found
		f.Found, f.Cut = &e, evidence.Window{} // to be located anew, for it is not all
		all = append(all, stretch{f.Handle, f.Found, c.set.Ref(f.MTime)})
	}
	return trim(all, c.near.Add(c.clock.Offset), most, c.more())
}

// more reports whether more of the window is to come.
func (a *aim) more() bool { return a.asked.Until.After(a.listed) }
