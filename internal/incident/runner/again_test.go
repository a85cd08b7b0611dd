package runner

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/incident/incidenttest"
)

// A host that goes on failing for the same cause is logged once, and its row says the cause
// once, though it was joined of three.
func TestSameCauseIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		b.r.Log = slog.New(slog.NewTextHandler(&log, nil))
		lost := errors.New("connection lost")
		b.hosts["expe01"].script = func(context.Context, int, Pass) error { return errors.Join(lost, lost, lost) }
		j := b.journal()
		stop := b.watch(j)
		b.alertNow(j, "n1", 1)
		time.Sleep(40 * time.Minute)
		_, fb := b.sealedOnly()
		stop()
		if n := strings.Count(log.String(), "host incomplete"); n != 1 {
			t.Errorf("logged %d times:\n%s", n, log.String())
		}
		again := 0
		for _, e := range b.events {
			if e.Again {
				again++
			}
		}
		if again == 0 {
			t.Error("no event says that the cause is the same")
		}
		if got := fb.Manifest.Hosts[1].Error; strings.Count(got, "connection lost") != 1 {
			t.Errorf("%q", got)
		}
	})
}
