package chaos

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testrace"
)

// The real collector, in virtual time, with more sites in need than may copy at a time, each of a
// megabyte over a slow line. What they copy is held, and safe. Status shows who copies and who
// waits, for what, and since when. A site loses its connection, and its handles with it:
// what it wants is safe no longer, and status says until when it is. All of them get all: nobody
// waits for ever. (Who overtakes whom is shown in package copyqueue.)
func TestQueueSeen(t *testing.T) {
	if testing.Short() {
		t.Skip("a site's worth of grabs")
	}
	const places = 16 // of the queue
	sites := places + testrace.Smaller(6, 2)
	last := fmt.Sprintf("s%d", sites-1)
	dir := incidenttest.QuickDir(t)
	synctest.Test(t, func(t *testing.T) {
		c, stop := newCrowd(t, dir, sites, 1, "alerts: {limit: 0}\nwindow: {before: 4m, after: 20s}\nsettle: 2s")
		defer stop()
		sealed := make(chan evidence.Manifest, sites)
		c.w.Runner.Seal = func(_ context.Context, job runner.SealJob) (runner.SealedBundle, error) {
			sealed <- job.Manifest
			path := job.Base + ".zip"
			return runner.SealedBundle{Path: path}, os.WriteFile(path, nil, 0o600)
		}
		c.w.Runner.VerifyBundle = func(context.Context, string, string, int) (m evidence.Manifest, err error) { return m, nil }
		c.all(func(p *logPeer) {
			for _, f := range p.logs["network_log"].files {
				f.wide = 12 << 10 // so many bytes every two seconds: 1.4 MB in the window
			}
		})
		time.Sleep(90 * time.Second) // all are warm
		c.all(func(p *logPeer) { p.rate = 250 << 10; p.pace(p.rate) })

		alert := func(site int) {
			now := time.Now()
			if err := c.box.Deliver(rtmt.Mail(rtmt.MailOptions{Cluster: fmt.Sprintf("s%d", site), Time: now, MessageID: fmt.Sprintf("%d@queue", site)}), now); err != nil {
				t.Error(err)
			}
		}
		for i := range sites {
			alert(i)
			time.Sleep(50 * time.Millisecond)
		}
		full := c.queueUntil("it is full", func(q status.Queue) bool { return q.Waiting > 0 && q.Copying >= places && copyOf(q, last) != nil })
		for _, one := range full.Copies {
			waits := !one.Copies
			if one.Incident == "" || one.Host == "" || one.Site == "" || !one.Safe.IsZero() || waits == one.Since.IsZero() || waits && one.Left < 1<<20 {
				t.Errorf("of a full queue status says %+v", one)
			}
		}
		waiting := slices.DeleteFunc(slices.Clone(full.Copies), func(one status.Copy) bool { return one.Copies })
		second := len("20000101T000130Z") // of the alert, as the incident's name has it
		if copyOf(full, last).Copies || !slices.IsSortedFunc(waiting, func(a, b status.Copy) int {
			return cmp.Or(strings.Compare(a.Incident[:second], b.Incident[:second]), a.Since.Compare(b.Since))
		}) {
			t.Errorf("who waits is not told in the order of alerts and of coming: %+v", full.Copies)
		}

		p := c.peers[fmt.Sprintf("h%d", sites-1)]
		p.change(p.hangUp)
		urgent := c.queueUntil("it is not safe", func(q status.Queue) bool { return copyOf(q, last) != nil && !copyOf(q, last).Safe.IsZero() })
		mine := copyOf(urgent, last)
		if left := time.Until(mine.Safe); left < 10*time.Minute || left > time.Hour || !urgent.Nearest.Equal(mine.Safe) {
			t.Errorf("it is safe until %v, for %v; the nearest of all is %v", mine.Safe, left, urgent.Nearest)
		}
		for range sites {
			if m := <-sealed; m.Coverage != evidence.Complete {
				t.Errorf("%s: %s %+v", m.Site, m.Coverage, m.Hosts)
			}
		}
		if q := c.w.Status().Queue; q.Copying+q.Waiting > 0 {
			t.Errorf("at the end %+v", q)
		}
	})
}

func copyOf(q status.Queue, site string) *status.Copy {
	for i := range q.Copies {
		if q.Copies[i].Site == site {
			return &q.Copies[i]
		}
	}
	return nil
}

// queueUntil looks at the queue every half a second of virtual time until it is so.
func (c *crowd) queueUntil(what string, ok func(status.Queue) bool) (q status.Queue) {
	c.t.Helper()
	for range 60 * 30 * 2 {
		if q = c.w.Status().Queue; ok(q) {
			return q
		}
		time.Sleep(time.Second / 2)
	}
	c.t.Fatalf("never: %s; %+v", what, q)
	return q
}
