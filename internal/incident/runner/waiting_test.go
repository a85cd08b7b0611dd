package runner

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// Hosts that neither let their files be held nor give up are named, until they do.
func TestWaitingHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := incidenttest.Store(t, t.TempDir())
		b := newBench(t, st)
		silent := func(ctx context.Context, n int, p Pass) error {
			<-ctx.Done()
			return ctx.Err()
		}
		b.hosts["expe01"].script = silent
		j := b.journal()
		stop := b.watch(j)
		defer stop()
		b.alertNow(j, "n1", 1)
		time.Sleep(10 * time.Second)
		open, err := st.Open()
		if err != nil || len(open) != 1 || fmt.Sprint(open[0].Waiting) != "[expe01]" {
			t.Errorf("%v %+v", err, open)
		}
		time.Sleep(time.Hour) // it is given up at the end of patience
		if l := b.list(); len(l) != 1 || l[0].State != incident.Sealed {
			t.Errorf("%+v", l)
		}
	})
}
