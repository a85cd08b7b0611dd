package fetch

import (
	"slices"
	"time"

	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/human"
)

// suspect is a gap that a file left which was cut off or gone before it was read to the end, or
// of which there is but what the listing said. It is taken back if the file turns up under another name.
type suspect struct {
	file  *logset.File
	Entry hostconn.Entry `json:"entry"` // without a file: as it was listed
	Span  evidence.Span  `json:"span"`  // zero: it is to be judged
}

// maxSuspects bounds what is known of a host that lists what it does not have: with so many nothing is whole.
const maxSuspects = 1000

// miss suspects that a file that was listed, and was not there when it was opened, is lost: no
// listing tells of it again. It reports whether that is new.
func (f *family) miss(e hostconn.Entry) bool {
	known := slices.ContainsFunc(f.Suspects, func(s suspect) bool { return s.file == nil && s.Entry == e })
	if known || len(f.Suspects) >= maxSuspects {
		return false
	}
	f.Suspects = append(f.Suspects, suspect{Entry: e})
	return true
}

// noteGaps notes what is missing of files that were listed and could not be held, of
// files that were cut off before they were read to the end, of files that came
// and went between two listings, and of stamps that can be read in two ways.
func (c *copier) noteGaps() {
	f, p, offset := c.f, c.plan, c.clock.Offset
	for _, m := range c.set.Missed {
		if !m.Empty() && m.Reason != evidence.ReasonVanished {
			since, until := p.Around(m.Entry, c.now())
			f.gap(since, until, m.Reason, offset)
		}
	}
	for _, v := range p.Voids(c.now()) {
		f.gap(v.Since, v.Until, v.Reason, offset)
	}
	c.noteVanished()
	c.noteCutOff()
	if len(f.Suspects) >= maxSuspects {
		f.gap(c.cut.Since, c.cut.Until, evidence.ReasonVanished, offset)
	}
	for _, b := range c.set.Breaks {
		if !p.ShowsAfter(b) {
			f.lose(c.store.lastOf(f, &b.Before.Info), b.After.First, evidence.ReasonRotated, offset)
		}
	}
	c.set.Breaks = nil
	for _, s := range c.leftOut {
		f.gap(s.Since, s.Until, s.Reason, offset)
	}
	if !c.restless.IsZero() {
		f.gap(c.restless, c.now(), evidence.ReasonVanished, offset)
	}
	if from, to, ok := expressway.Doubled(c.set.Zone, c.cut.Since, c.cut.Until); ok && p.SyslogDated() {
		f.gap(from, to, evidence.ReasonClock, offset)
	}
	if c.strange {
		f.gap(c.cut.Since, c.cut.Until, evidence.ReasonClock, offset)
		c.store.note("its clock was measured %s away from this machine's, and its files are written by another", human.Span(offset))
	}
	for _, file := range p.Files { // the live file cannot have been written in the future
		if file.Name == p.Family {
			c.ahead = max(c.ahead, file.MTime.Sub(c.now()))
		}
	}
}

// noteVanished notes what is missing of files that were listed and not there when they were opened.
func (c *copier) noteVanished() {
	for i := range c.f.Suspects {
		s := &c.f.Suspects[i]
		if s.file != nil || s.Span.Reason != "" || c.plan.Holds(s.Entry) {
			continue
		}
		since, until := c.plan.Around(s.Entry, c.now())
		if lost := c.f.lose(since, until, evidence.ReasonVanished, c.clock.Offset); len(lost) > 0 {
			s.Span = lost[0]
		}
	}
}

// noteCutOff notes what is missing of files that were cut off or gone before they
// were read to the end, and takes back what was found since.
func (c *copier) noteCutOff() {
	f := c.f
	f.Suspects = slices.DeleteFunc(f.Suspects, func(s suspect) bool {
		back := s.file != nil && c.plan.GoesOn(s.file) || s.file == nil && c.plan.Holds(s.Entry)
		if back {
			f.Lost = slices.DeleteFunc(f.Lost, func(o evidence.Span) bool { return o == s.Span })
		}
		return back
	})
	for _, t := range c.set.Truncated {
		if c.plan.GoesOn(t) || c.nothingMissing(t) {
			continue
		}
		since := c.lostSince(t)
		for _, span := range f.lose(since, c.plan.FirstAfter(since, c.now()), evidence.ReasonVanished, c.clock.Offset) {
			f.Suspects = append(f.Suspects, suspect{file: t, Span: span})
		}
	}
	c.set.Truncated = nil
}

// lostSince is the time, by the host's clock, from which records of a file may be
// missing; zero if it is not known.
func (c *copier) lostSince(file *logset.File) time.Time {
	if last := c.store.lastOf(c.f, &file.Info); !last.IsZero() {
		return last
	}
	if file.ShowFirst(c.set.Zone); !file.First.IsZero() {
		return file.First
	}
	if !file.Gzip && len(file.Head) < hostconn.TinyHead && file.Size < hostconn.TinyHead { // it had only been begun
		return file.MTime.Add(-time.Second)
	}
	return time.Time{}
}

// nothingMissing reports whether nothing of a file that is gone is missing: it was at
// rest under another name than the live file's when it was last looked at, and what it
// has of the window is on disk.
func (c *copier) nothingMissing(file *logset.File) bool {
	if !file.LocatedFor(c.cut) || file.Name == c.f.name || !c.clock.Known || !file.Rested(c.clock.Offset) {
		return false
	}
	from, to := file.Found.WithPreamble(true)
	return len(c.f.lacking(&file.Info, "", from, to)) == 0
}

// reached is what is on disk for certain when copying stopped at file i, in the
// host's time: records that follow may be a little older than those before them.
func (c *copier) reached(i int) evidence.Window {
	oldest, ok := c.plan.Oldest()
	file := c.plan.Files[i]
	until := file.First
	if file.Found != nil {
		from, to := file.Found.WithPreamble(true)
		lacks := c.f.lacking(&file.Info, "", from, to)
		switch {
		case len(lacks) == 0:
			until = c.store.lastOf(c.f, &file.Info)
		case lacks[0].extent != nil:
			until, _ = c.store.lastRecord(lacks[0].extent)
		}
	}
	if !ok || until.IsZero() {
		return evidence.Window{}
	}
	return evidence.Window{Since: oldest, Until: until.Add(-logset.Disorder)}
}
