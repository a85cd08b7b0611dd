package mailwatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"rtmtgrab/mailwatch/alertmail"
)

// A memory is an IMAP server in this process.
type memory struct {
	t      testing.TB
	user   *imapmemserver.User
	addr   string
	server *imapserver.Server
}

func newMemory(t testing.TB) *memory {
	m := &memory{t: t, user: imapmemserver.NewUser("u", "p")}
	store := imapmemserver.New()
	store.AddUser(m.user)
	if err := m.user.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	m.server = imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return store.NewSession(), nil, nil
		},
		InsecureAuth: true, Logger: log.New(io.Discard, "", 0),
	})
	return m
}

func startMemory(t testing.TB) *memory {
	m := newMemory(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.addr = l.Addr().String()
	done := make(chan struct{})
	go func() { m.server.Serve(l); close(done) }()
	t.Cleanup(func() { m.server.Close(); <-done })
	return m
}

func (m *memory) login() Server {
	return Server{Addr: m.addr, TLS: TLSNone, User: "u", Password: func() (string, error) { return "p", nil }}
}

func (m *memory) add(raw []byte, at time.Time) {
	m.t.Helper()
	_, err := m.user.Append("INBOX", literal{bytes.NewReader(raw)}, &imap.AppendOptions{Time: at})
	if err != nil {
		m.t.Fatal(err)
	}
}

type literal struct{ *bytes.Reader }

func (l literal) Size() int64 { return l.Reader.Size() }

func TestIdle(t *testing.T) {
	m, k := startMemory(t), newKeeper(t)
	w := k.watcher(m.login())
	w.Poll = 200 * time.Millisecond // IDLE of the memory server loses wake-ups
	k.run(w)
	k.scanned()
	k.mu.Lock()
	idle := k.state.Idle
	k.mu.Unlock()
	if !idle {
		t.Error("does not idle")
	}
	var want []string
	for i := range 5 {
		want = append(want, fmt.Sprint("a", i))
		m.add([]byte("Subject: lunch?\r\n\r\nat noon"), time.Now())
		m.add(alert(want[i]), time.Now())
		k.gets(want...)
	}
}

// TestPoll: without IDLE there is a look at every Poll, and none is later than
// a dead server may be noticed.
func TestPoll(t *testing.T) {
	for poll, want := range map[time.Duration]int{10 * time.Second: 60, time.Hour: 24} {
		looks := 0
		play(t, 10*time.Minute, func(p *puppet, tag, command string) bool {
			switch {
			case command == "CAPABILITY":
				p.say("* CAPABILITY IMAP4rev1\r\n%s OK\r\n", tag)
				return true
			case command == "IDLE":
				t.Error("idles")
			case strings.HasPrefix(command, "UID FETCH"):
				looks++
			}
			return false
		}, func(w *Watcher) { w.Poll = poll })
		if looks < want || looks > want+2 {
			t.Errorf("poll %v: %d looks in ten minutes, want %d", poll, looks, want)
		}
	}
}

// TestFirstStart takes the mails of CatchUp, whatever their order, and no others.
func TestFirstStart(t *testing.T) {
	m, k := startMemory(t), newKeeper(t)
	now := time.Now()
	m.add(alertAt("old", now), now.Add(-72*time.Hour))
	m.add(alertAt("a", now), now.Add(-30*time.Minute))
	m.add(alertAt("older-than-an-hour", now), now.Add(-2*time.Hour)) // the same day, perhaps: SEARCH finds it
	m.add(alertAt("b", now), now.Add(-5*time.Minute))
	stop := k.run(k.watcher(m.login()))
	k.gets("a", "b")
	k.scanned()
	stop()
	if k.cursor.UID != 4 || !k.cursor.LastInternal.Equal(now.Add(-5*time.Minute).Truncate(time.Second)) {
		t.Errorf("%+v", k.cursor)
	}
	// Later starts go on from the cursor, however old the mails are.
	m.add(alertAt("c", now), now.Add(-48*time.Hour))
	k.run(k.watcher(m.login()))
	k.gets("a", "b", "c")
}

func TestFirstStartWithNothingNew(t *testing.T) {
	m, k := startMemory(t), newKeeper(t)
	m.add(alert("old"), time.Now().Add(-72*time.Hour))
	k.run(k.watcher(m.login()))
	k.scanned()
	m.add(alert("new"), time.Now())
	w := k.watcher(m.login())
	w.Poll = 50 * time.Millisecond
	k.run(w)
	k.gets("new")
}

// TestOrder: each mail is handled, then the cursor is saved; after the look, one flush.
func TestOrder(t *testing.T) {
	m, k := startMemory(t), newKeeper(t)
	for i := range 3 {
		m.add(alert(fmt.Sprint(i)), time.Now())
	}
	m.add([]byte("Subject: no alert\r\n\r\n"), time.Now())
	stop := k.run(k.watcher(m.login()))
	k.scanned()
	stop()
	if want := []string{"save 0", "handle 1", "save 1", "handle 2", "save 2", "handle 3", "save 3", "save 4", "flush"}; !slices.Equal(k.events, want) {
		t.Errorf("%q, want %q", k.events, want)
	}
	if mail := k.mails[0]; mail.Size == 0 || mail.UIDValidity == 0 || mail.Internal.IsZero() || mail.Seen.IsZero() || mail.Truncated || mail.Size != int64(len(mail.Raw)) {
		t.Errorf("%+v", mail)
	}
}

// TestHandleFails: the cursor waits, nothing is lost, nothing comes in between.
func TestHandleFails(t *testing.T) {
	for _, what := range []string{"handle 2", "save 2", "flush"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			m, k := startMemory(t), newKeeper(t)
			failed, held := 0, 0
			w := k.watcher(m.login())
			state := w.State
			w.State = func(s State) {
				if s.Held != nil && strings.Contains(s.Held.Error(), "disk full") && s.Connected {
					held++
				}
				state(s)
			}
			k.fail = func(event string) error {
				if event == what && failed < 2 {
					failed++
					return errors.New("disk full: waiting for room")
				}
				return nil
			}
			for _, name := range []string{"a", "b", "c"} {
				m.add(alert(name), time.Now())
			}
			stop := k.run(w)
			k.gets("a", "b", "c")
			k.until("flush", func() bool { return slices.Contains(k.events, "flush") })
			k.scanned()
			stop()
			if failed != 2 || k.cursor.UID != 3 {
				t.Errorf("failed %d times, cursor %+v, events %q", failed, k.cursor, k.events)
			}
			if held == 0 || k.state.Held != nil {
				t.Errorf("State said %d times that an alert is held up, and at last %v", held, k.state.Held)
			}
			if n := k.lines("disk full: waiting for room"); n != 1 {
				t.Errorf("%d lines:\n%s", n, k.log.String())
			}
			if k.lines("saved again") != 1 || k.lines("mailbox is down") != 0 {
				t.Errorf("log:\n%s", k.log.String())
			}
		})
	}
}

// TestBigMail costs 1 MiB.
func TestBigMail(t *testing.T) {
	m, k := startMemory(t), newKeeper(t)
	big := append(alert("big"), bytes.Repeat([]byte("x\r\n"), 1<<19)...)
	m.add(big, time.Now())
	m.add(alert("small"), time.Now())
	k.run(k.watcher(m.login()))
	k.gets("big", "small")
	k.mu.Lock()
	defer k.mu.Unlock()
	if mail := k.mails[0]; len(mail.Raw) != alertmail.MaxRaw || !mail.Truncated || !mail.Alert.Truncated || mail.Size != int64(len(big)) || !bytes.Equal(mail.Raw, big[:alertmail.MaxRaw]) {
		t.Errorf("%d of %d bytes, truncated %v", len(mail.Raw), mail.Size, mail.Truncated)
	}
}

// TestManyMails: more than are looked at in one go, in order, each once.
func TestManyMails(t *testing.T) {
	m, k := startMemory(t), newKeeper(t)
	const n = 2*chunk + 76
	var want []string
	for i := range n {
		if i%100 == 0 {
			want = append(want, fmt.Sprint(i))
			m.add(alert(want[len(want)-1]), time.Now())
			continue
		}
		m.add([]byte("Subject: x\r\n\r\n"), time.Now())
	}
	stop := k.run(k.watcher(m.login()))
	k.gets(want...)
	k.scanned()
	stop()
	if len(k.mails) != len(want) || k.cursor.UID != n {
		t.Errorf("%d mails, cursor %+v", len(k.mails), k.cursor)
	}
}

// TestGap: UIDs far apart cost few commands.
func TestGap(t *testing.T) {
	lists := 0
	uid := uint32(3_000_000)
	var saved Cursor
	play(t, time.Minute, func(p *puppet, tag, command string) bool {
		switch {
		case strings.HasPrefix(command, "EXAMINE"):
			p.say("* 2 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT %d] x\r\n%s OK\r\n", uid+1, tag)
		case strings.HasPrefix(command, "UID SEARCH"):
			p.say("* SEARCH 1 %d\r\n%s OK\r\n", uid, tag)
		case strings.HasPrefix(command, "UID FETCH"):
			var lo, hi uint32
			if n, _ := fmt.Sscanf(command, "UID FETCH %d:%d", &lo, &hi); n > 0 {
				lists++
			}
			for _, u := range []uint32{1, uid} {
				if lo <= u && u <= hi {
					p.say("* 1 FETCH (UID %d INTERNALDATE \"%s\" RFC822.SIZE 10)\r\n", u, time.Now().Format("02-Jan-2006 15:04:05 -0700"))
					saved.UID = u
				}
			}
			p.say("%s OK\r\n", tag)
		default:
			return false
		}
		return true
	})
	if saved.UID != uid || lists > 200 {
		t.Errorf("%d lists, reached %d", lists, saved.UID)
	}
}

// TestUnreadableMail: a mail that the server cannot give does not hold up the others for ever.
func TestUnreadableMail(t *testing.T) {
	for name, trouble := range map[string]func(p *puppet, tag string){
		"NO":     func(p *puppet, tag string) { p.say("%s NO [SERVERBUG] internal error\r\n", tag) },
		"hangup": func(p *puppet, tag string) { p.Close() },
		"short":  func(p *puppet, tag string) { p.say("* 1 FETCH (UID 1 BODY[]<0> {1000}\r\nSubject: x\r\n"); p.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			asked, after := 0, 0
			s := play(t, 10*time.Minute, func(p *puppet, tag, command string) bool {
				switch {
				case strings.HasPrefix(command, "EXAMINE"):
					p.say("* 2 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n%s OK\r\n", tag)
				case strings.HasPrefix(command, "UID SEARCH"):
					p.say("* SEARCH 1 2\r\n%s OK\r\n", tag)
				case strings.HasPrefix(command, "UID FETCH 1 "):
					asked++
					trouble(p, tag)
				case strings.HasPrefix(command, "UID FETCH 2 "):
					after++
					p.say("* 2 FETCH (UID 2 BODY[]<0> {1}\r\nx)\r\n%s OK\r\n", tag)
				case strings.HasPrefix(command, "UID FETCH"):
					for u := range 2 {
						if p.n > 1 || u < 2 {
							p.say("* %d FETCH (UID %d INTERNALDATE \"%s\")\r\n", u+1, u+1, time.Now().Format("02-Jan-2006 15:04:05 -0700"))
						}
					}
					p.say("%s OK\r\n", tag)
				default:
					return false
				}
				return true
			})
			if asked != maxTries || after == 0 || s.lines("mail skipped") != 1 {
				t.Errorf("asked %d times, then %d for the next; log:\n%s", asked, after, s.log.String())
			}
		})
	}
}

// TestSickServerLosesNothing: where no mail can be read, or one is kept back without a word, it is the
// server that is sick, and what waits there is read when it is well again.
func TestSickServerLosesNothing(t *testing.T) {
	for name, trouble := range map[string]func(p *puppet, tag string, uid int){
		"NO":     func(p *puppet, tag string, _ int) { p.say("%s NO [SERVERBUG] internal error\r\n", tag) },
		"hangup": func(p *puppet, tag string, _ int) { p.Close() },
		"NIL": func(p *puppet, tag string, uid int) {
			p.say("* %d FETCH (UID %d BODY[]<0> NIL)\r\n%s OK\r\n", uid, uid, tag)
		},
		"empty": func(p *puppet, tag string, uid int) {
			p.say("* %d FETCH (UID %d BODY[]<0> \"\")\r\n%s OK\r\n", uid, uid, tag)
		},
		"nothing": func(p *puppet, tag string, _ int) { p.say("%s OK\r\n", tag) },
	} {
		t.Run(name, func(t *testing.T) {
			for mails := 1; mails <= 2; mails++ {
				var got []uint32
				var start time.Time
				s := play(t, 10*time.Minute, func(p *puppet, tag, command string) bool {
					uid := 0
					fmt.Sscanf(command, "UID FETCH %d", &uid)
					switch {
					case strings.HasPrefix(command, "EXAMINE"):
						p.say("* %d EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n%s OK\r\n", mails, tag)
					case strings.HasPrefix(command, "UID SEARCH"):
						p.say("* SEARCH 1\r\n%s OK\r\n", tag)
					case isList(command):
						for u := uid; u <= mails; u++ {
							p.say("* %d FETCH (UID %d INTERNALDATE \"%s\" RFC822.SIZE 100)\r\n", u, u, time.Now().Format("02-Jan-2006 15:04:05 -0700"))
						}
						p.say("%s OK\r\n", tag)
					case !strings.HasPrefix(command, "UID FETCH"):
						return false
					case time.Since(start) < 2*time.Minute:
						trouble(p, tag, uid)
					default:
						for u := uid; u == uid || strings.Contains(command, ":") && u <= mails; u++ {
							raw := alert(fmt.Sprint("a", u))
							p.say("* %d FETCH (UID %d BODY[]<0> {%d}\r\n%s)\r\n", u, u, len(raw), raw)
						}
						p.say("%s OK\r\n", tag)
					}
					return true
				}, func(w *Watcher) {
					start = time.Now()
					w.Handle = func(_ context.Context, m Mail) error { got = append(got, m.UID); return nil }
				})
				if len(got) != mails || s.lines("mail skipped") != 0 {
					t.Errorf("of %d mails %v came; log:\n%s", mails, got, s.log.String())
				}
			}
		})
	}
}

// TestClockNotSet: a mail of today is of today, whatever the mail server takes the day for.
func TestClockNotSet(t *testing.T) {
	m, k := startMemory(t), newKeeper(t)
	k.run(k.watcher(m.login()))
	k.scanned()
	m.add(append([]byte("Date: "+time.Now().Format(time.RFC1123Z)+"\r\n"), alert("one")...), time.Unix(86400, 0))
	k.gets("one")
	k.mu.Lock()
	defer k.mu.Unlock()
	if at := k.mails[0].Alert.Time; time.Since(at) > time.Hour {
		t.Errorf("%v", at)
	}
}

// TestFirstMomentOfAFirstStart: a mail that comes when the mailbox was just opened is a new one, also where the
// server's clock is a bit slow, or the first look takes several attempts.
func TestFirstMomentOfAFirstStart(t *testing.T) {
	raw, looks := alert("a"), 0
	var got []uint32
	s := play(t, time.Minute, func(p *puppet, tag, command string) bool {
		switch {
		case strings.HasPrefix(command, "EXAMINE"):
			p.say("* %d EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT %d] x\r\n%s OK\r\n", 1+min(looks, 1), 2+min(looks, 1), tag)
		case isList(command):
			if looks++; looks == 1 {
				p.Close()
				return true
			}
			for u := range 2 {
				p.say("* %d FETCH (UID %d INTERNALDATE \"%s\" RFC822.SIZE 100)\r\n", u+1, u+1, time.Now().Add(-5*time.Second).Format("02-Jan-2006 15:04:05 -0700"))
			}
			p.say("%s OK\r\n", tag)
		case strings.HasPrefix(command, "UID FETCH"):
			p.say("* 2 FETCH (UID 2 BODY[]<0> {%d}\r\n%s)\r\n%s OK\r\n", len(raw), raw, tag)
		default:
			return false
		}
		return true
	}, func(w *Watcher) {
		w.CatchUp = 0
		w.Handle = func(_ context.Context, m Mail) error { got = append(got, m.UID); return nil }
	})
	if !slices.Equal(got, []uint32{2}) {
		t.Errorf("%v; log:\n%s", got, s.log.String())
	}
}

func TestMarks(t *testing.T) {
	for mark, unseen := range map[string]uint32{MarkNone: 2, MarkSeen: 1, MarkFlagged: 2} {
		t.Run(mark, func(t *testing.T) {
			m, k := startMemory(t), newKeeper(t)
			m.add([]byte("Subject: other\r\n\r\n"), time.Now())
			m.add(alert("a"), time.Now())
			w := k.watcher(m.login())
			w.Mark = mark
			stop := k.run(w)
			k.gets("a")
			k.scanned()
			stop()
			st, err := m.user.Status("INBOX", &imap.StatusOptions{NumUnseen: true})
			if err != nil {
				t.Fatal(err)
			}
			if *st.NumUnseen != unseen {
				t.Errorf("%d mails unseen, want %d", *st.NumUnseen, unseen)
			}
		})
	}
}

func TestNeverWorks(t *testing.T) {
	k := newKeeper(t)
	good := Server{Addr: "127.0.0.1:993", Password: func() (string, error) { return "", nil }}
	for want, change := range map[string]func(*Watcher){
		"missing port":         func(w *Watcher) { w.Addr = "host" },
		"unknown TLS":          func(w *Watcher) { w.TLS = "ssl" },
		"loopback":             func(w *Watcher) { w.TLS, w.Addr = TLSNone, "mail.example.com:143" },
		"login method":         func(w *Watcher) { w.Login = "ntlm" },
		"no password":          func(w *Watcher) { w.Password = nil },
		"unknown mark":         func(w *Watcher) { w.Mark = "deleted" },
		"Load, Save and Handl": func(w *Watcher) { w.Save = nil },
	} {
		w := k.watcher(good)
		change(w)
		if err := w.Run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

// TestCheckStages: how far a connection came is in the error.
func TestCheckStages(t *testing.T) {
	m := startMemory(t)
	m.add(alert("a"), time.Now().Add(-time.Minute))
	for _, tc := range []struct {
		stage   string
		refused bool
		change  func(*Server) string
	}{
		{StageDial, false, func(s *Server) string { s.Addr = "127.0.0.1:1"; return "" }},
		{StageTLS, false, func(s *Server) string { s.TLS = TLSImplicit; return "" }},
		{StageTLS, false, func(s *Server) string { s.TLS = TLSStart; return "" }},
		{StageLogin, true, func(s *Server) string { s.User = "x"; return "" }},
		{StageLogin, false, func(s *Server) string {
			s.Password = func() (string, error) { return "", errors.New("no file") }
			return ""
		}},
		{StageMailbox, false, func(*Server) string { return "Nowhere" }},
	} {
		s := m.login()
		box := tc.change(&s)
		_, err := Check(t.Context(), s, box)
		stage := (*StageError)(nil)
		if !errors.As(err, &stage) || stage.Stage != tc.stage || stage.Refused != tc.refused {
			t.Errorf("want %s: %v", tc.stage, err)
		}
	}
	rep, err := Check(t.Context(), m.login(), "")
	if err != nil || !rep.Idle || rep.Messages != 1 || time.Since(rep.Newest) > time.Hour || rep.UIDValidity == 0 {
		t.Errorf("%+v %v", rep, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Check(ctx, m.login(), ""); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}
