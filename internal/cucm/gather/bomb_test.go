package gather

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/evidence"
)

// A small file that unpacks to very much is given up before it costs the disk or the day, and cutting ends when
// the work does.
func TestUnpacks(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "SDL001_100_000001.txt.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewWriterLevel(file, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC)
	io.WriteString(z, "00000000.000 |14:00:00.000 |FileHead |UTC:+00:00,Date: 2026/03/02,HostName: cucm01\n")
	record := []byte("00000001.000 |14:00:00.001 |AppInfo  |" + string(make([]byte, 1<<20)) + "\n")
	for range 2 * unpackAlways / len(record) {
		z.Write(record)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	s, l := &spooled{f: file, size: info.Size()}, cucm.File{Name: filepath.Base(file.Name()), Modified: now.Add(time.Minute)}
	f := &fetching{window: evidence.NewWindow(now, now.Add(time.Minute)), zone: time.UTC}
	var out counted
	if got, err := f.cut(t.Context(), cucm.LogSDL, l, s, &out); err != nil || !errors.Is(got.Err, errUnpacks) || out > unpackAlways {
		t.Errorf("%v, %v, %d bytes", got.Err, err, out)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out = 0
	if got, err := f.cut(ctx, cucm.LogSDL, l, s, &out); err != nil || !errors.Is(got.Err, context.Canceled) || out > 0 {
		t.Errorf("%v, %v, %d bytes", got.Err, err, out)
	}
}

// counted counts what is written.
type counted int64

func (c *counted) Write(b []byte) (int, error) {
	*c += counted(len(b))
	return len(b), nil
}
