package incident

import (
	"io/fs"
	"os"
	"slices"
	"time"
)

// pauseFile is what was read of pauses.json.
type pauseFile struct {
	all  []Pause
	info fs.FileInfo // of the file that was read
	bad  bool        // it could not be, and that was said
}

// current reads the file if it is another one.
func (f *pauseFile) current(s *Store, say func(string, ...any)) []Pause {
	info, err := os.Stat(s.pausesPath())
	if err != nil {
		f.all, f.info = nil, nil
		return nil
	}
	if f.info != nil && os.SameFile(info, f.info) && info.ModTime().Equal(f.info.ModTime()) && info.Size() == f.info.Size() {
		return f.all
	}
	all, err := s.readPauses()
	if err != nil {
		if !f.bad {
			say("pauses cannot be read: nothing is paused by hand", "err", err)
		}
		f.bad, f.all, f.info = true, nil, nil
		return nil
	}
	f.bad, f.all, f.info = false, all, info
	return all
}

// silence makes a pause of the decision of each site that is paused when the mail is
// read.
func (j *Journal) silence(decisions []Decision, seen time.Time, sites []Site) []Decision {
	if len(decisions) == 0 {
		return decisions
	}
	pauses := slices.Concat(j.intake.pauses.current(j.st, j.log.Error), QuietNow(sites, seen))
	decisions = slices.Clone(decisions)
	for i := range decisions {
		d := &decisions[i]
		for _, p := range pauses {
			if d.What != Expired && p.at(seen) && p.Covers(d.Site) {
				d.What, d.Note = Paused, p.String()
			}
		}
	}
	return decisions
}
