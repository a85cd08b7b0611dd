package fetchtest

import (
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Writer appends records and rotates as a host does; it remembers all it wrote.
type Writer struct {
	Dir    string
	N      int
	File   *os.File
	size   int
	Keep   int
	Mu     sync.Mutex
	At     []time.Time
	Copies bool
	Dated  bool
	Zip    bool
}

// Name is the live file, or the i-th rotated one.
func (w *Writer) Name(i int) string {
	if i == 0 {
		return filepath.Join(w.Dir, "network_log")
	}
	return filepath.Join(w.Dir, fmt.Sprintf("network_log.%d", i))
}

// WriteRecord appends one record, and rotates when the file is full.
func (w *Writer) WriteRecord(t testing.TB) {
	if w.File == nil {
		f, err := os.OpenFile(w.Name(0), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Error(err)
			return
		}
		w.File = f
	}
	now := time.Now()
	l := Line(now, w.N)
	w.Mu.Lock()
	w.File.WriteString(l)
	w.At = append(w.At, now)
	w.N++
	w.Mu.Unlock()
	if w.size += len(l); w.size > 60<<10 {
		w.Rotate(t)
	}
}

// Rotate begins a new file, in a later millisecond than the one before: no host fills a
// log in less, and stamps of the same millisecond do not tell which file is the older.
func (w *Writer) Rotate(t testing.TB) {
	w.size = 0
	for last := w.At[len(w.At)-1].UnixMilli(); time.Now().UnixMilli() <= last; {
		runtime.Gosched()
	}
	if w.Dated {
		w.File.Close()
		w.File = nil
		os.Rename(w.Name(0), w.Name(0)+time.Now().Format("-20060102-150405.000000"))
		return
	}
	for i := w.Keep; i > 0; i-- {
		for _, ext := range []string{"", ".gz"} {
			os.Rename(w.Name(i)+ext, w.Name(i+1)+ext)
		}
	}
	os.Remove(w.Name(w.Keep + 1))
	os.Remove(w.Name(w.Keep+1) + ".gz")
	if w.Copies {
		b, _ := os.ReadFile(w.Name(0))
		os.WriteFile(w.Name(1), b, 0o600)
		w.File.Truncate(0)
		return
	}
	w.File.Close()
	w.File = nil
	os.Rename(w.Name(0), w.Name(1))
	if w.Zip {
		b, _ := os.ReadFile(w.Name(1))
		z, _ := os.Create(w.Name(1) + ".gz")
		zw := gzip.NewWriter(z)
		zw.Write(b)
		zw.Close()
		z.Close()
		os.Remove(w.Name(1))
	}
}

// Some writes n records, over at least a millisecond.
func (w *Writer) Some(t testing.TB, n int) {
	for range n {
		w.WriteRecord(t)
	}
	time.Sleep(2 * time.Millisecond)
}

// Text is what was written from record n on, up to the end.
func (w *Writer) Text(n int) string {
	var b strings.Builder
	for i, at := range w.At[n:] {
		b.WriteString(Line(at, n+i))
	}
	return b.String()
}
