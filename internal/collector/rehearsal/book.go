package rehearsal

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/drill"
)

// A Book knows, across restarts, what came of the drills of each site.
type Book struct {
	file atomicfile.JSON[map[string]siteDrills]

	mu    sync.Mutex
	sites map[string]siteDrills // nil: not read yet
}

// NewBook is the one that is kept in that file.
func NewBook(path string) *Book {
	return &Book{file: atomicfile.JSON[map[string]siteDrills]{Path: path}}
}

// siteDrills are those of one site, as kept on disk.
type siteDrills struct {
	Last      *drill.Result `json:"last,omitempty"`
	Failed    *drill.Result `json:"failed,omitempty"` // the first scheduled one that failed since one has passed
	Scheduled time.Time     `json:"scheduled,omitzero"`
}

// read reads the file, once. The lock is held.
func (b *Book) read(log *slog.Logger) {
	if b.sites != nil {
		return
	}
	var err error
	if b.sites, _, err = b.file.Recover(log); err != nil {
		log.Error("cannot read what came of earlier drills", "err", err)
	}
	if b.sites == nil {
		b.sites = map[string]siteDrills{}
	}
}

func (b *Book) change(site string, log *slog.Logger, change func(*siteDrills)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.read(log)
	s := b.sites[site]
	change(&s)
	b.sites[site] = s
	if err := b.file.Save(b.sites); err != nil {
		log.Warn("cannot save what came of a drill", "site", site, "err", err)
	}
}

// began writes down that a scheduled drill begins, before it does.
func (b *Book) began(site string, now time.Time, log *slog.Logger) {
	b.change(site, log, func(s *siteDrills) { s.Scheduled = now.UTC().Round(0) })
}

// ended writes down what came of a drill.
func (b *Book) ended(r drill.Result, log *slog.Logger) {
	b.change(r.Site, log, func(s *siteDrills) {
		s.Last = &r
		switch {
		case r.OK:
			s.Failed = nil
		case r.Scheduled && s.Failed == nil:
			s.Failed = &r
		}
	})
}

// all are the drills of all sites.
func (b *Book) all(log *slog.Logger) map[string]siteDrills {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.read(log)
	return maps.Clone(b.sites)
}

// Report adds the drills of configured sites, and those that failed by themselves.
func (d *Runner) Report(r *status.Report, cfg *config.Config, next map[string]time.Time) {
	known := d.Book.all(d.Log)
	for _, site := range cfg.Sites {
		s := known[site.Name]
		line := status.Drill{Site: site.Name, Next: next[site.Name]}
		if s.Last != nil {
			bad := s.Last.Failed()
			line.At, line.OK, line.Scheduled = s.Last.Began, s.Last.OK, s.Last.Scheduled
			line.Step, line.Host, line.Error = bad.Step, bad.Host, bad.What
		}
		if s.Last != nil || !line.Next.IsZero() {
			r.Drills = append(r.Drills, line)
		}
		if s.Failed == nil {
			continue
		}
		bad := s.Failed.Failed()
		r.Add(status.Problem{Key: "drill/" + site.Name, Since: s.Failed.Began,
			What: fmt.Sprintf("the scheduled drill of site %s failed: %s", site.Name, stepLine(bad)),
			Hint: cmp.Or(bad.Hint, "see the log of grab watch") + "; this is over when a drill passes: `grab drill " + site.Name + "`"})
	}
	slices.SortFunc(r.Drills, func(a, b status.Drill) int { return cmp.Compare(a.Site, b.Site) })
}

// stepLine is a step that failed in a few words.
func stepLine(s drill.Step) string {
	line := "not " + s.Step
	if s.Host != "" {
		line += " on " + s.Host
	}
	return line + ": " + s.What
}
