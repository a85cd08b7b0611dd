package ring_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
)

// A compressed sibling is read at the ring's pace, not at once after a wait. The
// clock stands still while anything is done: what is read at one time is a burst.
func TestRingGunzipPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fetchtest.NewWorld(t)
		rnd := rand.NewChaCha8([32]byte{1})
		noise := make([]byte, 12<<10)
		var text strings.Builder
		for at := w.Now.Add(-30 * time.Minute); at.Before(w.Now.Add(-10 * time.Minute)); at = at.Add(time.Second) {
			rnd.Read(noise)
			text.WriteString(strings.TrimSuffix(fetchtest.Line(at, w.N), "\n") + base64.StdEncoding.EncodeToString(noise) + "\n")
			w.N++
		}
		var b bytes.Buffer
		z, _ := gzip.NewWriterLevel(&b, gzip.HuffmanOnly) // there is nothing else to be won from noise
		z.Write([]byte(text.String()))
		z.Close()
		packed := b.Bytes()
		w.Put("network_log.1.gz", string(packed), 10*time.Minute)
		w.Put("network_log", w.Text(10*time.Minute, 0), 0)
		f, err := os.Open(w.Path("network_log.1.gz"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		g, err := os.Open(w.Path("network_log"))
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		bursts := map[time.Time]int{}
		most := 0
		conn := &conntest.Hook{ReadAt: func(name string, b []byte, off int64) (int, error) {
			if name == "network_log" {
				return g.ReadAt(b, off)
			}
			bursts[time.Now()] += len(b)
			most = max(most, bursts[time.Now()])
			return f.ReadAt(b, off)
		}}
		r := newRing(t, w.Dir, conn)
		step(t, r)
		if size := len(packed); most > size/2 || size < 10<<20 || taken(t, r) < int64(text.Len()) {
			t.Errorf("%d of %d bytes were read at once", most, size)
		}
	})
}
