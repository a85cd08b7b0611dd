package progress

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/fetch"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/testsite"
)

// A count goes on over the passes of a host, and its speed is that of the present one.
func TestCount(t *testing.T) {
	t0 := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	at := func(s float64) time.Time { return t0.Add(time.Duration(s * float64(time.Second))) }
	var c count
	if c.percent() != "  0 %" || c.flow(t0) != "" {
		t.Errorf("%q %q", c.percent(), c.flow(t0))
	}
	c.update(fetch.Progress{Total: 100 << 20}, at(0))
	c.update(fetch.Progress{Total: 100 << 20, Done: 10 << 20}, at(1))
	if got := c.percent() + "|" + c.flow(at(1)); got != " 10 %|10.0 MiB/s  ETA 0:09" {
		t.Error(got)
	}
	if got := c.flow(at(60)); got != "" {
		t.Errorf("a speed for what stands still: %s", got)
	}
	c.stop()
	c.update(fetch.Progress{Total: 90 << 20}, at(300)) // the connection broke; the rest is another pass
	if got := c.percent() + "|" + c.flow(at(300)); got != " 10 %|" || c.total != 100<<20 {
		t.Error(got, c.total)
	}
	c.update(fetch.Progress{Total: 90 << 20, Done: 90 << 20}, at(301))
	if got := c.percent() + "|" + c.flow(at(301)); got != "100 %|" {
		t.Error(got)
	}

	var sum count
	sum.add(c)
	sum.add(count{total: 300 << 20, done: 100 << 20, rate: 1 << 20, at: at(301)})
	if got := sum.percent(); got != " 50 %" {
		t.Error(got)
	}
}

// Elsewhere than on a terminal each step is a line.
func TestLines(t *testing.T) {
	var out testsite.SafeBuffer
	d := New(&out)
	d.Event(runner.Event{What: runner.EventHeld, Host: "expc01"})
	d.Fetched(fetch.Progress{Host: "expc01", Total: 1 << 20})
	d.Fetched(fetch.Progress{Host: "expc01", Total: 1 << 20, Done: 1 << 19})
	d.Event(runner.Event{What: runner.EventSealing, Coverage: "partial"})
	d.Close()
	if got, want := out.String(), "expc01: files open\nexpc01: copying 1.0 MiB\nsealing, coverage partial\n"; got != want {
		t.Errorf("%q", strings.ReplaceAll(got, want, "…"))
	}
}

// Who tells it something goes on although nobody reads the screen, and so does the end.
func TestUnreadScreen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, to := io.Pipe()
		d := New(to)
		for range 3 * mostWords {
			d.Fetched(fetch.Progress{Host: "expc01", Total: 1 << 20})
			d.Event(runner.Event{What: runner.EventHeld, Host: "expc01"})
		}
		d.Close()
		r.Close()
		<-d.done
	})
}

// A cause is said once for as long as it stays the same, without the host's name twice; and
// it is said what is waited for.
func TestRepeats(t *testing.T) {
	var out testsite.SafeBuffer
	d := New(&out)
	d.now = func() time.Time { return time.Unix(1000, 0) }
	refused := errors.New("expe01 (10.0.40.5:22): connection refused")
	for _, err := range []error{refused, refused, errors.Join(refused, refused), errors.New("login refused"), refused} {
		d.Event(runner.Event{What: runner.EventPass, Host: "expe01", Err: err})
	}
	for _, left := range []time.Duration{20 * time.Second, 0, -time.Minute} {
		d.Event(runner.Event{What: runner.EventFirstPass, Window: evidence.Window{Until: d.now().Add(left)}})
	}
	d.Close()
	const why = "expe01: 10.0.40.5:22: connection refused\n"
	if got, want := out.String(), why+"expe01: login refused\n"+why+"waiting 20 s for the end of the window\n"; got != want {
		t.Errorf("%s", got)
	}
}
