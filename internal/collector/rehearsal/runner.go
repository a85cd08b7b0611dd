package rehearsal

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/drill"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/incident/triage"
	"rtmtgrab/internal/wiring"
	"rtmtgrab/mailwatch"
)

// A Runner makes drills: when it is asked to, and by schedule.
type Runner struct {
	Log       *slog.Logger
	Config    func() *config.Config // in force
	Store     *incident.Store
	Journal   *triage.Journal
	Mails     *Mails
	Tokens    *wiring.TokenSources
	Boxes     func() []Box
	NewRunner func(events func(runner.Event)) *runner.Runner // of drills
	Book      *Book

	mu      sync.Mutex
	running map[string]bool // by site
	wg      sync.WaitGroup  // what a drill that was broken off leaves to be done
}

// A Box is a watched folder of a mailbox, and what its watcher said last.
type Box struct {
	Name    string // the folder's, as people are told it
	Mailbox string // as of config.Mail
	State   mailwatch.State
}

// An order says which drill is wanted.
type order struct {
	site      string
	mailbox   string // "": the site's
	by        string
	scheduled bool
	wait      time.Duration // for the mail; zero: mailWait
	tell      func(drill.Step)
}

// drill makes one. An error is that there was none, or that ctx ended; a failed drill is a
// result.
func (d *Runner) drill(ctx context.Context, o order) (drill.Result, error) {
	cfg := d.Config()
	site, err := siteOf(cfg, o.site)
	if err != nil {
		return drill.Result{}, err
	}
	if p, paused := d.paused(cfg, site.Name, time.Now()); paused {
		return drill.Result{}, advice.WithHint(fmt.Errorf("site %s is %s: an alert would trigger nothing, and so does a drill", site.Name, p.String()), "`grab resume` ends a pause that was begun by hand")
	}
	if !d.enter(site.Name) {
		return drill.Result{}, advice.WithHint(fmt.Errorf("a drill of site %s is under way", site.Name), "wait for its end; `grab status` shows what came of it")
	}
	defer d.leave(site.Name)

	r := &rehearsal{runner: d, cfg: cfg, site: site, mailbox: o.mailbox, wait: o.wait, tell: o.tell,
		result: drill.Result{Site: site.Name, Scheduled: o.scheduled, By: o.by, Began: time.Now().UTC().Round(time.Millisecond), Steps: []drill.Step{}, Notes: []string{}}}
	if r.wait <= 0 {
		r.wait = mailWait
	}
	d.Log.Info("drill begins", "site", site.Name, "by", o.by, "scheduled", o.scheduled)
	if err := r.perform(ctx); err != nil {
		d.Log.Warn("drill broken off", "site", site.Name, "err", err)
		return r.result, err
	}
	r.result.Ended = time.Now().UTC().Round(time.Millisecond)
	r.result.OK = r.result.Failed().Step == ""
	d.Book.ended(r.result, d.Log)
	if bad := r.result.Failed(); bad.Step != "" {
		d.Log.Warn("drill failed", "site", site.Name, "step", bad.Step, "host", bad.Host, "why", bad.What)
	} else {
		d.Log.Info("drill passed", "site", site.Name, "took", r.result.Ended.Sub(r.result.Began))
	}
	return r.result, nil
}

// siteOf is the site that is meant; none may be named where there is one only.
func siteOf(cfg *config.Config, name string) (*config.Site, error) {
	if name != "" || len(cfg.Sites) == 1 {
		s, _, err := cfg.Select(name)
		if err != nil {
			err = advice.Usage(err)
		}
		return s, err
	}
	var names []string
	for _, s := range cfg.Sites {
		names = append(names, s.Name)
	}
	return nil, advice.Usage(fmt.Errorf("there are several sites: name one of %s", strings.Join(names, ", ")))
}

// paused is the pause of a site that is in force.
func (d *Runner) paused(cfg *config.Config, site string, now time.Time) (incident.Pause, bool) {
	list, err := d.Store.Pauses(now)
	if err != nil {
		d.Log.Warn("cannot read the pauses", "err", err)
	}
	list = slices.Concat(list, incident.QuietNow(wiring.Sites(cfg), now))
	i := slices.IndexFunc(list, func(p incident.Pause) bool { return p.At(now) && p.Covers(site) })
	if i < 0 {
		return incident.Pause{}, false
	}
	return list[i], true
}

func (d *Runner) enter(site string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running[site] {
		return false
	}
	if d.running == nil {
		d.running = map[string]bool{}
	}
	d.running[site] = true
	return true
}

func (d *Runner) leave(site string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.running, site)
}

// Ask is what `grab drill` asks for.
type Ask struct {
	Site    string        `json:"site"`              // "": the only one
	Mailbox string        `json:"mailbox,omitempty"` // "": the site's
	Wait    time.Duration `json:"wait,omitempty"`    // for the mail
}

// Drill makes a drill for whoever asks, as long as ctx lasts. An error is that there was
// none, or that ctx ended; a failed drill is a result.
func (d *Runner) Drill(ctx context.Context, q Ask, by string, tell func(drill.Step)) (drill.Result, error) {
	if q.Wait < 0 || q.Wait > drill.Life {
		return drill.Result{}, advice.Usage(fmt.Errorf("--wait must be at most %s: for so long the mail counts as a drill", human.Span(drill.Life)))
	}
	return d.drill(ctx, order{site: q.Site, mailbox: q.Mailbox, by: by, wait: q.Wait, tell: tell})
}

// Wait waits for what drills that were broken off have left to be done.
func (d *Runner) Wait() { d.wg.Wait() }
