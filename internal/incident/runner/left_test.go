package runner

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// What a command by hand left that was killed beside a running watch is brought to its end by the watch.
func TestKilledBesideWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		j := b.journal()
		stop := b.watch(j)
		ctx, kill := context.WithCancel(t.Context())
		now, ended := time.Now(), make(chan struct{})
		go func() {
			defer close(ended)
			q := request()
			q.Out = filepath.Join(t.TempDir(), "gone") // or closed to the watch
			q.Asked = evidence.NewWindow(now.Add(-time.Minute), now.Add(10*time.Minute))
			b.r.Once(ctx, q)
		}()
		time.Sleep(5 * time.Second)
		if l := b.list(); len(l) != 1 || l[0].State != incident.Running {
			t.Fatalf("%+v", l)
		}
		kill() // leaves all as kill -9 does
		<-ended
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if l := b.list(); l[0].State != incident.Sealed {
			t.Errorf("it stays %s", l[0].State)
		} else if filepath.Dir(l[0].Bundle) != b.st.Bundles() {
			t.Errorf("its bundle is %s", l[0].Bundle)
		}
		stop()
	})
}
