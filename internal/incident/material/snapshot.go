package material

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
)

// Snapshot makes in dir, which must not be there, what has come until this moment, as it is
// to lie in the bundle, and is the state of that moment. Files that lie in an earlier
// bundle alone (File.In) are not in it.
func (f Folder) Snapshot(dir string) (State, error) {
	if !exists(f.file().Path) {
		return State{}, nil
	}
	unlock, err := f.lock()
	if err != nil {
		return State{}, err
	}
	defer unlock()
	s, err := f.settle()
	if err != nil {
		return s, err
	}
	var gone []string
	for _, file := range s.Files {
		if file.In > 0 {
			continue
		}
		if _, err := os.Stat(f.path(file.Name)); errors.Is(err, fs.ErrNotExist) {
			gone = append(gone, file.Name)
			continue
		}
		to := filepath.Join(dir, filepath.FromSlash(file.Name))
		if err := atomicfile.MkdirAll(filepath.Dir(to)); err != nil {
			return s, err
		}
		if err := link(f.path(file.Name), to); err != nil {
			return s, fmt.Errorf("%s: %w", file.Name, err)
		}
	}
	if len(gone) > 0 {
		s = s.without(gone)
		s.Gone = append(slices.Clone(s.Gone), gone...)
		return s, f.file().Save(s)
	}
	return s, nil
}

// without is the state without some files, which somebody has removed.
func (s State) without(gone []string) State {
	s.Moves = nil
	s.Files = slices.DeleteFunc(slices.Clone(s.Files), func(f File) bool { return slices.Contains(gone, f.Name) })
	s.PRTs = slices.DeleteFunc(slices.Clone(s.PRTs), func(p evidence.PRT) bool { return slices.Contains(gone, p.Path) })
	s.Diagnostics = slices.Clone(s.Diagnostics)
	for i, d := range s.Diagnostics {
		if slices.Contains(gone, d.Path) {
			s.Diagnostics[i].State, s.Diagnostics[i].Why, s.Diagnostics[i].Path, s.Diagnostics[i].Bytes, s.Diagnostics[i].SHA256 = evidence.DiagnosticNone, "somebody removed the file before a bundle had it", "", 0, ""
		}
	}
	s.CUCM = slices.Clone(s.CUCM)
	for i := range s.CUCM {
		s.CUCM[i].Nodes = slices.Clone(s.CUCM[i].Nodes)
		for j := range s.CUCM[i].Nodes {
			n := &s.CUCM[i].Nodes[j]
			n.Files = slices.DeleteFunc(slices.Clone(n.Files), func(f evidence.File) bool { return slices.Contains(gone, f.Path) })
		}
	}
	return s
}

// link gives a file a second name; where the file system has no such thing it is copied. What
// is under a name is never changed, only replaced.
func link(from, to string) error {
	if err := os.Link(from, to); err == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
