package logset

import (
	"bytes"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/expressway"
)

// sameFile tells files by their heads, never by name, number or mtime alone.
// Heads of a few bytes tell little, and so does a heading behind which there is no record yet: such a file is
// the one of the same name, if a second look still shows no more, or the one that is the same altogether.
func sameFile(o, f *File) bool {
	if (len(o.Head) < hostconn.TinyHead || alike(o, f) && o.Vague() && !besides(o, f)) && o.Refresh() != nil {
		return false
	}
	if !alike(o, f) {
		return false
	}
	n := min(len(o.Head), len(f.Head))
	if shorter := f; n >= hostconn.TinyHead {
		if len(o.Head) < len(f.Head) {
			shorter = o
		}
		if !shorter.Vague() {
			return true
		}
	}
	whole := n > 0 && o.Size == f.Size && o.MTime.Equal(f.MTime) && len(o.Head) == len(f.Head)
	return o.Gzip == f.Gzip && (whole || o.Name == f.Name && len(o.Head) == n)
}

// besides reports whether two files are two headings of the same length: no second look is needed, of many such
// files each would be looked at for each other.
func besides(o, f *File) bool {
	return o.Size == f.Size && !o.MTime.Equal(f.MTime) && o.Name != f.Name && f.Vague()
}

// alike reports whether two files begin alike, as far as their heads go.
func alike(o, f *File) bool {
	n := min(len(o.Head), len(f.Head))
	return o.At == f.At && bytes.Equal(o.Head[:n], f.Head[:n])
}

// Vague reports whether other files may begin as this one does: no record is in what there is of
// its head, and there may be more of it.
func (i *Info) Vague() bool {
	if i.headWhole() {
		return false
	}
	_, ok := firstHead(i.Head, 0, true, expressway.Ref{MTime: i.MTime})
	return !ok
}

// longer reports whether b's contents go further than a's. A gzip file's length
// is not known before it is read: it never displaces a plain one.
func longer(b, a *File) bool {
	switch {
	case a.Gzip && !b.Gzip:
		return true
	case b.Gzip && !a.Gzip:
		return false
	}
	return b.Size > a.Size
}

// goesOnIn reports whether what f had is held as o, all of it.
func (f *File) goesOnIn(o *File) bool {
	return !o.Stale && sameFile(o, f) && max(o.Unpacked, o.Size) >= f.Size
}
