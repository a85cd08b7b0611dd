package fetch

import (
	"bytes"
	"crypto/sha256"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

// panics panics once, in the middle, as a defect of whoever reads it would.
type panics struct {
	io.Reader
	left int
}

func (p *panics) Read(b []byte) (int, error) {
	if p.left--; p.left == 0 {
		panic("index out of range")
	}
	return p.Reader.Read(b[:min(len(b), 512)])
}

// A defect in counting records costs neither their bytes nor the host's row.
func TestCountDefect(t *testing.T) {
	log := []byte(strings.Repeat("2026-03-02T14:14:07.000+00:00 expc01 tvcs: UTCTime=\"2026-03-02 14:14:07,000\" Module=\"network.sip\"\n", 100))
	whole := sha256.New()
	s, defect, err := countRecords(&panics{io.TeeReader(bytes.NewReader(log), whole), 3}, expressway.Ref{})
	if err != nil || defect != "internal error: index out of range" || s.Records != 0 {
		t.Fatal(s, defect, err)
	}
	if want := sha256.Sum256(log); !bytes.Equal(whole.Sum(nil), want[:]) {
		t.Error("the bytes after the defect were not read")
	}
	s, defect, err = countRecords(bytes.NewReader(log), expressway.Ref{})
	if err != nil || defect != "" || s.Records != 100 {
		t.Error(s, defect, err)
	}
}

// What could not be counted is in the row, and is not called complete.
func TestRowOfDefect(t *testing.T) {
	dir, now, n := t.TempDir(), time.Now().UTC().Truncate(time.Second), 0
	fetchtest.Logs(t, filepath.Join(dir, "network_log"), now.Add(-2*time.Minute), now, &n)
	g := newGrab(t, dir, &conntest.Local{})
	asked := evidence.NewWindow(now.Add(-time.Minute), now)
	before, err := g.Pass(t.Context(), asked, nil)
	if err != nil || before.Coverage != evidence.Complete {
		t.Fatal(before, err)
	}
	s := g.counted["network_log"]
	s.defect = "internal error: x"
	g.counted["network_log"] = s
	row, err := g.row(t.Context(), asked, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := row.Files[0]
	if row.Coverage == evidence.Complete || f.Path == "" || f.SHA256 != before.Files[0].SHA256 || len(f.Missing) != 1 || f.Missing[0].Reason != evidence.ReasonRead {
		t.Errorf("%+v", row)
	}
	if len(row.Notes) != 1 || !strings.Contains(row.Notes[0], "internal error: x") {
		t.Error(row.Notes)
	}
}
