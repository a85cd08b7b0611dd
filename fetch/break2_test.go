package fetch

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const sec = time.Second

// A file takes longer to come than the ring keeps anything: a slow line.
func TestBreakRingSlowLine(t *testing.T) {
	w := newWorld(t)
	var later atomic.Int64
	c := &hookConn{}
	r := newRing(t, w.dir, c)
	r.grab.now = func() time.Time { return w.now.Add(time.Duration(later.Load())) }
	w.put("network_log.1", w.text(600*sec, 300*sec)+strings.Repeat(strings.Repeat("y", 999)+"\n", 10<<10), 300*sec)
	w.put("network_log", w.text(300*sec, 0), 0)
	c.onRead = func() { later.Add(int64(10 * time.Minute)) }
	r.pace.rate = 1 << 40
	step(t, r)
}
