package prt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/atomicfile"
)

// A Report is one that was received.
type Report struct {
	ID       string    `json:"id"` // <device>-<time>, the name of its files in the box
	Device   string    `json:"device"`
	Serial   string    `json:"serial,omitempty"`
	User     string    `json:"user,omitempty"`
	File     string    `json:"file,omitempty"` // as the phone called it
	From     string    `json:"from"`           // the sender's address
	Received time.Time `json:"received"`
	Bytes    int64     `json:"bytes"`
	SHA256   string    `json:"sha256"`

	Incident string    `json:"incident,omitempty"` // key of the one that it was filed under; then its file is there
	Filed    time.Time `json:"filed,omitzero"`
}

// Path is where it lies in a bundle.
func (r Report) Path() string { return "prt/" + r.ID + ".tar.gz" }

// ofDevice is how many reports of one device wait, and how many one incident takes, so
// that a phone that does not stop leaves room for others.
const ofDevice = 20

// Bounds are how much may wait in a box.
type Bounds struct {
	Total int64
	Count int
	Keep  time.Duration
}

// A Box is the folder prt/ of a store: reports that wait for their incident, and what is
// known of those that were filed. It belongs to one process. It is safe for concurrent use.
type Box struct {
	dir string

	mu      sync.Mutex
	reports map[string]Report // by ID
	coming  int64             // bytes that are being received
	senders int               // by so many
}

// OpenBox opens the box below a store. What a kill left half received is removed.
func OpenBox(store string) (*Box, error) {
	b := &Box{dir: filepath.Join(store, "prt"), reports: map[string]Report{}}
	if err := atomicfile.MkdirAll(b.dir); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		id, isReport := strings.CutSuffix(e.Name(), ".json")
		if !isReport || !e.Type().IsRegular() {
			continue
		}
		r, _, err := b.record(id).Load()
		if err != nil || r.ID != id { // what it was is not known any more
			if _, err := atomicfile.SetAside(b.record(id).Path); err != nil {
				return nil, err
			}
			continue
		}
		b.reports[id] = r
	}
	for _, e := range entries {
		id, isFile := strings.CutSuffix(e.Name(), fileEnd)
		r, known := b.reports[id]
		if strings.HasSuffix(e.Name(), atomicfile.PartSuffix) || isFile && (!known || r.Incident != "") {
			os.Remove(filepath.Join(b.dir, e.Name())) // never answered for, or filed; what stays is removed at the next start
		}
	}
	return b, nil
}

const fileEnd = ".tar.gz"

func (b *Box) record(id string) atomicfile.JSON[Report] {
	return atomicfile.JSON[Report]{Path: filepath.Join(b.dir, id+".json")}
}

// Open opens the file of a report that waits.
func (b *Box) Open(id string) (*os.File, error) { return os.Open(b.file(id)) }

func (b *Box) file(id string) string { return filepath.Join(b.dir, id+fileEnd) }

// Waiting are the reports that have no incident yet, the oldest first.
func (b *Box) Waiting() []Report {
	return b.list(func(r Report) bool { return r.Incident == "" })
}

// Filed are those of an incident, as long as they are remembered.
func (b *Box) Filed(key string) []Report {
	return b.list(func(r Report) bool { return r.Incident == key })
}

func (b *Box) list(want func(Report) bool) (list []Report) {
	b.mu.Lock()
	for _, r := range b.reports {
		if want(r) {
			list = append(list, r)
		}
	}
	b.mu.Unlock()
	slices.SortFunc(list, func(x, y Report) int {
		if c := x.Received.Compare(y.Received); c != 0 {
			return c
		}
		return strings.Compare(x.ID, y.ID)
	})
	return list
}

// enter begins to receive one, if there may be another.
func (b *Box) enter(most Bounds) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	count := b.senders
	for _, r := range b.reports {
		if r.Incident == "" {
			count++
		}
	}
	if count >= most.Count {
		return refuse(Full, "%d reports wait for an incident, as many as prt.count allows", count)
	}
	b.senders++
	return nil
}

// grow takes n bytes more of what may wait.
func (b *Box) grow(n int64, most Bounds) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	total := b.coming + n
	for _, r := range b.reports {
		if r.Incident == "" {
			total += r.Bytes
		}
	}
	if total > most.Total {
		return refuse(Full, "the reports that wait for an incident take as much as prt.total allows")
	}
	b.coming += n
	return nil
}

// leave gives back what a sender has taken.
func (b *Box) leave(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.senders--
	b.coming -= n
}

// add takes in a report whose file is at path, fsynced. was is the one that it repeats: then
// nothing is added.
func (b *Box) add(r Report, path string) (_ Report, repeated bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, was := range b.reports {
		if was.Device != r.Device {
			continue
		}
		if was.SHA256 == r.SHA256 {
			return was, true, nil
		}
		if was.Incident == "" {
			n++
		}
	}
	if n >= ofDevice {
		return r, false, refuse(Full, "%d reports of %s wait for an incident already", n, r.Device)
	}
	r.ID = b.free(r)
	if err := atomicfile.Rename(path, b.file(r.ID)); err != nil {
		return r, false, err
	}
	if err := b.record(r.ID).Save(r); err != nil {
		return r, false, errors.Join(err, os.Remove(b.file(r.ID)))
	}
	b.reports[r.ID] = r
	return r, false, nil
}

// free is a name that no report has.
func (b *Box) free(r Report) string {
	base := r.Device + "-" + r.Received.UTC().Format("20060102T150405Z")
	id := base
	for n := 2; ; n++ {
		if _, taken := b.reports[id]; !taken {
			return id
		}
		id = fmt.Sprintf("%s-%d", base, n)
	}
}

// Settle notes that a report lies with an incident, and removes its file here.
func (b *Box) Settle(id, key string, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, known := b.reports[id]
	if !known {
		return nil
	}
	r.Incident, r.Filed = key, now.UTC().Round(0)
	if err := b.record(id).Save(r); err != nil {
		return err
	}
	b.reports[id] = r
	return b.gone(b.file(id))
}

// Expire forgets what is older than keep, and returns what had no incident.
func (b *Box) Expire(now time.Time, keep time.Duration) (dropped []Report, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var errs []error
	for id, r := range b.reports {
		if now.Sub(r.Received) <= keep {
			continue
		}
		if err := errors.Join(b.gone(b.file(id)), b.gone(b.record(id).Path)); err != nil {
			errs = append(errs, err)
			continue
		}
		delete(b.reports, id)
		if r.Incident == "" {
			dropped = append(dropped, r)
		}
	}
	return dropped, errors.Join(errs...)
}

func (b *Box) gone(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
