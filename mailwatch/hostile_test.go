package mailwatch

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A puppet is the server's end of one connection, in a test with a clock of its
// own.
type puppet struct {
	net.Conn
	br *bufio.Reader
	n  int // which connection
}

func (p *puppet) say(format string, args ...any) error {
	_, err := fmt.Fprintf(p.Conn, format, args...)
	return err
}

// A trick answers a command in place of the polite server, if it returns true.
type trick func(p *puppet, tag, command string) bool

// polite serves an empty mailbox until the connection ends.
func (p *puppet) polite(trick trick) {
	defer p.Close()
	if trick(p, "", "GREETING") {
		return
	}
	if p.say("* OK ready\r\n") != nil {
		return
	}
	for {
		line, err := p.br.ReadString('\n')
		if err != nil {
			return
		}
		tag, command, _ := strings.Cut(strings.TrimSpace(line), " ")
		if tag == "DONE" {
			command = "DONE"
		}
		if trick(p, tag, command) {
			continue
		}
		verb, _, _ := strings.Cut(command, " ")
		switch verb {
		case "CAPABILITY":
			p.say("* CAPABILITY IMAP4rev1 IDLE\r\n")
		case "EXAMINE":
			p.say("* 0 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n* OK [UIDNEXT 1] x\r\n")
		case "IDLE":
			p.say("+ idling\r\n")
			if _, err = p.br.ReadString('\n'); err != nil {
				return
			}
			if trick(p, tag, "DONE") {
				continue
			}
		}
		if p.say("%s OK done\r\n", tag) != nil {
			return
		}
	}
}

// A stage is a Watcher on puppets, with all it says.
type stage struct {
	mu        sync.Mutex
	dials     int
	passwords int
	down      []error
	downAt    []time.Duration
	up        int
	log       strings.Builder
	start     time.Time
	told      int           // signs of life
	last      time.Time     // of them
	pause     time.Duration // the longest between two
}

func (s *stage) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(b)
}

// lines counts the log's lines with this text.
func (s *stage) lines(text string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(s.log.String(), text)
}

// play runs a Watcher for d of its own time against servers with this trick.
func play(t *testing.T, d time.Duration, trick trick, change ...func(*Watcher)) *stage {
	s := &stage{}
	synctest.Test(t, func(t *testing.T) {
		s.start = time.Now()
		s.last = s.start
		var wg sync.WaitGroup
		w := &Watcher{
			Server:  Server{Addr: "127.0.0.1:143", TLS: TLSNone, User: "u", Password: func() (string, error) { s.passwords++; return "p", nil }},
			CatchUp: time.Hour,
			CursorStore: CursorStore{
				Load: func() (Cursor, bool, error) { return Cursor{}, false, nil },
				Save: func(Cursor) error { return nil },
			},
			Intake: Intake{Handle: func(context.Context, Mail) error { return nil }},
			Log:    slog.New(slog.NewTextHandler(s, nil)),
			State: func(st State) {
				s.told++
				s.pause = max(s.pause, st.Now.Sub(s.last))
				s.last = st.Now
				switch st.Event {
				case EventDown:
					s.down = append(s.down, st.Err)
					s.downAt = append(s.downAt, time.Since(s.start))
				case EventConnected:
					s.up++
				}
			},
			Dial: func(context.Context, string) (net.Conn, error) {
				client, server := net.Pipe()
				s.dials++
				p := &puppet{Conn: server, br: bufio.NewReader(server), n: s.dials}
				wg.Go(func() { p.polite(trick) })
				return client, nil
			},
		}
		for _, f := range change {
			f(w)
		}
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		if err := w.Run(ctx); err != nil {
			t.Error(err)
		}
		wg.Wait()
	})
	return s
}

// first plays a trick on the first connection only.
func first(tr trick) trick {
	return func(p *puppet, tag, command string) bool { return p.n == 1 && tr(p, tag, command) }
}

// on does something at a command.
func on(verb string, do func(p *puppet, tag string)) trick {
	return func(p *puppet, tag, command string) bool {
		if !strings.HasPrefix(command, verb) {
			return false
		}
		do(p, tag)
		return true
	}
}

func silence(p *puppet, _ string) { io.Copy(io.Discard, p) }

// TestListsOfCapabilities: the parser reads a list among capabilities for ever, and would take
// a whole processor for it; such a server is got over like any other that sends nonsense.
func TestListsOfCapabilities(t *testing.T) {
	for name, nonsense := range map[string]trick{
		"greeting":    on("GREETING", func(p *puppet, _ string) { p.say("* OK [CAPABILITY (IMAP4rev1)] hi\r\n") }),
		"login":       on("LOGIN", func(p *puppet, tag string) { p.say("%s OK [CAPABILITY IMAP4rev1 (] hi\r\n", tag) }),
		"asked for":   on("CAPABILITY", func(p *puppet, tag string) { p.say("* CAPABILITY IMAP4rev1 (AUTH=PLAIN)\r\n%s OK\r\n", tag) }),
		"unsolicited": on("EXAMINE", func(p *puppet, tag string) { p.say("* ENABLED (UTF8=ACCEPT)\r\n%s OK\r\n", tag) }),
	} {
		t.Run(name, func(t *testing.T) {
			s := play(t, time.Minute, first(nonsense))
			if len(s.down) != 1 || !strings.Contains(s.down[0].Error(), errFlat.Error()) || s.up != 1 {
				t.Errorf("up %d times, down by %v", s.up, s.down)
			}
		})
	}
}

// TestSickServers: each fault is noticed within a minute, named, and got over.
func TestSickServers(t *testing.T) {
	flood := func(text string) func(*puppet, string) {
		return func(p *puppet, _ string) {
			for p.say("%s", text) == nil {
			}
		}
	}
	for _, tc := range []struct {
		name  string
		trick trick
		want  string        // in the error
		by    time.Duration // of the watcher's time
	}{
		{"no greeting", on("GREETING", silence), "", time.Minute},
		{"BYE for a greeting", on("GREETING", func(p *puppet, _ string) { p.say("* BYE too many connections\r\n") }), "too many connections", time.Second},
		{"no answer to CAPABILITY", on("CAPABILITY", silence), "did not answer", time.Minute},
		{"no answer to LOGIN", on("LOGIN", silence), "did not answer", time.Minute},
		{"no answer to EXAMINE", on("EXAMINE", silence), "did not answer", time.Minute},
		{"no answer to FETCH", on("UID FETCH", silence), "did not answer", time.Minute},
		{"no answer to IDLE", on("IDLE", silence), "did not answer", time.Minute},
		{"silent while idling", on("DONE", silence), "did not answer", time.Minute},
		{"no answer to NOOP", on("NOOP", silence), "did not answer", 2 * time.Minute},
		{"hangs up", on("NOOP", func(p *puppet, _ string) { p.Close() }), "closed the connection", time.Minute},
		{"BYE and stays", on("NOOP", func(p *puppet, _ string) { p.say("* BYE maintenance\r\n") }), "maintenance", time.Minute},
		{"trickles", on("NOOP", func(p *puppet, _ string) {
			for p.say("* 1 EXISTS\r\n") == nil {
				time.Sleep(5 * time.Second)
			}
		}), "", time.Minute},
		{"trickles within a line", on("NOOP", func(p *puppet, _ string) {
			for p.say("x") == nil {
				time.Sleep(5 * time.Second)
			}
		}), "", time.Minute},
		{"ends IDLE by itself", on("IDLE", func(p *puppet, tag string) {
			p.say("+ idling\r\n")
			time.Sleep(firstIdle / 2)
			p.say("%s OK enough\r\n", tag)
		}), "ended IDLE", 2 * time.Second},
		{"endless literal", on("UID FETCH", func(p *puppet, _ string) { p.say("* 1 FETCH (UID 1 BODY[] {9999999999}\r\n"); flood("xxxxxxxx")(p, "") }), "literals", time.Second},
		{"parentheses", on("UID FETCH", func(p *puppet, _ string) { p.say("* 1 FETCH (BODYSTRUCTURE "); flood("((((((((")(p, "") }), "nested", time.Second},
		{"endless line", on("UID FETCH", func(p *puppet, _ string) { p.say("* OK "); flood(strings.Repeat("x", 1000))(p, "") }), "65536 bytes", time.Second},
		{"endless responses", on("UID FETCH", flood(strings.Repeat("* 1 FETCH (FLAGS ())\r\n", 1000))), "for one command", time.Second},
		{"endless search", func(p *puppet, tag, command string) bool {
			switch {
			case strings.HasPrefix(command, "EXAMINE"):
				p.say("* 9 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n%s OK\r\n", tag)
			case strings.HasPrefix(command, "UID SEARCH"):
				flood(strings.Repeat("* SEARCH 1 3 5 7\r\n", 1000))(p, "")
			default:
				return false
			}
			return true
		}, "for one command", time.Second},
		{"UIDs without end", on("UID FETCH", func(p *puppet, tag string) { p.say("* 1 FETCH (UID 4294967295)\r\n%s OK\r\n", tag) }), "", 0},
		{"nonsense", on("UID FETCH", flood("\x00\xff\r\n")), "", time.Second},
		{"strange data", on("UID FETCH", func(p *puppet, _ string) { p.say("* 1 FROBNICATE\r\n"); silence(p, "") }), "FROBNICATE", time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := play(t, 5*time.Minute, first(tc.trick))
			if tc.by == 0 {
				return // that it does not hang or eat the memory is all
			}
			if len(s.down) == 0 {
				t.Fatal("not noticed")
			}
			if s.downAt[0] > tc.by || !strings.Contains(s.down[0].Error(), tc.want) {
				t.Errorf("after %v: %v", s.downAt[0], s.down[0])
			}
			if len(s.down) != 1 || s.up == 0 {
				t.Errorf("down %d times, up %d times: %q", len(s.down), s.up, s.down)
			}
			if down, back := s.lines("mailbox is down"), s.lines("mailbox is back"); down != 1 || back != 1 {
				t.Errorf("%d lines that it is down, %d that it is back:\n%s", down, back, s.log.String())
			}
		})
	}
}

// TestEndedIdleIsPolled: a server that ends IDLE is polled for a while.
func TestEndedIdleIsPolled(t *testing.T) {
	var idles []int
	s := play(t, 9*time.Minute, on("IDLE", func(p *puppet, tag string) {
		idles = append(idles, p.n)
		p.say("+ idling\r\n%s OK enough\r\n", tag)
		p.br.ReadString('\n')
	}))
	if len(idles) != 1 || s.dials != 2 {
		t.Errorf("IDLE on connections %v of %d", idles, s.dials)
	}
}

func TestRefusedIdleIsPolled(t *testing.T) {
	idles, noops := 0, 0
	s := play(t, 5*time.Minute, func(p *puppet, tag, command string) bool {
		switch command {
		case "NOOP":
			noops++
		case "IDLE":
			idles++
			p.say("%s BAD what?\r\n", tag)
			return true
		}
		return false
	})
	if idles != 1 || s.dials != 1 || noops < 10 {
		t.Errorf("%d times IDLE, %d NOOP, %d connections", idles, noops, s.dials)
	}
}

// TestRefusedLogin: never hammered, one line.
func TestRefusedLogin(t *testing.T) {
	s := play(t, 3*time.Hour, on("LOGIN", func(p *puppet, tag string) { p.say("%s NO [AUTHENTICATIONFAILED] no\r\n", tag) }))
	if s.dials < 3 || s.dials > 10 {
		t.Errorf("%d logins in three hours", s.dials)
	}
	if n := s.lines("\n"); n != 1 || s.lines("login refused") != 1 {
		t.Errorf("%d lines:\n%s", n, s.log.String())
	}
	if stage, ok := s.down[0].(*StageError); !ok || stage.Stage != StageLogin || !stage.Refused {
		t.Errorf("%#v", s.down[0])
	}
}

func TestLoginDisabled(t *testing.T) {
	s := play(t, time.Hour, on("CAPABILITY", func(p *puppet, tag string) { p.say("* CAPABILITY IMAP4rev1 LOGINDISABLED\r\n%s OK\r\n", tag) }))
	if s.passwords != 0 || s.lines("forbids LOGIN") != 1 || s.dials > 6 {
		t.Errorf("%d passwords, %d dials:\n%s", s.passwords, s.dials, s.log.String())
	}
}

// TestUnavailableLogin: a server that cannot judge has not refused.
func TestUnavailableLogin(t *testing.T) {
	s := play(t, 10*time.Minute, on("LOGIN", func(p *puppet, tag string) {
		if p.n > 6 {
			p.say("%s OK\r\n", tag)
			return
		}
		p.say("%s NO [UNAVAILABLE] later\r\n", tag)
	}))
	if s.up != 1 || s.lines("mailbox is down") != 1 || s.lines("mailbox is back") != 1 || s.lines("attempts=7") != 1 {
		t.Errorf("up %d:\n%s", s.up, s.log.String())
	}
}

// TestFlapping: a server that drops every connection is not spoken of each time.
func TestFlapping(t *testing.T) {
	s := play(t, time.Hour, on("IDLE", func(p *puppet, _ string) {
		if p.n < 20 {
			p.Close()
			return
		}
		p.say("+\r\n")
		silence(p, "")
	}))
	if s.dials < 20 || s.dials > 90 {
		t.Errorf("%d connections", s.dials)
	}
	if n := s.lines("\n"); n > 10 {
		t.Errorf("%d lines:\n%s", n, s.log.String())
	}
}

// TestSignsOfLife: a watchdog hears of the watcher in every minute, whatever happens.
func TestSignsOfLife(t *testing.T) {
	for name, trick := range map[string]trick{
		"idle":    func(*puppet, string, string) bool { return false },
		"refused": on("LOGIN", func(p *puppet, tag string) { p.say("%s NO no\r\n", tag) }),
		"silent":  on("NOOP", silence),
	} {
		t.Run(name, func(t *testing.T) {
			if s := play(t, time.Hour, trick); s.pause > time.Minute || s.told < 60 {
				t.Errorf("told %d times, once not for %v", s.told, s.pause)
			}
		})
	}
}

// TestStartTLSTricks: nothing is taken from the time before TLS.
func TestStartTLSTricks(t *testing.T) {
	for want, script := range map[string][2]string{
		"unencrypted data":   {"* OK hi\r\n", "S0 OK go\r\n* CAPABILITY IMAP4rev1\r\n"},
		"greets with":        {"* PREAUTH hi\r\n", ""},
		"refuses":            {"* OK hi\r\n", "* 1 EXISTS\r\nS0 BAD what\r\n"},
		"does not answer":    {"* OK hi\r\n", strings.Repeat("* OK\r\n", 101)},
		"bufio: buffer full": {"* OK " + strings.Repeat("x", 10000), ""},
	} {
		t.Run(want, func(t *testing.T) {
			client, server := net.Pipe()
			done := make(chan struct{})
			go func() {
				defer close(done)
				io.WriteString(server, script[0])
				if _, err := bufio.NewReader(server).ReadString('\n'); err == nil {
					io.WriteString(server, script[1])
				}
			}()
			if err := startTLS(client); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v", err)
			}
			client.Close()
			<-done
		})
	}
}

// TestSilentTLS: a server that accepts and says nothing.
func TestSilentTLS(t *testing.T) {
	for _, mode := range []string{TLSImplicit, TLSStart} {
		s := play(t, 5*time.Minute, on("GREETING", silence), func(w *Watcher) { w.TLS = mode })
		if len(s.down) < 5 || s.downAt[0] > time.Minute || s.lines("\n") != 1 {
			t.Errorf("%s: down %d times, first after %v:\n%s", mode, len(s.down), s.downAt, s.log.String())
		}
	}
}

// TestSlowHandle: the connection outlives an alert that takes its time.
func TestSlowHandle(t *testing.T) {
	handled := 0
	s := play(t, 30*time.Minute, func(p *puppet, tag, command string) bool {
		switch {
		case strings.HasPrefix(command, "EXAMINE"):
			p.say("* 1 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 2] x\r\n%s OK\r\n", tag)
		case strings.HasPrefix(command, "UID SEARCH"):
			p.say("* SEARCH 1\r\n%s OK\r\n", tag)
		case strings.HasPrefix(command, "UID FETCH 1 (UID BODY.PEEK[]<0.1048576>)"):
			text := alert("a")
			p.say("* 1 FETCH (UID 1 BODY[]<0> {%d}\r\n%s)\r\n%s OK\r\n", len(text), text, tag)
		case strings.HasPrefix(command, "UID FETCH 1:"), command == "UID FETCH 1 (UID INTERNALDATE RFC822.SIZE)", command == "UID FETCH 1 (UID RFC822.SIZE INTERNALDATE)":
			p.say("* 1 FETCH (UID 1 INTERNALDATE \"%s\" RFC822.SIZE 10)\r\n%s OK\r\n", time.Now().Format("02-Jan-2006 15:04:05 -0700"), tag)
		default:
			return false
		}
		return true
	}, func(w *Watcher) {
		w.Handle = func(ctx context.Context, _ Mail) error {
			handled++
			time.Sleep(10 * time.Minute)
			return nil
		}
	})
	if handled != 1 || s.dials != 1 {
		t.Errorf("handled %d times over %d connections:\n%s", handled, s.dials, s.log.String())
	}
}

// TestRefusedLoginMended: who has fixed it need not wait until the next attempt is due.
func TestRefusedLoginMended(t *testing.T) {
	var at []time.Duration
	s := play(t, 4*time.Minute, func(p *puppet, tag, command string) bool {
		return p.n == 1 && on("LOGIN", func(p *puppet, tag string) { p.say("%s NO [AUTHENTICATIONFAILED] no\r\n", tag) })(p, tag, command)
	}, func(w *Watcher) {
		again, start, state := make(chan struct{}, 1), time.Now(), w.State
		again <- struct{}{} // before it was down: of no meaning
		time.AfterFunc(90*time.Second, func() { again <- struct{}{} })
		w.Again, w.State = again, func(st State) {
			if st.Event == EventConnected {
				at = append(at, time.Since(start))
			}
			state(st)
		}
	})
	if s.dials != 2 || len(at) != 1 || at[0].Round(time.Second) != 90*time.Second {
		t.Errorf("%d dials, connected at %v", s.dials, at)
	}
}

// TestIdleSaysNothing: a server whose IDLE says nothing of a mail that came after the look and
// before it. When something happens more of it comes: it is not left to the next poll.
func TestIdleSaysNothing(t *testing.T) {
	var mails []uint32 // that are there
	came := map[uint32]time.Time{}
	took := map[uint32]time.Duration{}
	next := func() {
		mails = append(mails, uint32(len(mails)+1))
		came[mails[len(mails)-1]] = time.Now()
	}
	s := play(t, 10*time.Minute, func(p *puppet, tag, command string) bool {
		var uid uint32
		switch n, _ := fmt.Sscanf(command, "UID FETCH %d (BODY", &uid); {
		case isList(command):
			for _, uid := range mails {
				p.say("* %d FETCH (UID %d INTERNALDATE %q RFC822.SIZE 500)\r\n", uid, uid, time.Now().Format("02-Jan-2006 15:04:05 -0700"))
			}
			p.say("%s OK\r\n", tag)
			if len(mails) < 3 && len(took) == len(mails) { // right behind the look that found the one before
				next()
			}
			return true
		case n == 1 && uid > 0:
			raw := alert(fmt.Sprint("a", uid))
			p.say("* %d FETCH (UID %d BODY[]<0> {%d}\r\n%s)\r\n%s OK\r\n", uid, uid, len(raw), raw, tag)
			took[uid] = time.Since(came[uid])
			return true
		}
		return false
	}, func(w *Watcher) { w.Poll = time.Hour })
	if len(took) != 3 || s.dials != 1 {
		t.Fatalf("%d of 3 mails were seen on %d connections:\n%s", len(took), s.dials, s.log.String())
	}
	for uid, d := range took {
		if d > time.Second {
			t.Errorf("mail %d was seen after %v", uid, d)
		}
	}
}
