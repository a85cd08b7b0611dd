package fetch

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
)

// A shortLived connection breaks after some reads; its clock is measured a little
// differently each time; below zero it cannot be.
type shortLived struct {
	conntest.Local
	offset time.Duration
}

func (c *shortLived) Clock(context.Context) (offset, doubt time.Duration, err error) {
	if c.offset < 0 {
		return 0, 0, errors.New("too slow an answer")
	}
	return c.offset, 5 * time.Millisecond, nil
}

// A line that breaks before all files were looked into brings them nearer each time: without
// that a jump host that ends what it carries after some seconds would let nothing through.
func TestConnectionsTooShortToFindTheWindow(t *testing.T) {
	w := fetchtest.NewWorld(t)
	const files = 30
	for i := range files {
		from := time.Duration(files-i) * time.Minute
		name := "network_log"
		if i < files-1 {
			name = fmt.Sprintf("network_log.%d", files-1-i)
		}
		w.Put(name, w.Text(from, from-time.Minute), from-time.Minute)
	}
	reads, dials := files+8, 0 // all are opened, and 8 more reads are made
	g := newGrab(t, w.Dir, nil)
	g.Host.Dial = func(context.Context) (hostconn.Conn, error) {
		dials++
		return &shortLived{conntest.Local{FailAfter: int64(reads)}, time.Duration(dials%4-1) * time.Millisecond}, nil
	}
	asked := w.Window(25*time.Minute, 0)
	var row evidence.Host
	for range 40 {
		var err error
		if row, err = g.Pass(t.Context(), asked, nil); err == nil {
			break
		} else if !errors.Is(err, conntest.ErrCut) {
			t.Fatal(err)
		}
	}
	if row.Coverage != evidence.Complete {
		t.Fatalf("after %d connections of %d reads: %s %s", dials, reads, row.Coverage, row.Error)
	}
	t.Logf("%d connections", dials)
	honestIn(w, g, row, asked)
}

// What was found by another window, or before a file has grown, is looked for anew.
func TestFoundAgainIsOfTheSameWindow(t *testing.T) {
	w := fetchtest.NewWorld(t)
	w.Put("network_log.1", w.Text(60*time.Minute, 30*time.Minute), 30*time.Minute)
	w.Put("network_log", w.Text(30*time.Minute, 10*time.Minute), 10*time.Minute)
	g := newGrab(t, w.Dir, nil)
	offset := time.Duration(0)
	g.Host.Dial = func(context.Context) (hostconn.Conn, error) { return &shortLived{offset: offset}, nil }
	passOf(w, g, w.Window(50*time.Minute, 20*time.Minute))
	g.holder.Drop(true)
	w.Grow("network_log", w.Text(10*time.Minute, 0), 0)
	asked := w.Window(55*time.Minute, 0)
	honestIn(w, g, passOf(w, g, asked), asked)
}
