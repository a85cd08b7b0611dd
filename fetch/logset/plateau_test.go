package logset

import (
	"bytes"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
	"rtmtgrab/internal/testrace"
)

// plateauLog is n records a second apart with a plateau of records of one time before
// record at.
func plateauLog(n, at, plateau int, of time.Time) []byte {
	var b bytes.Buffer
	line := func(t time.Time) {
		fmt.Fprintf(&b, "%s expc01 tvcs: Module=\"a\" %0200d\n", t.Format("2006-01-02T15:04:05.000-07:00"), b.Len())
	}
	for i := range n {
		for j := 0; i == at && j < plateau; j++ {
			line(of)
		}
		line(epoch.Add(time.Duration(i) * time.Second))
	}
	return b.Bytes()
}

func bounded(edge, scan int64) (restore func()) {
	e, s := edgeMost, scanMost
	edgeMost, scanMost = edge, scan
	return func() { edgeMost, scanMost = e, s }
}

// However long one time goes on near an end of the window, little is read, every record of
// the window is found, and what else comes is at most 5 s outside.
func TestLocatePlateau(t *testing.T) {
	defer bounded(1<<20, 2<<20)()
	for i, off := range []int{-4, -1, 0, 1, 299, 301, 304} { // seconds after the window's start
		if testrace.Skips(i, 7) {
			continue
		}
		at := 1500 + off
		log := plateauLog(4000, at, 80_000, epoch.Add(time.Duration(at)*time.Second))
		w := evidence.NewWindow(epoch.Add(1500*time.Second), epoch.Add(1800*time.Second))
		r := &countingReader{r: bytes.NewReader(log)}
		e, err := Locate(r, int64(len(log)), w, expressway.Ref{})
		if err != nil {
			t.Fatal(err)
		}
		if all, got := within(t, log, 0, int64(len(log)), w), within(t, log, e.From, e.To, w); !slices.Equal(all, got) {
			t.Errorf("plateau at %d s: %d of %d records", off, len(got), len(all))
		}
		if wide := within(t, log, e.From, e.To, w.Widen(Disorder)); int64(len(wide)) != int64(bytes.Count(log[e.From:e.To], []byte("\n"))) {
			t.Errorf("plateau at %d s: %d records of [%d, %d) are within 5 s", off, len(wide), e.From, e.To)
		}
		if r.n > 8<<20 {
			t.Errorf("plateau at %d s: read %d of %d bytes", off, r.n, len(log))
		}
	}
}

// A file whose times contradict each other is read whole only if that is not too much; what
// is not read is said to be too large, and what is nearest to the window is read.
func TestLocateContradicting(t *testing.T) {
	defer bounded(1<<20, 2<<20)()
	log := append([]byte("9998-01-01T00:00:00.000+00:00 expc01 tvcs: x\n"), plateauLog(40_000, 0, 0, epoch)...)
	size := int64(len(log))
	w := evidence.NewWindow(epoch.Add(30_000*time.Second), epoch.Add(30_300*time.Second))
	r := &countingReader{r: bytes.NewReader(log)}
	e, err := Locate(r, size, w, expressway.Ref{})
	if err != nil || r.n > 8<<20 {
		t.Fatalf("read %d of %d bytes, %v", r.n, size, err)
	}
	if all, got := within(t, log, 0, size, w), within(t, log, e.From, e.To, w); !slices.Equal(all, got) {
		t.Errorf("%d of %d records of [%d, %d)", len(got), len(all), e.From, e.To)
	}
	if len(e.Holes) != 2 || e.Holes[0].Reason != evidence.ReasonTooLarge || e.Holes[0].Until.After(w.Since) || e.Holes[1].Since.Before(w.Until) {
		t.Errorf("holes %v", e.Holes)
	}
}

// A file of any size that has nothing but NULs, or no record, costs a bounded number of
// bytes, and is said to be missing.
func TestLocateEndless(t *testing.T) {
	testrace.Whole(t)
	defer bounded(1<<20, 2<<20)()
	for name, fill := range map[string]byte{"NULs": 0, "letters": 'x', "line ends": '\n'} {
		r := &filling{b: fill}
		e, err := Locate(r, 1<<60, evidence.NewWindow(epoch, epoch.Add(time.Hour)), expressway.Ref{})
		if err != nil || !e.Empty() || len(e.Holes) == 0 && e.FirstAt <= ProbeReach {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
		if r.n.Load() > 64<<20 {
			t.Errorf("%s: %d bytes were read", name, r.n.Load())
		}
	}
}

// A filling is a file without an end of one byte.
type filling struct {
	b byte
	n atomic.Int64
}

func (f *filling) ReadAt(b []byte, _ int64) (int, error) {
	f.n.Add(int64(len(b)))
	for i := range b {
		b[i] = f.b
	}
	return len(b), nil
}
