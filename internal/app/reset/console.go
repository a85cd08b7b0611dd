package reset

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/terminal"
)

// A Console is where a person is who has phones reset.
type Console struct {
	Cfg   *config.Config
	Out   io.Writer       // what is shown and said
	Yes   bool            // it is confirmed already
	Asker *terminal.Asker // nil: nobody can be asked

	clusters func(site string) ([]Cluster, error) // for tests; nil: as configured
}

// Run does what is asked, and where no grab watch runs it watches the phones itself until all
// are back, or ctx ends.
func (c Console) Run(ctx context.Context, q Request) (Done, error) {
	store, clusters := &incident.Store{Dir: c.Cfg.Store}, c.clusters
	if clusters == nil {
		clusters = Configured(func() *config.Config { return c.Cfg })
	}
	d := Resetter{Store: store, Clusters: clusters, Show: c.show, Ask: c.confirm, Say: c.say, Sleep: sleep}
	done, err := d.Do(ctx, q)
	if len(done.Resets) == 0 {
		return done, err
	}
	lock, busy := store.LockWatch()
	if busy != nil {
		c.say("grab watch looks whether they come back: `grab status`")
		return done, err
	}
	defer lock.Release()
	c.say("watching whether all their lines come back; Ctrl-C ends that, and the next grab watch goes on")
	w := &Watcher{Store: store, Clusters: clusters, Log: slog.New(slog.DiscardHandler), Told: func(r evidence.Reset) { c.say("%s: %s", r.Device, words(r)) }}
	for w.Look(ctx) && sleep(ctx, LookEvery) == nil {
	}
	done.update(store)
	return done, err
}

// update takes up what became of the resets meanwhile.
func (d *Done) update(st *incident.Store) {
	list, err := Records(st)
	if err != nil {
		d.Notes = append(d.Notes, err.Error())
	}
	for _, rec := range list {
		for _, r := range rec.Resets {
			for i := range d.Resets {
				if d.Resets[i].Device == r.Device && d.Resets[i].At.Equal(r.At) {
					d.Resets[i] = r
				}
			}
		}
	}
}

func (c Console) say(format string, args ...any) { fmt.Fprintf(c.Out, format+"\n", args...) }

// show shows who is affected.
func (c Console) show(p Plan) {
	w := tabwriter.NewWriter(c.Out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "PHONE\tCLUSTER\tSTATUS\tLINES\tUSER\tDESCRIPTION\tPROBLEM REPORT")
	for _, ph := range p.Phones {
		var lines []string
		for _, l := range ph.Lines {
			lines = append(lines, l.Number+" "+strings.ToLower(l.Status))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", ph.Device, ph.Cluster, human.Dash(ph.Status), human.Dash(strings.Join(lines, ", ")), human.Dash(ph.User), human.Dash(ph.Description), ph.PRT)
	}
	w.Flush()
}

func (c Console) confirm(question string) (bool, error) {
	switch {
	case c.Yes:
		return true, nil
	case c.Asker == nil:
		return false, advice.Usage(advice.WithHint(ErrNotAsked, "with --yes nobody is asked"))
	}
	yes, ok := c.Asker.Yes(false, "%s", question)
	return yes && ok, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
