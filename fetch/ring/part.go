package ring

import (
	"slices"

	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/evidence"
)

// A Part is one file in the ring, with its frames in the order of their writing.
type Part struct {
	file   *knownFile
	frames []*Entry
}

// Parts are the files of a ring, the oldest first.
func (l *Log) Parts() []*Part {
	var out []*Part
	by := map[int64]*Part{}
	for i := range l.entries {
		e := &l.entries[i]
		if e.Frame == nil || l.files[e.Frame.File] == nil {
			continue
		}
		r := by[e.Frame.File]
		if r == nil {
			r = &Part{file: l.files[e.Frame.File]}
			by[e.Frame.File] = r
			out = append(out, r)
		}
		r.frames = append(r.frames, e)
	}
	slices.SortStableFunc(out, func(a, b *Part) int { return logset.InTime(a.Info(), b.Info()) })
	return out
}

// Info describes the part as a file of the host.
func (r *Part) Info() *logset.Info {
	last := r.frames[len(r.frames)-1].Frame
	return &logset.Info{Name: r.file.Name, Head: r.file.Head, At: r.file.At, First: r.file.First, Size: last.Size, MTime: last.MTime}
}

// EndsWith reports whether a sound frame is the last that the ring has of the file.
func (r *Part) EndsWith(last *Entry) bool {
	return last == r.frames[len(r.frames)-1] && !last.bad
}

// Within picks the frames that a window may need: those with its records, and what
// follows up to the next record. A file's start is looked at if the record before it
// may end there.
func (r *Part) Within(cut evidence.Window, carry bool) []*Entry {
	from, to := -1, -1
	for i, e := range r.frames {
		if e.Frame.First.IsZero() {
			continue
		}
		if from < 0 && !e.Frame.Last.Before(cut.Since) {
			from = i
		}
		if e.Frame.First.Before(cut.Until) {
			to = i
		}
	}
	if from < 0 || to < from {
		if from, to = 0, 0; !carry || r.frames[0].Frame.Offset > 0 {
			return nil
		}
	}
	for to++; to < len(r.frames) && r.frames[to].Frame.First.IsZero(); to++ {
	}
	return r.frames[from:min(to+1, len(r.frames))]
}

// Settled reports whether a file is known to have rested at the end of its last
// frame, behind a line: the increment after that frame's found no more of it, or it
// has a successor.
func (l *Log) Settled(last *Entry) bool {
	n := 0
	for i := range l.entries {
		e := &l.entries[i]
		if e.N > last.N && e.Seen != nil {
			n++
		}
		if e.N > last.N && e.Frame != nil && l.after(e, last) {
			n += 2
		}
	}
	return last.Frame.NL && n >= 2
}

// after reports whether e is of a file that comes after that of o in time.
func (l *Log) after(e, o *Entry) bool {
	a, b := l.files[e.Frame.File], l.files[o.Frame.File]
	return a != nil && b != nil && a.First.After(b.First)
}

// Damaged counts frames that cannot be read, and numbers that no entry has.
func (l *Log) Damaged() (n int64) {
	for i, e := range l.entries {
		if e.bad {
			n++
		}
		if i > 0 {
			n += max(e.N-l.entries[i-1].N-1, 0)
		}
	}
	return n
}
