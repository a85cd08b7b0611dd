//go:build linux

package bench

import (
	"fmt"
	"os"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
)

// BenchmarkWhole: one file of size, wanted whole, until it is on disk. Goal: at
// least as fast as OpenSSH's sftp.
func BenchmarkWhole(b *testing.B) {
	r := newRig(b, 1)
	logs, end := r.fresh(), time.Now().Truncate(time.Second)
	writeFamily(b, logs, lab.NetworkLog, size, 1, end.Add(-time.Minute))
	file := logs + "/" + lab.NetworkLog
	info, err := os.Stat(file)
	must(b, err)
	rivals := []rival{{"sftp", sftp()}, {"sftp aes128-gcm", sftp("-c", "aes128-gcm@openssh.com")}, {"scp", scp()}}
	t := newTable(fmt.Sprintf("2. One file of %s, whole, from one host, until it is copied", sizeText(size)), "until held", "with bundle")
	for _, trip := range trips {
		r.setRoundTrip(trip)
		m, o := r.now(logs, []string{lab.NetworkLog}, end, span+time.Minute)
		if o.got() < info.Size()-64<<10 { // the first record may lie a little before the window
			b.Fatalf("%d bytes were taken of %d", o.got(), info.Size())
		}
		t.add(trip, m, m.held.Round(time.Millisecond).String(), seconds(m.seal))
		for _, v := range rivals {
			t.add(trip, v.run(r, file), "", "")
		}
	}
	t.print()
}
