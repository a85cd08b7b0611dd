package collector

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
)

// drillRunner makes drills: when it is asked to, and by schedule.
type drillRunner struct {
	log       *slog.Logger
	cfg       func() *config.Config // in force
	store     *incident.Store
	journal   *triage.Journal
	mails     *drillMails
	tokens    *wiring.TokenSources
	boxes     func() []boxState
	newRunner func(events func(runner.Event)) *runner.Runner // of drills
	book      drillBook

	mu      sync.Mutex
	running map[string]bool // by site
	wg      sync.WaitGroup  // what a drill that was broken off leaves to be done
}

// A drillOrder says which drill is wanted.
type drillOrder struct {
	site      string
	mailbox   string // "": the site's
	by        string
	scheduled bool
	wait      time.Duration // for the mail; zero: drillWait
	tell      func(drill.Step)
}

// drill makes one. An error is that there was none, or that ctx ended; a failed drill is a
// result.
func (d *drillRunner) drill(ctx context.Context, o drillOrder) (drill.Result, error) {
	cfg := d.cfg()
	site, err := drillSite(cfg, o.site)
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
		r.wait = drillWait
	}
	d.log.Info("drill begins", "site", site.Name, "by", o.by, "scheduled", o.scheduled)
	if err := r.perform(ctx); err != nil {
		d.log.Warn("drill broken off", "site", site.Name, "err", err)
		return r.result, err
	}
	r.result.Ended = time.Now().UTC().Round(time.Millisecond)
	r.result.OK = r.result.Failed().Step == ""
	d.book.ended(r.result, d.log)
	if bad := r.result.Failed(); bad.Step != "" {
		d.log.Warn("drill failed", "site", site.Name, "step", bad.Step, "host", bad.Host, "why", bad.What)
	} else {
		d.log.Info("drill passed", "site", site.Name, "took", r.result.Ended.Sub(r.result.Began))
	}
	return r.result, nil
}

// drillSite is the site that is meant; none may be named where there is one only.
func drillSite(cfg *config.Config, name string) (*config.Site, error) {
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
func (d *drillRunner) paused(cfg *config.Config, site string, now time.Time) (incident.Pause, bool) {
	list, err := d.store.Pauses(now)
	if err != nil {
		d.log.Warn("cannot read the pauses", "err", err)
	}
	list = slices.Concat(list, incident.QuietNow(wiring.Sites(cfg), now))
	i := slices.IndexFunc(list, func(p incident.Pause) bool { return p.At(now) && p.Covers(site) })
	if i < 0 {
		return incident.Pause{}, false
	}
	return list[i], true
}

func (d *drillRunner) enter(site string) bool {
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

func (d *drillRunner) leave(site string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.running, site)
}

// DrillAsk is what `grab drill` asks for.
type DrillAsk struct {
	Site    string        `json:"site"`              // "": the only one
	Mailbox string        `json:"mailbox,omitempty"` // "": the site's
	Wait    time.Duration `json:"wait,omitempty"`    // for the mail
}

// ask makes a drill for a client, as long as it is there.
func (d *drillRunner) ask(ctx context.Context, q DrillAsk, by string, say func(Word)) (any, error) {
	if q.Wait < 0 || q.Wait > drill.Life {
		return nil, advice.Usage(fmt.Errorf("--wait must be at most %s: for so long the mail counts as a drill", human.Span(drill.Life)))
	}
	return d.drill(ctx, drillOrder{site: q.Site, mailbox: q.Mailbox, by: by, wait: q.Wait, tell: func(s drill.Step) { say(Word{Drill: &s}) }})
}
