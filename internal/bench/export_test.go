//go:build linux

package bench

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
)

// BenchmarkExport: half a unit of size of network_log at DEBUG to a pcapng file, once of
// 400 phones and once of mixed traffic.
func BenchmarkExport(b *testing.B) {
	r := newRig(b, 0)
	_, phones := r.phones(400, size/2)
	mixed := filepath.Join(r.fresh(), lab.NetworkLog)
	f, err := os.Create(mixed)
	must(b, err)
	_, err = lab.WriteLog(f, lab.BulkOptions{Since: time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC), Size: size / 2, Log: lab.LogConfig{Level: "DEBUG"}})
	must(b, err)
	must(b, f.Close())
	t := newTable(fmt.Sprintf("7. An export of %s of network_log at DEBUG", sizeText(size/2)), "a second")
	for _, c := range []struct {
		what, file string
		args       []string
	}{
		{"grab export, 400 phones", filepath.Join(phones, lab.NetworkLog), nil},
		{"grab export --phone, one of 400", filepath.Join(phones, lab.NetworkLog), []string{"--phone", "7022"}},
		{"grab export, mixed traffic", mixed, nil},
	} {
		info, err := os.Stat(c.file)
		must(b, err)
		args := append([]string{"export", "--pcapng", filepath.Join(r.fresh(), "sip.pcapng")}, c.args...)
		m := r.start(c.what, io.Discard, r.grab, append(args, c.file)...)
		m.bytes = info.Size()
		t.add(0, m, sizeText(int64(float64(info.Size())/m.time.Seconds())))
		if m.rss > 300<<20 {
			b.Errorf("%s took %s", c.what, sizeText(m.rss))
		}
	}
	t.print()
}
