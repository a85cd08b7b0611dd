package incident

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
)

// Removed is the state of an incident of which only a line is left, in removed.jsonl.
const Removed State = "removed"

// A Removal is one line of removed.jsonl: what stays of an incident, beside the custody of its bundles.
type Removal struct {
	Time     time.Time         `json:"time"`
	Incident string            `json:"incident"`
	Site     string            `json:"site"`
	Bundles  []string          `json:"bundles"`
	Bytes    int64             `json:"bytes"` // of them all
	Coverage evidence.Coverage `json:"coverage"`
	Sealed   time.Time         `json:"sealed"`
	Why      string            `json:"why"`

	// Lines of earlier versions have no more than that.
	Key      string    `json:"key,omitempty"`
	Aliases  []string  `json:"aliases,omitempty"`
	Kind     Kind      `json:"kind,omitempty"`
	By       string    `json:"by,omitempty"`
	Case     string    `json:"case,omitempty"`
	TimeZone string    `json:"time_zone,omitempty"`
	At       time.Time `json:"at,omitzero"` // of the first alert; by hand: the event
	Until    time.Time `json:"until,omitzero"`
	Revision int       `json:"revision,omitempty"`
	Brief    *Brief    `json:"brief,omitempty"` // of the newest revision

	In []fleet.Link `json:"in,omitempty"` // other collectors' incidents that have its alerts and all of its logs
}

// is reports whether id is one of the names of the incident.
func (r Removal) is(id string) bool {
	return r.Incident == id || r.Key == id || slices.Contains(r.Aliases, id)
}

// maxRemovedLine is the longest line that is read of removed.jsonl.
const maxRemovedLine = 64 << 10

// RemovedFile is where it is written down which incidents were removed.
func RemovedFile(s *Store) string { return filepath.Join(s.Dir, "removed.jsonl") }

// A DamagedLinesError is that some lines of a file are none.
type DamagedLinesError struct {
	File         string
	Lines, First int // how many, and the first of them, from 1
}

func (e *DamagedLinesError) Error() string {
	if e.Lines == 1 {
		return fmt.Sprintf("%s: line %d is damaged and was left out", e.File, e.First)
	}
	return fmt.Sprintf("%s: %d lines are damaged and were left out, the first of them line %d", e.File, e.Lines, e.First)
}

// EachRemoved reads what was removed, a line at a time, in the order of removal, until visit
// says false. It needs no lock. What is no line is left out and makes a *DamagedLinesError at the end.
func EachRemoved(s *Store, visit func(Removal) (more bool)) error {
	f, err := os.Open(RemovedFile(s))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w removed incidents: %w", ErrList, err)
	}
	defer f.Close()
	bad := readRemovals(f, visit)
	if damaged, ok := errors.AsType[*DamagedLinesError](bad); ok {
		damaged.File = RemovedFile(s)
	}
	return bad
}

func readRemovals(in io.Reader, visit func(Removal) (more bool)) error {
	r := bufio.NewReaderSize(in, maxRemovedLine)
	bad := &DamagedLinesError{}
	for n := 1; ; n++ {
		line, err := r.ReadSlice('\n')
		whole := err == nil
		for errors.Is(err, bufio.ErrBufferFull) { // the rest of a line that is too long
			_, err = r.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%w removed incidents: %w", ErrList, err)
		}
		ended := err != nil
		if line = bytes.TrimSpace(line); whole || len(line) > 0 {
			if removal, ok := parseRemoval(line); ok && whole {
				if !visit(removal) {
					return nil
				}
			} else if len(line) > 0 {
				if bad.Lines++; bad.Lines == 1 {
					bad.First = n
				}
			}
		}
		switch {
		case ended && bad.Lines > 0:
			return bad
		case ended:
			return nil
		}
	}
}

func parseRemoval(line []byte) (r Removal, ok bool) {
	if len(line) == 0 || json.Unmarshal(line, &r) != nil || r.Incident == "" {
		return Removal{}, false
	}
	return r, true
}

// isWrittenDown reports whether the line of that removal is there.
func isWrittenDown(s *Store, r Removal) (found bool, err error) {
	err = EachRemoved(s, func(o Removal) bool {
		found = o.Key == r.Key
		return !found
	})
	if _, ok := errors.AsType[*DamagedLinesError](err); ok {
		err = nil // it is none of those: then it is written once more
	}
	return found, err
}

// LoadRemoved finds what is left of a removed incident, by one of its names.
func LoadRemoved(s *Store, id string) (found Removal, err error) {
	err = EachRemoved(s, func(r Removal) bool {
		if r.is(id) {
			found = r
		}
		return found.Incident == ""
	})
	if found.Incident != "" {
		return found, nil
	}
	for _, r := range unwritten(s) {
		if r.is(id) {
			return r, nil
		}
	}
	return found, errors.Join(fmt.Errorf("incident %q: %w", evidence.Printable(id, 100), ErrNotFound), err)
}

// unwritten are the incidents whose removal had begun when the program ended; some may be in removed.jsonl already.
func unwritten(s *Store) (list []Removal) {
	entries, _ := os.ReadDir(removingDir(s)) // mostly there is none
	for _, e := range entries {
		if e.IsDir() {
			list = append(list, leavingOf(s, e.Name()))
		}
	}
	return list
}

// MaxRemoved is how many removed incidents a list has, the newest.
const MaxRemoved = 100_000

// ListRemoved lists the removed incidents that want says yes to, the newest first, at most so
// many, 0 for MaxRemoved; more reports whether there are others. What cannot be read makes an error
// beside the list.
func ListRemoved(s *Store, want func(Listed) bool, most int) (list []Listed, more bool, err error) {
	if most <= 0 {
		most = MaxRemoved
	}
	newest := func() {
		slices.SortStableFunc(list, newestListed)
		list = slices.CompactFunc(list, func(a, b Listed) bool { return a.Incident == b.Incident })
		more = more || len(list) > most
		list = slices.Clip(list[:min(len(list), most)])
	}
	take := func(r Removal) bool {
		if l := r.listed(); want(l) {
			if list = append(list, l); len(list) >= 2*most {
				newest()
			}
		}
		return true
	}
	err = EachRemoved(s, take)
	for _, r := range unwritten(s) {
		take(r)
	}
	newest()
	return list, more, err
}

func newestListed(a, b Listed) int { return strings.Compare(b.Incident, a.Incident) }
