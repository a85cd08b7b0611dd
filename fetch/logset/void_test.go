package logset

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
	"rtmtgrab/internal/testrace"
)

// voidLog is n records, one a second, in order, with a stretch without a record put
// in before record at: n is the end.
func voidLog(n, at int, void []byte) []byte {
	var b bytes.Buffer
	for i := range n {
		if i == at {
			b.Write(void)
		}
		t := epoch.Add(time.Duration(i) * time.Second)
		fmt.Fprintf(&b, "%s expc01 tvcs: Module=\"a\" n=\"%d\" %s\n", t.Format("2006-01-02T15:04:05.000-07:00"), i, strings.Repeat("x", 200))
	}
	if at == n {
		b.Write(void)
	}
	return b.Bytes()
}

// A very long record, a hole, or the rest of a record of the file before: wherever it
// stands, every record of the window is found, none is split, and little is read.
func TestLocateVoid(t *testing.T) {
	const n = 1500
	line := append(bytes.Repeat([]byte("y"), 3<<19), '\n')
	body := bytes.Repeat([]byte(" |a body of many lines\n"), 3<<19/23)
	voids := [][]byte{line, body}
	for _, size := range []int{724_291, 3 << 19, 1_724_306} { // what is behind NULs is seen or not as the probes happen to fall
		voids = append(voids, make([]byte, size))
	}
	tried := -1
	for _, void := range voids {
		nul := void[0] == 0
		for _, at := range []int{0, 1, 700, n - 1, n} {
			log := voidLog(n, at, void)
			for _, since := range []int{at - 295, at - 10, at + 10} {
				if tried++; testrace.Skips(tried, 4) {
					continue
				}
				w := evidence.NewWindow(epoch.Add(time.Duration(since)*time.Second), epoch.Add(time.Duration(since+300)*time.Second))
				r := &countingReader{r: bytes.NewReader(log)}
				e, err := Locate(r, int64(len(log)), w, expressway.Ref{})
				if err != nil {
					t.Fatal(err)
				}
				all, got := within(t, log, 0, int64(len(log)), w), within(t, log, e.From, e.To, w)
				if !slices.Equal(all, got) {
					t.Errorf("void of %d %q before record %d, window from %d: %d of %d records", len(void), void[:2], at, since, len(got), len(all))
				}
				if end := e.To; !nul && end < int64(len(log)) && !bytes.HasPrefix(log[end:], []byte("2026-")) && end != 0 {
					t.Errorf("void %q before record %d, window from %d: cut at %d of %d", void[:2], at, since, end, len(log))
				}
				if limit := int64(8 << 20); r.n-(e.To-e.From) > limit {
					t.Errorf("void %q before record %d, window from %d: read %d bytes for %d", void[:2], at, since, r.n, e.To-e.From)
				}
			}
		}
	}
}
