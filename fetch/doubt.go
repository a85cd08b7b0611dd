package fetch

import "encoding/json"

// What is read of a plain file is in doubt until its head was looked at afterwards:
// it may have been truncated meanwhile (copy and truncate), and what the handle gives
// since is another file's. If the head is still the same, all that came before is the
// file's, by whatever channel it came: channels begin only with a file of the same size,
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

// MarshalJSON leaves out what is in doubt.
func (f *family) MarshalJSON() ([]byte, error) {
	type plain family
	p := plain(*f)
	if f.sure != nil {
		p.Pieces = f.sure
	}
	return json.Marshal(&p)
}
