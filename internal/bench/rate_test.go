//go:build linux

package bench

import (
	"fmt"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
)

// lineRate is what the line of BenchmarkRate carries, in bytes a second.
const lineRate = 20 << 20

// BenchmarkRate: a line of 20 MiB/s at 30 ms, which decides and not the CPU. A whole
// file of a quarter of size takes all programs the same time; of the window grab
// takes a small part.
func BenchmarkRate(b *testing.B) {
	r := newRig(b, 1)
	logs, end := r.fresh(), time.Now().Truncate(time.Second)
	for _, f := range lab.Families() {
		files := siblings
		if f == lab.NetworkLog {
			files = 1
		}
		writeFamily(b, logs, f, size/4, files, end.Add(-time.Minute))
	}
	const trip = 30 * time.Millisecond
	r.setRoundTrip(trip)
	r.proxies[0].SetRate(lineRate)
	speed := func(m measured) string { return sizeText(int64(float64(m.bytes) / m.time.Seconds())) }
	whole := newTable(fmt.Sprintf("7a. One file of %s, whole, over a line of %s/s", sizeText(size/4), sizeText(lineRate)), "a second")
	m, o := r.now(logs, []string{lab.NetworkLog}, end, span+time.Minute)
	if o.got() < size/4-64<<10 {
		b.Fatalf("%d bytes were taken of %d", o.got(), size/4)
	}
	whole.add(trip, m, speed(m))
	for _, v := range []rival{{"sftp", sftp()}, {"sftp aes128-gcm", sftp("-c", "aes128-gcm@openssh.com")}, {"scp", scp()}} {
		m := v.run(r, logs+"/"+lab.NetworkLog)
		whole.add(trip, m, speed(m))
	}
	whole.print()
	window := newTable(fmt.Sprintf("7b. 15 min out of 10 h, three families of %s, one host, over a line of %s/s", sizeText(size/4), sizeText(lineRate)))
	m, o = r.now(logs, lab.Families(), end.Add(-time.Hour), 15*time.Minute)
	if least := 3 * size / 4 / 60; o.got() < least {
		b.Fatalf("%d bytes were taken, less than %d", o.got(), least)
	}
	window.add(trip, m)
	for _, v := range []rival{{"scp -r", scp("-r")}, {"rsync -az", rsync}, {"lftp mirror", lftp}} {
		window.add(trip, v.run(r, logs))
	}
	window.print()
}
