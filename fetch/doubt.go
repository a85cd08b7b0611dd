package fetch

import (
	"encoding/json"
	"os"
	"slices"
)

// What is read of a plain file is in doubt until its head was looked at afterwards:
// it may have been truncated meanwhile (copy and truncate), and what the handle gives
// since is another file's. If the head is still the same, all that came before is the
// file's, by whatever channel it came: lanes begin only with a file of the same size,
// head and tail. Nothing else is in doubt: a gzip sibling proves itself by its check
// sum, and what the ring gives by a hash for each frame.

// doubt begins what may turn out not to be the file's. Until f.sure is nil again the
// state on disk has what was sure before, and what was settled since.
func (f *family) doubt() {
	f.sure = make([]*extent, 0, len(f.Pieces))
	for _, pc := range f.Pieces {
		c := *pc
		f.sure = append(f.sure, &c)
	}
}

// settle looks at the head of a file, of which the first length bytes of a piece were
// copied before: if it is the same they are sure. synced says that they are on disk for
// good: then that is written down. It is called while the copying goes on.
func (g *Grab) settle(f *family, h *File, pc *extent, length int64, synced bool) {
	if same, err := h.SameHead(); err != nil || !same {
		return // whoever copies finds out
	}
	now := *pc
	now.Length = length
	_, whole := g.lastRecord(&now)
	now.Cut = length - whole
	g.within(func() {
		if i := slices.IndexFunc(f.sure, func(o *extent) bool { return o.File == pc.File }); i >= 0 {
			f.sure[i] = &now
		} else {
			f.sure = append(f.sure, &now)
		}
		if synced {
			g.save() // an error is the next one's to tell
		}
	})
}

// goBack gives up what of a family is in doubt.
func (g *Grab) goBack(f *family) {
	for _, pc := range f.Pieces {
		if !slices.ContainsFunc(f.sure, func(o *extent) bool { return o.File == pc.File }) {
			os.Remove(g.path(pc.File)) // it counts no more, with or without its file
		}
	}
	f.Pieces, f.sure = f.sure, nil
}

// MarshalJSON leaves out what is in doubt.
func (f *family) MarshalJSON() ([]byte, error) {
	type plain family
	p := plain(*f)
	if f.sure != nil {
		p.Pieces = f.sure
	}
	return json.Marshal(&p)
}
