package hostconn_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
)

// Logs of three families of which nothing is known: so many round trips until all is held,
// and until a window of a few minutes is copied.
func TestColdTrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fetchtest.NewWorld(t)
		families := []string{"network_log", "messages", "developer_log"}
		body := strings.Repeat(strings.Repeat("y", 99)+"\n", 4)
		for _, family := range families {
			for i := range 4 {
				name := family
				if i < 3 {
					name = fmt.Sprintf("%s.%d", family, 3-i)
				}
				var b strings.Builder
				begin, end := time.Duration(4-i)*time.Hour, time.Duration(3-i)*time.Hour
				for at := begin; at > end; at -= time.Second {
					b.WriteString(w.Text(at, at-time.Second) + body)
				}
				w.Put(name, b.String(), end)
			}
		}
		s, end := hostconn.FarSession(t)
		defer end()
		held, all, row, g := tripsOf(t, w, s, 12*time.Minute, families)
		g.Close()
		if row.Coverage != evidence.Complete || held > 6 || all > 6+12 {
			t.Errorf("%s; held after %d round trips, copied after %d", row.Coverage, held, all)
		}
		t.Logf("held after %d round trips, copied after %d", held, all)
	})
}

// Hundreds of small siblings are held, and copied, many in a round trip.
func TestSmallSiblingsTrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fetchtest.NewWorld(t)
		const files = 286
		for i := range files {
			name := "network_log"
			if i < files-1 {
				name = fmt.Sprintf("network_log.%d", files-1-i)
			}
			since := time.Duration(files-i) * 3 * time.Second
			w.Put(name, w.Text(since, since-3*time.Second), since-3*time.Second)
		}
		s, end := hostconn.FarSession(t)
		defer end()
		held, all, row, g := tripsOf(t, w, s, 14*time.Minute, []string{"network_log"})
		defer g.Close()
		w.Honest(row, w.Window(14*time.Minute, 0), func(family string) string { return slice(t, g, family) })
		if row.Coverage != evidence.Complete || held > 14 || all > 40 {
			t.Errorf("%s; held after %d round trips, copied after %d", row.Coverage, held, all)
		}
		t.Logf("held after %d round trips, copied after %d", held, all)
	})
}
