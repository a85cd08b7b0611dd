package incident

import (
	"fmt"
	"os"
	"path/filepath"

	"rtmtgrab/internal/atomicfile"
)

// BundleBase is where the bundle of an incident's revision goes, without its ending.
func BundleBase(s *Store, in Incident) string {
	name := in.ID
	if in.Revision > 1 {
		name = fmt.Sprintf("%s-r%d", in.ID, in.Revision)
	}
	if in.Out != "" {
		return filepath.Join(in.Out, name)
	}
	return filepath.Join(s.Bundles(), name)
}

// endings are those of bundles' files, as package bundle has them.
var endings = []string{".zip", ".tar.zst", ".tar.gz"}

// BundlesAt are the files that are the bundle of the incident's revision by their names, and what a
// crash left of them half written. A copy that somebody put beside it is none.
func BundlesAt(s *Store, in Incident) (list []string) {
	base := BundleBase(s, in)
	for _, ending := range endings {
		for _, path := range []string{base + ending, base + ending + atomicfile.PartSuffix} {
			if fi, err := os.Lstat(path); err == nil && fi.Mode().IsRegular() {
				list = append(list, path)
			}
		}
	}
	return list
}

// Renumber gives the revision that an incident is to have next a number of which there is no
// bundle yet, and no custody. What is there was sealed by a record that this store does not have:
// it was restored from a backup and its bundles were not, say. That is nobody's to write over.
func Renumber(s *Store, in *Incident) {
	for isTaken(s, *in) {
		in.Revision++
	}
}

// isTaken asks for names, for it is asked of every bundle, and there may be many.
func isTaken(s *Store, in Incident) bool {
	base := BundleBase(s, in)
	for _, ending := range endings {
		if isThere(base + ending) {
			return true
		}
	}
	return isThere(filepath.Join(s.Dir, "custody", filepath.Base(base)+".jsonl"))
}

// Unrecorded are the numbers below its revision of which the incident's record knows nothing.
func (in Incident) Unrecorded() (list []int) {
	known := map[int]bool{}
	for _, r := range in.Revisions {
		known[r.Revision] = !r.Found
	}
	for n := 1; n < in.Revision; n++ {
		if !known[n] {
			list = append(list, n)
		}
	}
	return list
}
