//go:build linux

package bench

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
)

// BenchmarkMask: a bundle with a unit of size of logs at DEBUG, half of it of 400 phones and
// half of mixed traffic, from verifying it to the masked bundle in its place, its report and
// the search among it.
func BenchmarkMask(b *testing.B) {
	r := newRig(b, 0)
	_, phones := r.phones(400, size/2)
	mixed := filepath.Join(r.fresh(), lab.NetworkLog)
	f, err := os.Create(mixed)
	must(b, err)
	_, err = lab.WriteLog(f, lab.BulkOptions{Since: time.Now().Add(-time.Hour), Until: time.Now(), Size: size / 2, Log: lab.LogConfig{Level: "DEBUG"}})
	must(b, err)
	must(b, f.Close())
	path, n := r.bundle("C", filepath.Join(phones, lab.NetworkLog), "E", mixed)
	r.write("grab.yaml", "store: "+r.path("store")+"\nsites: [{name: hq, hosts: [{name: expc01, role: C, address: 10.0.30.2, host_key: \"SHA256:8SJi7vJo6AWkrMxPzxpuGL2sIAcEUhsi/l9WegtXA6g\"}]}]\nssh: {key: {file: key}}\n")
	t := newTable(fmt.Sprintf("10. Masking a bundle with %s of network_log at DEBUG", sizeText(n)), "a second")
	for _, strength := range []string{"identities", "credentials"} {
		m := r.start("grab mask --strength "+strength, io.Discard, r.grab, "mask", "-c", r.path("grab.yaml"), "--strength", strength, "--out", r.fresh(), path)
		m.bytes = n
		t.add(0, m, sizeText(int64(float64(n)/m.time.Seconds())))
		if m.rss > 100<<20 {
			b.Errorf("%s took %s", m.what, sizeText(m.rss))
		}
	}
	m := r.start("grab report, of it", io.Discard, r.grab, "report", "--out", r.fresh(), path)
	m.bytes = n
	t.add(0, m, sizeText(int64(float64(n)/m.time.Seconds())))
	t.print()
}

// bundle seals logs, each after its host's role.
func (r *rig) bundle(logs ...string) (path string, n int64) {
	r.tb.Helper()
	now := time.Now().UTC()
	w := evidence.NewWindow(now.Add(-time.Hour), now)
	m := evidence.Manifest{Incident: now.Format("20060102T150405Z") + "-hq-3fa2c1", Revision: 1, Site: "hq", TimeZone: "America/New_York", Window: w, Asked: w}
	open := map[string]string{}
	for i := 0; i < len(logs); i += 2 {
		f, err := os.Open(logs[i+1])
		must(r.tb, err)
		sum := sha256.New()
		size, err := io.Copy(sum, f)
		must(r.tb, err)
		must(r.tb, f.Close())
		h := evidence.Host{Host: "exp" + map[string]string{"C": "c", "E": "e"}[logs[i]] + "01", Role: logs[i]}
		h.Files = []evidence.File{{Family: lab.NetworkLog, Path: bundle.LogName(h.Host, lab.NetworkLog), Coverage: evidence.Complete, Bytes: size, SHA256: hex.EncodeToString(sum.Sum(nil))}}
		h.Conclude()
		m.Hosts, open[h.Host], n = append(m.Hosts, h), logs[i+1], n+size
	}
	m.Conclude()
	path = r.path(bundle.Name(m) + ".zip")
	_, err := bundle.Write(r.tb.Context(), path, bundle.Input{Manifest: m, Log: func(host, _ string) (io.ReadCloser, error) { return os.Open(open[host]) }})
	must(r.tb, err)
	return path, n
}
