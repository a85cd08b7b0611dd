package health

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/redact"
)

const (
	usedEvery = 5 * time.Minute // between two looks at how much the store takes
	rateDays  = 7               // over which what comes is averaged
)

// diskUse says how much room a store takes and has. It is safe for concurrent use.
type diskUse struct {
	mu     sync.Mutex
	looked time.Time
	used   int64
	perDay float64       // bytes
	byAge  map[int]int64 // of bundles, by days
	aside  []string      // damaged files that were set aside
}

// Report adds the disk to a report, with the reserve that is kept of it.
func (d *diskUse) Report(r *status.Report, cfg *config.Config, reserve *diskspace.Reserve) {
	space, keep, err := reserve.State()
	if err != nil {
		r.Add(status.Problem{Key: "disk", Blocks: true, What: "the store cannot be read: " + redact.Foreign(err.Error(), 300),
			Hint: "is " + cfg.Store + " mounted, and readable by this service?"})
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if age := r.Now.Sub(d.looked); age < 0 || age > usedEvery {
		d.look(r.Now, cfg.Store)
	}
	const day = 24 * time.Hour
	r.Disk = status.Disk{FreeBytes: space.Free, ReserveBytes: keep, UsedBytes: d.used,
		DaysLeft: status.DaysLeft(space.Free-keep, d.perDay, int(cfg.Keep.Age/day), d.byAge)}
	r.JudgeDisk()
	r.JudgeAside(setAside(cfg.Store, d.aside))
}

// look measures the store. What goes away meanwhile does not count.
func (d *diskUse) look(now time.Time, store string) {
	d.looked, d.used, d.byAge, d.aside = now, 0, map[int]int64{}, nil
	filepath.WalkDir(store, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if atomicfile.IsAside(path) {
			name, _ := filepath.Rel(store, path)
			d.aside = append(d.aside, name)
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			d.used += info.Size()
		}
		return nil
	})
	entries, _ := os.ReadDir(filepath.Join(store, "bundles"))
	var lately int64
	oldest := 1.0 // days
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		age := max(now.Sub(info.ModTime()).Hours()/24, 0)
		d.byAge[int(age)] += info.Size()
		if age < rateDays {
			lately += info.Size()
		}
		oldest = max(oldest, age)
	}
	d.perDay = float64(lately) / min(oldest, rateDays)
}

// setAside are the damaged files of a store that were set aside: those that the last look
// found and that are still there, and those where most are, which are looked for now.
func setAside(store string, found []string) (list []string) {
	for _, name := range found {
		if _, err := os.Lstat(filepath.Join(store, name)); err == nil {
			list = append(list, name)
		}
	}
	for _, dir := range smallFolders(store) {
		entries, _ := os.ReadDir(filepath.Join(store, dir))
		for _, e := range entries {
			if atomicfile.IsAside(e.Name()) {
				list = append(list, filepath.Join(dir, e.Name()))
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// smallFolders are a store's folders that are read in no time: those without alerts,
// mails, incidents, bundles, their custody and rings.
func smallFolders(store string) []string {
	dirs := []string{"."}
	for _, in := range []string{".", "outbox"} {
		entries, _ := os.ReadDir(filepath.Join(store, in))
		for _, e := range entries {
			if e.IsDir() && !slices.Contains([]string{"alerts", "mails", "incidents", "bundles", "ring", "custody"}, e.Name()) {
				dirs = append(dirs, filepath.Join(in, e.Name()))
			}
		}
	}
	return dirs
}
