package fetch

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/pkg/sftp"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
)

// sector has reads of a file answered as a disk with a bad sector does.
func sector(dir, name string, from, to int64) func(string, []byte, int64) (int, error) {
	return func(of string, b []byte, off int64) (int, error) {
		if of == name && off < to && off+int64(len(b)) > from {
			return 0, &sftp.StatusError{Code: 4}
		}
		f, err := os.Open(dir + "/" + of)
		if err != nil {
			return 0, fs.ErrNotExist
		}
		defer f.Close()
		return f.ReadAt(b, off)
	}
}

// A file in which the window could not be looked for, as the host refused to read it, is looked at
// again by the next pass.
func TestRefusedOnce(t *testing.T) {
	for _, name := range []string{"network_log.2", "network_log.1", "network_log"} {
		w := fetchtest.NewWorld(t)
		w.Put("network_log.2", w.Text(300*time.Minute, 200*time.Minute), 200*time.Minute)
		w.Put("network_log.1", w.Text(200*time.Minute, 100*time.Minute), 100*time.Minute)
		w.Put("network_log", w.Text(100*time.Minute, 0), 0)
		c := &conntest.Hook{ReadAt: sector(w.Dir, name, 10_000, 1<<40)}
		g := newGrab(t, w.Dir, c)
		asked := w.Window(250*time.Minute, 0)
		row, _ := g.Pass(t.Context(), asked, nil)
		if row.Coverage != evidence.Partial {
			t.Errorf("%s cannot be read: %s", name, row.Coverage)
		}
		w.Honest(row, asked, func(f string) string { return slice(t, g, f) })
		c.ReadAt = nil
		row, err := g.Pass(t.Context(), asked, nil)
		if err != nil || row.Coverage != evidence.Complete {
			t.Errorf("%s can be read again: %v, missing %v", name, err, row.Files[0].Missing)
		}
		w.Honest(row, asked, func(f string) string { return slice(t, g, f) })
	}
}

// A bad sector costs the records about it, and neither those before and behind it in its file nor the
// files behind that; it is told, and what could be read stays.
func TestBadSector(t *testing.T) {
	for name, begins := range map[string]time.Duration{"network_log.2": 30 * time.Minute, "network_log.1": 20 * time.Minute, "network_log": 10 * time.Minute} {
		w := fetchtest.NewWorld(t)
		w.Put("network_log.2", w.Text(30*time.Minute, 20*time.Minute), 20*time.Minute)
		w.Put("network_log.1", w.Text(20*time.Minute, 10*time.Minute), 10*time.Minute)
		w.Put("network_log", w.Text(10*time.Minute, 0), 0)
		c := &conntest.Hook{ReadAt: sector(w.Dir, name, 40_000, 40_512)}
		g := newGrab(t, w.Dir, c)
		asked := w.Window(29*time.Minute, 0)
		at := w.Now.Add(-begins + 40_000/204*time.Second)
		for range 2 {
			row, err := g.Pass(t.Context(), asked, nil)
			if !hostconn.IsAnswer(err) {
				t.Errorf("%s: %v", name, err)
			}
			w.Honest(row, asked, func(f string) string { return slice(t, g, f) })
			m := row.Files[0].Missing
			if len(m) != 1 || m[0].Reason != evidence.ReasonRead || m[0].Since.Before(at.Add(-time.Minute)) || m[0].Until.After(at.Add(time.Minute)) {
				t.Errorf("%s, bad at %v: missing %v", name, at, m)
			}
		}
		c.ReadAt = nil
		row, err := g.Pass(t.Context(), asked, nil)
		if err != nil || row.Coverage != evidence.Complete {
			t.Errorf("%s, the disk is well again: %v, %v", name, err, row.Files[0].Missing)
		}
		w.Honest(row, asked, func(f string) string { return slice(t, g, f) })
	}
}

// Whatever places of a disk are bad, and however many, what is not had is said to be missing, and a pass ends.
func TestBadPlaces(t *testing.T) {
	for seed := range uint64(40) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		w := fetchtest.NewWorld(t)
		w.Put("network_log.1", w.Text(3*time.Hour, 10*time.Minute), 10*time.Minute)
		w.Put("network_log", w.Text(10*time.Minute, 0), 0)
		bad := map[string][][2]int64{}
		for range 1 + rnd.IntN(8) {
			name, from := []string{"network_log", "network_log.1"}[rnd.IntN(2)], rnd.Int64N(2_100_000)
			bad[name] = append(bad[name], [2]int64{from, from + 1 + rnd.Int64N(100_000)})
		}
		c := &conntest.Hook{}
		c.ReadAt = func(of string, b []byte, off int64) (int, error) {
			for _, p := range bad[of] {
				if _, err := sector(w.Dir, of, p[0], p[1])(of, b, off); hostconn.IsAnswer(err) {
					return 0, err
				}
			}
			return sector(w.Dir, "", 0, 0)(of, b, off)
		}
		g := newGrab(t, w.Dir, c)
		asked := w.Window(170*time.Minute, 0)
		for range 2 {
			row, _ := g.Pass(t.Context(), asked, nil)
			w.Honest(row, asked, func(f string) string { return slice(t, g, f) })
		}
		c.ReadAt = nil
		row, err := g.Pass(t.Context(), asked, nil)
		if err != nil || row.Coverage != evidence.Complete {
			t.Errorf("the disk is well again: %v, %v", err, row.Files[0].Missing)
		}
		w.Honest(row, asked, func(f string) string { return slice(t, g, f) })
		if t.Failed() {
			t.Fatalf("seed %d: %v", seed, bad)
		}
	}
}

// A record that was copied whole stays in the slice when what comes behind it cannot be had.
func TestWholeRecordStays(t *testing.T) {
	w := fetchtest.NewWorld(t)
	w.Put("network_log", w.Text(30*time.Minute, 0), 0)
	c := &conntest.Hook{}
	g := newGrab(t, w.Dir, c)
	asked := w.Window(29*time.Minute, 10*time.Minute)
	had, err := g.Pass(t.Context(), asked, nil)
	if err != nil {
		t.Fatal(err)
	}
	end := had.Files[0].Sources[0].Offset + had.Files[0].Sources[0].Length
	well := sector(w.Dir, "", 0, 0)
	c.ReadAt = func(of string, b []byte, off int64) (int, error) {
		if off == end && len(b) > 10_000 {
			return 0, &sftp.StatusError{Code: 4}
		}
		return well(of, b, off)
	}
	if _, err := g.Pass(t.Context(), w.Window(29*time.Minute, 5*time.Minute), nil); !hostconn.IsAnswer(err) {
		t.Fatalf("it was read to the end: %v", err)
	}
	row, err := g.Pass(t.Context(), asked, nil)
	if err != nil || row.Coverage != evidence.Complete || row.Files[0].Bytes < had.Files[0].Bytes {
		t.Errorf("%v, %d bytes of %d, missing %v", err, row.Files[0].Bytes, had.Files[0].Bytes, row.Files[0].Missing)
	}
	w.Honest(row, asked, func(f string) string { return slice(t, g, f) })
}

// What was taken for a part of a record, and turns out to be all that is wanted of its file, is whole.
func TestWholeTo(t *testing.T) {
	head := []byte("2026-03-02T09:00:00.000-05:00 expc01 tvcs: the first record of the file\n")
	for to, want := range map[int64]int64{150: 40, 160: 40, 180: 20, 200: 0, 201: 40} {
		e := &extent{Name: "network_log", Head: head, Offset: 100, Length: 100, Cut: 40, Size: 1000}
		f := &family{Pieces: []*extent{e}}
		if f.wholeTo(e.info(), to); e.Cut != want {
			t.Errorf("to %d: %d bytes are cut off, want %d", to, e.Cut, want)
		}
	}
}
