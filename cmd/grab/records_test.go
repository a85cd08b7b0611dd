package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"io"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
	"rtmtgrab/internal/lab"
)

// readEntry reads one file of a zip bundle.
func readEntry(t testing.TB, path, name string) []byte {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/"+name) {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			b, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
	}
	t.Fatalf("%s has no %s", path, name)
	return nil
}

// realSettle is the configuration's settle of a realSite: what a busy machine's writer brings
// to the disk after the window's end and this, no bundle has to have.
const realSettle = 500 * time.Millisecond

// checkRecords compares a slice with the writer's own list, record by record:
// each one of the window is there once, byte for byte, and what else is there
// was written too.
func checkRecords(t testing.TB, e *lab.Expressway, host string, f evidence.File, slice []byte, w evidence.Window) {
	t.Helper()
	var starts []int64
	lines := expressway.NewLineReader(bytes.NewReader(slice), 0, expressway.Ref{})
	for line, err := lines.Next(); err == nil; line, err = lines.Next() {
		if line.Head {
			starts = append(starts, line.Offset)
		}
	}
	got := map[[32]byte]int{}
	for i, from := range starts {
		to := int64(len(slice))
		if i+1 < len(starts) {
			to = starts[i+1]
		}
		got[sha256.Sum256(slice[from:to])]++
	}
	missing, twice, want := 0, 0, 0
	for _, r := range e.Truth(f.Family) {
		n := got[r.Sum]
		delete(got, r.Sum)
		if n > 1 {
			twice++
		}
		if w.Contains(r.Time) && !r.WrittenAt.IsZero() && !r.WrittenAt.After(w.Until.Add(realSettle)) {
			want++
			if n == 0 {
				missing++
				if missing < 4 {
					t.Logf("missing: %+v", r)
				}
			}
		}
	}
	if missing > 0 || twice > 0 || len(got) > 0 {
		t.Errorf("%s %s: of %d records in the window %d are missing; %d are there twice, %d were never written (of %d)", host, f.Family, want, missing, twice, len(got), len(starts))
	}
}
