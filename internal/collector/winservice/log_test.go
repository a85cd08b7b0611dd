package winservice

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf16"
)

func logs(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name()] = string(b)
	}
	return out
}

func TestRotation(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	open := func() *logFile {
		l, err := openLogFile(dir, "grab", 100, 3)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := open()
	var wg sync.WaitGroup
	for w := range 4 { // records of 10 bytes, whole ones whoever writes
		wg.Go(func() {
			for i := range 25 {
				if n, err := fmt.Fprintf(l, "%d %06d.\n", w, i); n != 10 || err != nil {
					t.Errorf("%d, %v", n, err)
				}
			}
		})
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	got := logs(t, dir)
	if len(got) != 3 || len(got["grab-000008.log"])+len(got["grab-000009.log"])+len(got["grab-000010.log"]) != 300 {
		t.Errorf("%q", got)
	}
	for name, text := range got {
		for line := range strings.Lines(text) {
			if len(line) != 10 {
				t.Errorf("%s: %q", name, line)
			}
		}
	}

	l = open() // the newest one is full
	fmt.Fprintln(l, "after the start")
	if want := filepath.Join(dir, "grab-000011.log"); l.path(l.n) != want {
		t.Errorf("%s, want %s", l.path(l.n), want)
	}
	l.Close()
	l = open() // now it is not
	fmt.Fprintln(l, strings.Repeat("x", 300))
	fmt.Fprintln(l, "the end")
	l.Close()
	got = logs(t, dir)
	if got["grab-000011.log"] != "after the start\n" || got["grab-000012.log"] != strings.Repeat("x", 99)+"\n" || got["grab-000013.log"] != "the end\n" || len(got) != 3 {
		t.Errorf("%q", got)
	}
	if info, err := os.Stat(l.path(13)); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Error(info.Mode(), err)
	}
}

// What is not ours stays, and a log that cannot be written goes on when it can.
func TestRotationTrouble(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"grab-1.log", "grab-000000.log", "other-000001.log", "grab-000002.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := openLogFile(dir, "grab", 10, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fmt.Fprintln(l, "12345678")
	if err := os.Mkdir(l.path(2), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintln(l, "lost"); err == nil {
		t.Error("written into a folder")
	}
	if err := os.Remove(l.path(2)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintln(l, "kept"); err != nil {
		t.Error(err)
	}
	if got := logs(t, dir); got["grab-000002.log"] != "kept\n" || len(got) < 5 {
		t.Errorf("%q", got)
	}
}

type recorder struct {
	rows []string
}

func (r *recorder) add(kind string, id uint32, text string) error {
	r.rows = append(r.rows, fmt.Sprintf("%s %d %s", kind, id, text))
	return nil
}
func (r *recorder) Info(id uint32, text string) error    { return r.add("info", id, text) }
func (r *recorder) Warning(id uint32, text string) error { return r.add("warning", id, text) }
func (r *recorder) Error(id uint32, text string) error   { return r.add("error", id, text) }

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		log := slog.New(newEventHandler(&r))
		log.Info("watching", "version", "1")
		log.Info("alert", "id", "x")
		log.Debug("stopped")
		log.Warn("pass", "err", "no route")
		log.Warn("pass", "err", "no route")
		log.Warn("pass", "err", "another")
		log.With("host", "e1").WithGroup("g").Error("broken", "msg", "fe80::1%4 100% a\x00b")
		time.Sleep(11 * time.Minute)
		log.Warn("pass", "err", "no route")
		log.Info("stopped")
		want := []string{"info 1 watching\r\nversion=1", "warning 100 pass\r\nerr=\"no route\"", "warning 100 pass\r\nerr=another",
			`error 200 broken` + "\r\n" + `host=e1 g.msg="fe80::1% 4 100% a\x00b"`, "warning 100 pass\r\nerr=\"no route\"", "info 2 stopped"}
		if strings.Join(r.rows, "\n") != strings.Join(want, "\n") {
			t.Errorf("%q\nwant %q", r.rows, want)
		}
		for i := range 3 * maxSeen {
			log.Warn("w", "i", i)
		}
		if len(r.rows) != len(want)+3*maxSeen {
			t.Errorf("%d events", len(r.rows))
		}
	})
}

func TestEventText(t *testing.T) {
	for in, want := range map[string]string{
		"a\x00b": "a b", "%1 %% %x 5%": "% 1 %% %x 5%", "\xff": "?", "é😀": "é😀",
		strings.Repeat("x", 40000):             strings.Repeat("x", maxEvent),
		strings.Repeat("x", maxEvent-1) + "😀y": strings.Repeat("x", maxEvent-1),
		strings.Repeat("x", maxEvent-1) + "%1": strings.Repeat("x", maxEvent-1),
		strings.Repeat("😀", 20000):             strings.Repeat("😀", maxEvent/2),
	} {
		got := eventText(in)
		if got != want && len(got) > 50 {
			t.Errorf("%d units of %.10q, want %d", len(utf16.Encode([]rune(got))), in, len(utf16.Encode([]rune(want))))
		} else if got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
