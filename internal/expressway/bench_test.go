package expressway_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/internal/expressway"
	"rtmtgrab/internal/lab"
)

// BenchmarkRecords reads DEBUG network_logs and decodes what bears on registrations:
// one of background only, and one of nothing but REGISTERs, which is the dearest. The
// yardstick is grep -c REGISTER on the same file in the same run.
func BenchmarkRecords(b *testing.B) {
	b.Run("background", func(b *testing.B) { benchmarkRecords(b, background(b)) })
	b.Run("registers", func(b *testing.B) {
		text, _ := quarter(b, 300)
		benchmarkRecords(b, text)
	})
}

func background(b *testing.B) []byte {
	var text bytes.Buffer
	_, err := lab.WriteLog(&text, lab.BulkOptions{Since: time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC), Size: 64 << 20, Log: lab.LogConfig{Level: "DEBUG", Odd: 50}})
	if err != nil {
		b.Fatal(err)
	}
	return text.Bytes()
}

func benchmarkRecords(b *testing.B, text []byte) {
	name := filepath.Join(b.TempDir(), "network_log")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	best := func(d *time.Duration, begin time.Time) { // of a machine that others use too
		if t := time.Since(begin); *d == 0 || t < *d {
			*d = t
		}
	}
	var grep, ours time.Duration
	var notes, count int
	for b.Loop() {
		b.StopTimer()
		begin := time.Now()
		if _, err := exec.Command("grep", "-c", "REGISTER", name).Output(); err != nil && err.(*exec.ExitError).ExitCode() != 1 {
			b.Fatal(err)
		}
		best(&grep, begin)
		b.StartTimer()
		begin = time.Now()
		f, err := os.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		records := expressway.NewRecordReader(f, 0, expressway.Ref{})
		notes, count = 0, 0
		for {
			r, err := records.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			count++
			if _, ok := r.Note(); ok {
				notes++
			}
		}
		f.Close()
		best(&ours, begin)
	}
	b.ReportMetric(float64(len(text))/1e6/ours.Seconds(), "best-MB/s")
	b.ReportMetric(ours.Seconds()/grep.Seconds(), "times-grep")
	b.ReportMetric(float64(notes)/float64(count), "notes/record")
}
