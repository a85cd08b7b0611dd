package runner

import (
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// A backlog that comes in two parts, in no order, is judged when its end is told and
// not when the runner happens to look: gaps would be news. One whose end nobody tells
// is judged all the same.
func TestHalfABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := incidenttest.FastStore(t, t.TempDir())
		b := newBench(t, st)
		j := b.journal()
		stop := b.watch(j)
		defer stop()
		synctest.Wait() // it has decided what was there when it began
		begun := time.Now().Add(-50 * time.Minute)
		part := func(late bool) {
			for i := range 100 { // one node's, every 30 s; half an hour in the middle comes late
				if at := begun.Add(time.Duration(i) * 30 * time.Second); (i >= 20 && i < 80) == late {
					b.add(j, incidenttest.StormAlert(at, 1))
				}
			}
		}
		part(false)
		time.Sleep(2 * decideWait) // the runner looks
		part(true)
		b.decide(j)
		time.Sleep(time.Hour)
		if n := len(b.list()); n != 1 {
			t.Errorf("%d incidents of a storm without news", n)
		}
		b.add(j, incidenttest.StormAlert(time.Now(), 2))
		time.Sleep(time.Hour)
		if l := b.list(); len(l) != 2 || l[0].State != incident.Sealed {
			t.Errorf("an alert that nobody said was the last: %+v", l)
		}
	})
}
