package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testrace"
	"rtmtgrab/internal/testsite"
)

// A session is the real program on a terminal of its own, and somebody before it.
type session struct {
	t      *testing.T
	cmd    *exec.Cmd
	screen testsite.SafeBuffer // but for standard output, if that goes elsewhere
	keys   io.Writer
	ended  chan struct{}
}

// onTerminal starts a program whose standard input and error, and output unless it goes
// elsewhere already, are a terminal.
func onTerminal(t *testing.T, cmd *exec.Cmd) *session {
	t.Helper()
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 120})
	if err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, cmd: cmd, keys: tty, ended: make(chan struct{})}
	read := make(chan struct{})
	go func() { defer close(read); io.Copy(&s.screen, tty) }() // ends with the last program on the terminal
	go func() { cmd.Wait(); <-read; close(s.ended) }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-s.ended
		tty.Close()
	})
	return s
}

// press types, without an end of the line.
func (s *session) press(keys string) {
	s.t.Helper()
	if _, err := io.WriteString(s.keys, keys); err != nil {
		s.t.Fatal(err)
	}
}

// code waits for the end, and is the exit code.
func (s *session) code() int {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(5 * time.Minute):
		s.t.Fatalf("it never ends; on the screen:\n%s", s.screen.String())
	}
	return s.cmd.ProcessState.ExitCode()
}

// underway waits until part of a grab is copied, with speed and remaining time.
func (s *session) underway() {
	s.t.Helper()
	some, left := regexp.MustCompile(`(^|[^0-9])[1-9][0-9]? %`), regexp.MustCompile(`/s  ETA \d+:\d\d`)
	testsite.Until(s.t, "part of it is copied", func() bool {
		screen := s.screen.String()
		return some.MatchString(screen) && left.MatchString(screen)
	})
}

// A grab on a terminal shows how far it is, and ends whatever becomes of the copy: it is
// carried through, stopped by Ctrl-C, or a peer goes.
func TestNowOnATerminal(t *testing.T) {
	testrace.Without(t)
	t.Parallel()
	for _, tt := range []struct {
		name     string
		rate     int64
		meddle   func(*session, *labConfig)
		complete bool
		says     string
	}{
		{"to its end", 0, func(*session, *labConfig) {}, true, "files open"},
		{"Ctrl-C", 400 << 10, func(s *session, _ *labConfig) { s.underway(); s.press("\x03") }, false, "stopped by you"},
		{"a peer goes", 400 << 10, func(s *session, c *labConfig) {
			s.underway()
			c.Peers[0].SetDown(true)
			c.Peers[1].SetRate(0)
		}, false, "expc01: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			logs := lab.LogConfig{Rate: 60}
			c := newLab(t, lab.ExpresswayConfig{Role: "C", Logs: logs}, lab.ExpresswayConfig{Role: "E", Logs: logs})
			for _, e := range c.Peers {
				e.SetRate(tt.rate)
			}
			cmd := program("-c", c.Path, "now", "--json", "--before", "1m", "--patience", "1s")
			var out bytes.Buffer
			cmd.Stdout = &out
			s := onTerminal(t, cmd)
			tt.meddle(s, c)
			code := s.code()
			var got oneshot.Outcome
			if err := json.Unmarshal(out.Bytes(), &got); err != nil || (got.Coverage == evidence.Complete) != tt.complete || code != advice.Covered(got.Coverage) {
				t.Errorf("exit %d, %v, coverage %s", code, err, got.Coverage)
			}
			if _, err := os.Stat(got.Bundle); err != nil {
				t.Error(err)
			}
			screen := s.screen.String()
			for _, want := range []string{"all hosts", " %", tt.says, "sealing, coverage " + string(got.Coverage)} {
				if !strings.Contains(screen, want) {
					t.Errorf("no %q on the screen", want)
				}
			}
			if t.Failed() {
				t.Logf("%s", screen)
			}
		})
	}
}
