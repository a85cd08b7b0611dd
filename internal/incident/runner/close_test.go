package runner

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// meeting is a puller whose Close ends when every other's has begun.
type meeting struct {
	*fakePuller
	met  *sync.WaitGroup
	late *atomic.Int32
}

func (m meeting) Close() error {
	m.met.Done()
	all := make(chan struct{})
	go func() {
		m.met.Wait()
		close(all)
	}()
	select {
	case <-all:
	case <-time.After(time.Minute):
		m.late.Add(1)
	}
	return nil
}

// TestClosedAtOnce: no host waits for another when they are let go of.
func TestClosedAtOnce(t *testing.T) {
	b := newBench(t, incidenttest.Store(t, t.TempDir()))
	var met sync.WaitGroup
	var late atomic.Int32
	u := &run{r: b.r}
	for name, f := range b.hosts {
		met.Add(1)
		u.hosts = append(u.hosts, &hostRun{run: u, ref: incident.HostRef{Name: name}, puller: meeting{&fakePuller{host: name, dir: t.TempDir(), f: f}, &met, &late}})
	}
	u.closePullers()
	if len(u.hosts) < 2 || late.Load() > 0 {
		t.Errorf("of %d hosts %d were let go of after another", len(u.hosts), late.Load())
	}
	for _, h := range u.hosts {
		if h.puller != nil {
			t.Errorf("%s was not let go of", h.ref.Name)
		}
	}
}
