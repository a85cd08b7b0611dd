package hostconn

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn/hostcmd"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/internal/testrace"
	"rtmtgrab/internal/testserver"
)

// liarSession is a session with a server that lies.
func liarSession(t testing.TB, l *testserver.Liar) *Session {
	t.Helper()
	testserver.StartLiar(t, l)
	client, err := sshdial.Dial(t.Context(), sshdial.Config{Address: l.Addr(), User: "root", HostKey: l.HostKey(),
		Auth: sshdial.Auth{Kind: sshdial.AuthPassword, Password: func() (string, error) { return "secret", nil }}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSession(t.Context(), client, Commands{Allowed: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// counted counts what is written.
type counted struct {
	io.Writer
	n *atomic.Int64
}

func (c counted) Write(b []byte) (int, error) {
	n, err := c.Writer.Write(b)
	c.n.Add(int64(n))
	return n, err
}

// However a server goes on and on when a folder is listed, it is given up after what a
// listing may take, with a reason, and the session ends.
func TestListingWithoutEnd(t *testing.T) {
	file := func(name string) testserver.LiarFile { return testserver.LiarFile{Name: name, MTime: 1772460847} }
	many := make([]testserver.LiarFile, 1000)
	for i := range many {
		many[i] = file(fmt.Sprintf("n%d", i))
	}
	giant := file(strings.Repeat("n", 120<<10)) // it is written twice, and a packet holds 256 KiB
	for name, answer := range map[string]func(w *testserver.LiarWriter) error{
		"short names": func(w *testserver.LiarWriter) error { return w.Names(many...) },
		"one a time":  func(w *testserver.LiarWriter) error { return w.Names(file("network_log.1")) },
		"none":        func(w *testserver.LiarWriter) error { return w.Names() },
		"giant names": func(w *testserver.LiarWriter) error { return w.Names(giant) },
		"a false count": func(w *testserver.LiarWriter) error {
			return w.Packet(104, []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 'x'}, 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "one a time" { // it takes long
				testrace.Whole(t)
			}
			var asked atomic.Int64
			s := liarSession(t, &testserver.Liar{Answer: func(r testserver.LiarRequest, w *testserver.LiarWriter) bool {
				if r.Type == testserver.LiarReaddir {
					asked.Add(1)
					answer(w)
				}
				return r.Type == testserver.LiarReaddir
			}})
			entries, err := s.List(t.Context(), "/logs")
			f, ok := errors.AsType[*Fault](err)
			if !ok || f.Why != evidence.ReasonTooLarge || s.Lost() == nil || len(entries) > 0 {
				t.Errorf("%v after %d answers, %d entries, lost %v", err, asked.Load(), len(entries), s.Lost())
			}
			if n := asked.Load(); n > hostcmd.MaxNames+1 {
				t.Errorf("%d answers", n)
			}
		})
	}
}

// A packet that claims to be huge, of which bytes come for ever, ends the session before
// it is read.
func TestHugePacket(t *testing.T) {
	for _, length := range []uint32{0xffffffff, 64 << 20, 1} {
		var sent atomic.Int64
		s := liarSession(t, &testserver.Liar{Answer: func(r testserver.LiarRequest, w *testserver.LiarWriter) bool {
			if r.Type != testserver.LiarReaddir && r.Type != testserver.LiarRead {
				return false
			}
			err := w.Packet(104, nil, length)
			for b := make([]byte, 32<<10); err == nil && sent.Load() < 1<<30; err = w.Raw(b) {
				sent.Add(int64(len(b)))
			}
			return true
		}})
		if _, err := s.List(t.Context(), "/logs"); err == nil {
			t.Errorf("length %d: no error", length)
		}
		s.Close()
		if n := sent.Load(); n > 64<<20 {
			t.Errorf("length %d: %d bytes were sent", length, n)
		}
	}
}

// The same by commands.
func TestCommandListingWithoutEnd(t *testing.T) {
	testrace.Whole(t)
	t.Parallel()
	for name, say := range map[string]struct{ first, then string }{
		"names":    {"", "1\x00./network_log.1\x0081a4 0 0 1:1\x00"},
		"one name": {"1\x00./", strings.Repeat("n", 1<<20)},
		"no stats": {"1\x00./n\x00", strings.Repeat("8", 1<<20)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sent atomic.Int64
			s := liarSession(t, &testserver.Liar{NoSFTP: true, Exec: func(command string, out io.Writer) {
				mark := markOf(command)
				out = counted{out, &sent}
				io.WriteString(out, mark+"\x00")
				if !strings.Contains(command, "/logs") { // it is tried whether commands work
					io.WriteString(out, "1:2\x00")
					return
				}
				_, err := io.WriteString(out, say.first)
				for err == nil && sent.Load() < 1<<30 {
					_, err = io.WriteString(out, say.then)
				}
			}})
			began := time.Now()
			_, err := s.List(t.Context(), "/logs")
			f, ok := errors.AsType[*Fault](err)
			if !ok || f.Why != evidence.ReasonTooLarge || s.Lost() == nil {
				t.Errorf("%v after %v, lost %v", err, time.Since(began), s.Lost())
			}
			if n := sent.Load(); n > hostcmd.MaxListing+16<<20 {
				t.Errorf("%d bytes were sent", n)
			}
		})
	}
}

// markOf is the nonce in a command.
func markOf(command string) string {
	for i := 0; i+24 <= len(command); i++ {
		if strings.Trim(command[i:i+24], "0123456789abcdef") == "" {
			return command[i : i+24]
		}
	}
	return ""
}
