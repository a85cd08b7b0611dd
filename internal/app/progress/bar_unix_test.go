//go:build !windows

package progress

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"rtmtgrab/fetch"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/testsite"
)

// onTerminal is a display on a real terminal, and what stood on it.
func onTerminal(t *testing.T) (*Display, *testsite.SafeBuffer) {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(master, &pty.Winsize{Rows: 24, Cols: 100}); err != nil {
		t.Fatal(err)
	}
	screen, read := &testsite.SafeBuffer{}, make(chan struct{})
	go func() { defer close(read); io.Copy(screen, master) }() // ends when the terminal is closed
	t.Cleanup(func() {
		for _, f := range []*os.File{tty, master} {
			f.Close()
		}
		<-read
	})
	return New(tty), screen
}

// Bars end also when the copy ends short of what was planned, or goes beyond it.
func TestBarsEnd(t *testing.T) {
	t.Parallel()
	for name, done := range map[string]int64{"short": 3 << 20, "all": 10 << 20, "more": 11 << 20, "none": 0} {
		t.Run(name, func(t *testing.T) {
			d, screen := onTerminal(t)
			for _, host := range []string{"expc01", "expe01"} {
				d.Fetched(fetch.Progress{Host: host, Total: 10 << 20})
				d.Fetched(fetch.Progress{Host: host, Total: 10 << 20, Done: done})
			}
			ended := make(chan struct{})
			go func() { d.Event(runner.Event{What: runner.EventSealing, Coverage: "partial"}); d.Close(); close(ended) }()
			select {
			case <-ended:
			case <-time.After(2 * time.Minute):
				t.Fatal("the bars never end")
			}
			screen.Until(t, "sealing, coverage partial")
			text := screen.String()
			for _, want := range map[string][]string{"short": {" 30 %", "6.0 MiB / 20.0 MiB", "all hosts"}, "all": {"100 %"}}[name] {
				if !strings.Contains(text, want) {
					t.Errorf("no %q on the screen: %q", want, text)
				}
			}
		})
	}
}

// A terminal that was halted holds nobody up: neither bars nor lines.
func TestHaltedTerminal(t *testing.T) {
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(master, &pty.Winsize{Rows: 24, Cols: 100}); err != nil {
		t.Fatal(err)
	}
	d := New(tty)
	for i := range int64(500) {
		d.Say("%s", strings.Repeat("x", 1000))
		d.Fetched(fetch.Progress{Host: "expc01", Total: 500, Done: i})
	}
	d.Close()
	master.Close() // who waits to write is let go
	<-d.done
	tty.Close()
}
