package hostconn_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
)

// When all is copied the host is asked for nothing more, however many files are held;
// letting go of them takes two round trips.
func TestNoRoundTripsAfterCopied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fetchtest.NewWorld(t)
		const files = 30
		for i := range files {
			since := time.Duration(files-i) * 20 * time.Second
			name := fmt.Sprintf("network_log.%d", files-1-i)
			if i == files-1 {
				name = "network_log"
			}
			w.Put(name, w.Text(since, since-20*time.Second), since-20*time.Second)
		}
		s, end := hostconn.FarSession(t)
		defer end()
		g := newGrab(t, w.Dir, hostconn.Share(s, &hostconn.Memory{}))
		passes := 0
		for range 2 { // the second finds that there is nothing more
			var copied time.Time
			g.Copied = func() { copied = time.Now() }
			row, err := g.Pass(t.Context(), w.Window(10*time.Minute, 0), nil)
			if err != nil || copied.IsZero() || row.Coverage != evidence.Complete || row.Files[0].Bytes == 0 {
				t.Fatalf("copied at %v, %s, %v", copied, row.Coverage, err)
			}
			if n := time.Since(copied) / hostconn.Trip; n > 0 {
				t.Errorf("pass %d: %d round trips after all was copied", passes, n)
			}
			passes++
		}
		r, err := g.Open("network_log")
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		began := time.Now()
		g.Close()
		if n := time.Since(began) / hostconn.Trip; n > (files+15)/16 {
			t.Errorf("letting go took %d round trips", n)
		}
	})
}
