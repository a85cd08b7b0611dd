package mailwatch

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rtmtgrab/internal/testserver"
)

func loginTo(s *testserver.IMAP) Server {
	return Server{Addr: s.Addr, TLS: TLSNone, User: "u", Password: func() (string, error) { return "p", nil }}
}

// A list of mails is what the watcher asks for first; of all those above the cursor its
// set ends in "*".
func isList(command string) bool {
	return strings.HasPrefix(command, "UID FETCH") && !strings.Contains(command, "BODY")
}

const strangeMail = "* 9 FETCH (UID %d INTERNALDATE \"02-Mar-2026 09:14:36 +0000\" RFC822.SIZE 10)\r\n"

// UIDs that cannot be true blind nobody: what comes then is seen in the same session.
func TestStrangeUIDs(t *testing.T) {
	for name, uids := range map[string][2]uint32{
		"the last one":        {^uint32(0), 1},
		"the last but one":    {^uint32(0) - 1, 1},
		"more than one looks": {1 << 31, 600},
	} {
		t.Run(name, func(t *testing.T) {
			server := testserver.StartIMAP(t, func(c *testserver.IMAPConn, _, command string) bool {
				if isList(command) && strings.Contains(command, ":*") {
					for i := range uids[1] {
						c.Say(strangeMail, uids[0]+i)
					}
				}
				return false
			})
			k := newKeeper(t)
			k.run(k.watcher(loginTo(server)))
			k.scanned()
			var want []string
			for i := range 3 {
				want = append(want, fmt.Sprint("a", i))
				server.Add(string(alert(want[i])), time.Now())
				k.gets(want...)
			}
			k.mu.Lock()
			defer k.mu.Unlock()
			if n := strings.Count(k.log.String(), "far above the next one"); n != 1 || k.state.Cursor.UID > 10 || server.Connections() != 1 {
				t.Errorf("said %d times, cursor %+v, %d connections:\n%s", n, k.state.Cursor, server.Connections(), k.log.String())
			}
		})
	}
}

// A UID that was not asked for moves no cursor.
func TestUIDsOutOfTheRange(t *testing.T) {
	server := testserver.StartIMAP(t, func(c *testserver.IMAPConn, _, command string) bool {
		if isList(command) {
			c.Say(strangeMail, 5000)
		}
		return false
	})
	for i := range 3 {
		server.Add(string(alert(fmt.Sprint("a", i))), time.Now())
	}
	k := newKeeper(t)
	k.run(k.watcher(loginTo(server)))
	k.gets("a0", "a1", "a2")
}

// allocated is what was allocated since the program began.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// What nobody asked for costs little memory, names itself, and holds up no other
// mailbox.
func TestFloodsAreBounded(t *testing.T) {
	big := strings.Repeat("x", 1<<20)
	for i, tc := range []struct{ name, at, text, want string }{
		{"envelope of literals", "UID FETCH", "* 1 FETCH (UID 1 ENVELOPE ({30000000}\r\n" + strings.Repeat(big, 29), "an envelope"},
		{"structure of literals", "UID FETCH", "* 1 FETCH (UID 1 BODYSTRUCTURE ({30000000}\r\n" + strings.Repeat(big, 29), "that are no mail"},
		{"many small structures", "UID FETCH", strings.Repeat("* 1 FETCH (UID 1 BODYSTRUCTURE (\"text\" \"plain\" NIL NIL {16000}\r\n"+big[:16000]+" \"7bit\" 1 1))\r\n", 2000), "for one command"},
		{"long strings", "UID FETCH", strings.Repeat("* 1 FETCH (UID 1 INTERNALDATE \""+big[:60000]+"\")\r\n", 2000), ""},
		{"a folder's name", "EXAMINE", "* LIST () \"/\" {30000000}\r\n" + strings.Repeat(big, 29), "that are no mail"},
		{"a capability", "CAPABILITY", "* CAPABILITY {30000000}\r\n" + strings.Repeat(big, 29), "that are no mail"},
		{"ids", "NOOP", "* ESEARCH BODY[] {30000000}\r\n" + strings.Repeat(big, 29), "that are no mail"},
		{"a mail nobody asked for", "NOOP", "* 1 FETCH (BODY[] {30000000}\r\n" + strings.Repeat(big, 29), "for one command"},
		{"a short literal", "UID FETCH", "* 1 FETCH (UID 1 INTERNALDATE {5}\r\n" + big[:60000] + ")\r\n", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var lied atomic.Bool
			text := []byte(tc.text)
			liar := testserver.StartIMAP(t, func(c *testserver.IMAPConn, _, command string) bool {
				if !strings.HasPrefix(command, tc.at) || lied.Swap(true) {
					return false
				}
				c.Send(text)
				return true
			})
			good := testserver.StartIMAP(t, nil)
			k, other := newKeeper(t), newKeeper(t)
			before := allocated()
			k.run(k.watcher(loginTo(liar)))
			other.run(other.watcher(loginTo(good)))
			good.Add(string(alert("honest")), time.Now())
			other.gets("honest")
			k.until("an error", func() bool { return k.state.Err != nil })
			got := allocated() - before
			k.mu.Lock()
			err := k.state.Err
			k.mu.Unlock()
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
			if limit := uint64(24 << 20); got > limit {
				t.Errorf("%d bytes were allocated", got)
			}
			t.Logf("%d KiB were allocated", got>>10)
			if i == 0 { // it is got over, which takes a second
				liar.Add(string(alert("after")), time.Now())
				k.gets("after")
			}
		})
	}
}

// A mailbox that says it has four thousand million mails is not searched for hours.
func TestCountOfMailsIsBounded(t *testing.T) {
	var searches atomic.Int64
	server := testserver.StartIMAP(t, func(c *testserver.IMAPConn, tag, command string) bool {
		switch {
		case strings.HasPrefix(command, "EXAMINE"):
			c.Say("* 4294967295 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n* OK [UIDNEXT 1] x\r\n%s OK done\r\n", tag)
			return true
		case strings.HasPrefix(command, "UID SEARCH"):
			searches.Add(1)
		}
		return false
	})
	k := newKeeper(t)
	k.run(k.watcher(loginTo(server)))
	k.scanned()
	if n := searches.Load(); n > maxSearched/5000 {
		t.Errorf("%d searches", n)
	}
}

// A mailbox that is renumbered while it is open is opened anew, in the same session: at
// once, more or less, where something new is announced, and else after a while.
func TestRenumberedWhileOpen(t *testing.T) {
	for name, tc := range map[string]struct {
		announce bool
		by       time.Duration
	}{"announced": {true, 3 * time.Minute}, "in silence": {false, openStale + time.Minute}} {
		t.Run(name, func(t *testing.T) {
			var renumbered, announced bool
			var opened int
			var took time.Duration
			start := time.Time{}
			trick := func(p *puppet, tag, command string) bool {
				switch {
				case command == "GREETING":
					start = time.Now()
				case strings.HasPrefix(command, "EXAMINE"):
					opened++
					if opened == 1 {
						p.say("* 1 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n* OK [UIDNEXT 1000] x\r\n%s OK\r\n", tag)
						renumbered = true
						return true
					}
					p.say("* 1 EXISTS\r\n* OK [UIDVALIDITY 2] x\r\n* OK [UIDNEXT 2] x\r\n%s OK\r\n", tag)
					return true
				case strings.HasPrefix(command, "UID SEARCH") && opened > 1:
					p.say("* SEARCH 1\r\n%s OK\r\n", tag)
					return true
				case command == "NOOP" && renumbered && tc.announce && !announced && time.Since(start) > time.Minute:
					announced = true
				case command == "IDLE" && announced && opened == 1:
					p.say("+ idling\r\n* 2 EXISTS\r\n")
					p.br.ReadString('\n')
					p.say("%s OK\r\n", tag)
					return true
				case opened > 1 && isList(command) && strings.HasPrefix(command, "UID FETCH 1"):
					p.say("* 1 FETCH (UID 1 INTERNALDATE %q RFC822.SIZE 500)\r\n%s OK\r\n", time.Now().Format("02-Jan-2006 15:04:05 -0700"), tag)
					return true
				case opened > 1 && strings.HasPrefix(command, "UID FETCH 1 "):
					raw := alert("new")
					p.say("* 1 FETCH (UID 1 BODY[]<0> {%d}\r\n%s)\r\n%s OK\r\n", len(raw), raw, tag)
					took = time.Since(start)
					return true
				}
				return false
			}
			s := play(t, 20*time.Minute, trick, func(w *Watcher) {
				w.Load = func() (Cursor, bool, error) { return Cursor{UIDValidity: 1, UID: 999}, true, nil }
			})
			if s.dials != 1 || took == 0 || took > tc.by || s.lines("was renumbered") != 1 {
				t.Errorf("%d connections, seen after %v:\n%s", s.dials, took, s.log.String())
			}
		})
	}
}
