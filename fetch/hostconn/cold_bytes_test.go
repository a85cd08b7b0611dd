package hostconn_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
)

// A cold grab of 12 minutes out of 10 h, 33 files of three families: no more comes from the host than
// 1.3 times the window's bytes and a MiB. Of the older logs, which are told apart by how they
// begin, only the beginning is written here: the rest is a sparse file.
func TestColdBytes(t *testing.T) {
	const record = 2900 // bytes
	const window = 12 * time.Minute
	synctest.Test(t, func(t *testing.T) {
		w := fetchtest.NewWorld(t)
		families := []string{"network_log", "messages", "developer_log"}
		body := strings.Repeat(strings.Repeat("y", 98)+"\n", record/99)
		total, wanted := int64(0), 0
		const files, span = 11, 10 * time.Hour
		for _, family := range families {
			for i := range files {
				name := family
				if i < files-1 {
					name = fmt.Sprintf("%s.%d", family, files-1-i)
				}
				begin, end := span*time.Duration(files-i)/files, span*time.Duration(files-1-i)/files
				var b bytes.Buffer
				for at := begin; at > end && (i >= files-2 || b.Len() < 64<<10); at -= time.Second {
					b.WriteString(fetchtest.Line(w.Now.Add(-at), w.N))
					w.N++
					b.WriteString(body)
					if at <= window {
						wanted += len(body) + 100
					}
				}
				w.Put(name, b.String(), end)
				size := int64(record+150) * int64((begin-end)/time.Second)
				if i >= files-2 {
					size = int64(b.Len())
				} else if err := os.Truncate(w.Path(name), size); err != nil {
					t.Fatal(err)
				}
				w.Touch(name, end)
				total += size
			}
		}
		s, end, carried := hostconn.CountedSession(t)
		defer end()
		_, _, row, g := tripsOf(t, w, s, window, families)
		defer g.Close()
		var got int64
		for _, f := range row.Files {
			got += f.Bytes
		}
		most := got*13/10 + 1<<20
		t.Logf("%d files, %.1f MB; the window has %.2f MB, %.2f MB came: %.2f times, the most is %.2f", len(families)*files, float64(total)/1e6, float64(got)/1e6, float64(carried())/1e6, float64(carried())/float64(got), float64(most)/1e6)
		if row.Coverage != evidence.Complete || got < int64(wanted)*9/10 || carried() > most {
			t.Errorf("%s, %d bytes of about %d; %d came, at most %d may", row.Coverage, got, wanted, carried(), most)
		}
	})
}
