//go:build linux

package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/mra"
)

// BenchmarkReport: two units of size of one Expressway-C's network_log at DEBUG, with
// 400 phones in it, to a finished report. Goal for 2 GB: under 60 s and 300 MiB on two
// cores. Reading it is held against `grep -c REGISTER`.
func BenchmarkReport(b *testing.B) {
	r := newRig(b, 0)
	c, logs := r.phones(400, 2*size)
	file := filepath.Join(logs, lab.NetworkLog)
	info, err := os.Stat(file)
	must(b, err)
	t := newTable(fmt.Sprintf("6. A report from %s of network_log at DEBUG, 400 phones", sizeText(info.Size())), "a second")
	speed := func(m measured) string { return sizeText(int64(float64(info.Size()) / m.time.Seconds())) }
	var words bytes.Buffer
	m := r.start("grab report", &words, r.grab, "report", "--out", r.fresh(), file)
	m.bytes = info.Size()
	t.add(0, m, speed(m))
	var count bytes.Buffer
	g := r.start("grep -c REGISTER", &count, "grep", "-c", "REGISTER", file)
	g.bytes = info.Size()
	t.add(0, g, speed(g))
	t.print()
	if !bytes.Contains(words.Bytes(), []byte(c)) {
		b.Errorf("the report does not name %s, which is partial: %s", c, words.String())
	}
	if m.time > 60*time.Second || m.rss > 300<<20 {
		b.Errorf("it took %v and %s", m.time, sizeText(m.rss))
	}
}

// phones writes the network_log of an Expressway-C with so many phones, of about n
// bytes, and names one that goes partial and the folder.
func (r *rig) phones(count int, n int64) (device, dir string) {
	r.tb.Helper()
	dir = r.fresh()
	var peers []*lab.Expressway
	for i, role := range []string{"C", "E"} {
		e, err := lab.NewExpressway(r.tb.Context(), lab.ExpresswayConfig{Name: []string{"expc01", "expe01"}[i], Role: role, IP: []string{"10.0.30.2", "10.0.40.5"}[i],
			Dir: []string{dir, r.fresh()}[i], Logs: lab.LogConfig{Families: []string{lab.NetworkLog}, Rate: []float64{20, 0}[i], RotateSize: -1, Seed: uint64(i + 1)}})
		must(r.tb, err)
		defer e.Close()
		peers = append(peers, e)
	}
	site, err := mra.NewSite(mra.SiteConfig{C: peers[:1], E: peers[1:], Phones: count, Seed: 5, Notify: func(h mra.Happening) {
		if h.What == mra.CameBack {
			device = h.Device
		}
	}})
	must(r.tb, err)
	defer site.Close()
	span := time.Duration(float64(n) / bytesPerSecond * float64(time.Second))
	must(r.tb, site.Schedule(mra.Event{At: time.Now().Add(-span / 3), Kind: mra.LateKeepAlive, Phone: 17}))
	site.Backfill(time.Now().Add(-span))
	if device == "" {
		r.tb.Fatal("no phone went partial")
	}
	return device, dir
}

// bytesPerSecond is what 400 phones and the background write at Expressway-C.
const bytesPerSecond = 88_000
