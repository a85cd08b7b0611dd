package fetch

import (
	"io/fs"
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

// A bad sector in one file costs what that file holds behind it, not the files behind that; it is told,
// and what could be read stays.
func TestBadSector(t *testing.T) {
	for name, want := range map[string][2]time.Duration{"network_log.2": {30 * time.Minute, 20 * time.Minute}, "network_log.1": {20 * time.Minute, 10 * time.Minute}, "network_log": {10 * time.Minute, 0}} {
		w := fetchtest.NewWorld(t)
		w.Put("network_log.2", w.Text(30*time.Minute, 20*time.Minute), 20*time.Minute)
		w.Put("network_log.1", w.Text(20*time.Minute, 10*time.Minute), 10*time.Minute)
		w.Put("network_log", w.Text(10*time.Minute, 0), 0)
		c := &conntest.Hook{ReadAt: sector(w.Dir, name, 40_000, 40_512)}
		g := newGrab(t, w.Dir, c)
		asked := w.Window(29*time.Minute, 0)
		for range 2 {
			row, err := g.Pass(t.Context(), asked, nil)
			if !hostconn.IsAnswer(err) {
				t.Errorf("%s: %v", name, err)
			}
			w.Honest(row, asked, func(f string) string { return slice(t, g, f) })
			m := row.Files[0].Missing
			if len(m) != 1 || m[0].Reason != evidence.ReasonRead || m[0].Since.Before(w.Now.Add(-want[0]-10*time.Second)) || m[0].Until.After(w.Now.Add(-want[1]+10*time.Second)) {
				t.Errorf("%s: missing %v", name, m)
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
