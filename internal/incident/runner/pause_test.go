package runner

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// During a pause alerts are recorded and start nothing, what is open goes on, and
// the storm that still lasts afterwards opens an incident of its own.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		j := b.journal()
		stop := b.watch(j)
		take := func() incident.What {
			a := incidenttest.StormAlert(time.Now(), 1)
			b.put(j, a)
			rec, err := b.st.Alert(a.ID)
			if err != nil {
				t.Fatal(err)
			}
			return rec.Sites[0].What
		}
		if got := take(); got != incident.InIncident {
			t.Errorf("before: %s", got)
		}
		time.Sleep(time.Minute)
		if err := b.st.Pause(ctx, incident.Pause{Site: "HQ", From: time.Now(), Until: time.Now().Add(2 * time.Hour), Reason: "upgrade\nto 15", By: "ann"}); err != nil {
			t.Fatal(err)
		}
		for range 2 * 120 {
			if got := take(); got != incident.Paused {
				t.Fatalf("during the pause, at %s: %s", time.Now(), got)
			}
			time.Sleep(30 * time.Second)
		}
		if l := b.list(); len(l) != 1 || l[0].State != incident.Sealed || l[0].Coverage != evidence.Complete {
			t.Errorf("what was open: %+v", l)
		}
		if got := take(); got != incident.InIncident { // it has ended by itself
			t.Errorf("after: %s", got)
		}
		time.Sleep(time.Hour)
		stop()
		if l := b.list(); len(l) != 2 {
			t.Errorf("%+v", l)
		}
		list, err := b.st.ListAlerts()
		if err != nil || !strings.Contains(list[1].Sites[0].Why, "by ann: upgrade") || strings.Contains(list[1].Sites[0].Why, "\n") {
			t.Errorf("%+v, %v", list[1], err)
		}
		j = b.journal() // paused ones stay what they are
		defer j.Close()
		if in, err := j.Decide(time.Now()); err != nil || len(in) != 0 {
			t.Errorf("%v, %v", in, err)
		}
		if err := j.Prune(time.Now().Add(31 * 24 * time.Hour)); err != nil {
			t.Error(err)
		}
		if _, err := b.st.Alert(list[1].ID); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a paused alert after 31 days: %v", err)
		}
	})
}
