package health

import (
	"context"
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
	mu   sync.Mutex
	used diskUsed // as of the last look
}

// diskUsed is what a look at a store has found.
type diskUsed struct {
	bytes  int64
	perDay float64       // bytes
	byAge  map[int]int64 // of bundles, by days
	aside  []string      // damaged files that were set aside
}

// Run looks now and then until ctx ends: years of incidents are many files, for which no
// report waits.
func (d *diskUse) Run(ctx context.Context, store string) {
	for {
		d.look(ctx, time.Now(), store)
		select {
		case <-time.After(usedEvery):
		case <-ctx.Done():
			return
		}
	}
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
	used := d.used
	d.mu.Unlock()
	r.Disk = status.Disk{FreeBytes: space.Free, ReserveBytes: keep, UsedBytes: used.bytes, DaysLeft: used.daysLeft(space.Free-keep, cfg.Keep)}
	r.JudgeDisk()
	r.JudgeAside(setAside(cfg.Store, used.aside))
}

// daysLeft is in how many days so much room is used up; 0: it is not, or nobody knows.
func (u diskUsed) daysLeft(room int64, keep config.Keep) float64 {
	var bundles int64
	for _, n := range u.byAge {
		bundles += n
	}
	if keep.Size > 0 && keep.Size-bundles <= room {
		return 0 // keep.size is reached before
	}
	return status.DaysLeft(room, u.perDay, int(keep.Age/(24*time.Hour)), u.byAge)
}

// look measures the store. What goes away meanwhile does not count.
func (d *diskUse) look(ctx context.Context, now time.Time, store string) {
	u := diskUsed{byAge: map[int]int64{}}
	filepath.WalkDir(store, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if ctx.Err() != nil {
			return fs.SkipAll
		}
		if atomicfile.IsAside(path) {
			name, _ := filepath.Rel(store, path)
			u.aside = append(u.aside, name)
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			u.bytes += info.Size()
		}
		return nil
	})
	u.bundles(now, filepath.Join(store, "bundles"))
	d.mu.Lock()
	defer d.mu.Unlock()
	if ctx.Err() == nil {
		d.used = u
	}
}

// bundles looks at how much comes a day.
func (u *diskUsed) bundles(now time.Time, dir string) {
	entries, _ := os.ReadDir(dir)
	var lately int64
	oldest := 1.0 // days
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		age := max(now.Sub(info.ModTime()).Hours()/24, 0)
		u.byAge[int(age)] += info.Size()
		if age < rateDays {
			lately += info.Size()
		}
		oldest = max(oldest, age)
	}
	u.perDay = float64(lately) / min(oldest, rateDays)
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
