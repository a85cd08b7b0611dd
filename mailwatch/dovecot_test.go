package mailwatch

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/testserver"
)

func dovecotServer(d *testserver.Dovecot) Server {
	return Server{Addr: d.IMAPS, TLSConfig: d.ClientTLS(), User: d.User, Password: func() (string, error) { return d.Password, nil }}
}

// TestDovecotIdle: delivered by push, well before any poll.
func TestDovecotIdle(t *testing.T) {
	d, k := testserver.StartDovecot(t, testserver.DovecotOptions{}), newKeeper(t)
	d.Deliver("", alert("before"))
	w := k.watcher(dovecotServer(d))
	k.run(w)
	k.gets("before")
	k.scanned()
	want, pushed := []string{"before"}, 0
	for i := 0; i < 10 && pushed < 2; i++ { // on a busy machine a push may be late, but not nine of ten
		want = append(want, fmt.Sprint("mail", i))
		d.Deliver("", alert(want[len(want)-1]))
		start := time.Now()
		k.gets(want...)
		if time.Since(start) < cycle/2 { // the next look without IDLE would be a cycle away
			pushed++
		}
	}
	if pushed < 2 {
		t.Errorf("%d of %d mails were pushed, the others came with the next look", pushed, len(want)-1)
	}
	if k.lines("mailbox connected") != 1 || k.lines("level=WARN") != 0 {
		t.Error(k.log.String())
	}
	if flags := d.Flags(""); slices.ContainsFunc(flags, func(f string) bool { return f != "" }) || len(flags) != len(want) {
		t.Errorf("the mails have flags %q", flags)
	}
}

func TestDovecotPoll(t *testing.T) {
	d, k := testserver.StartDovecot(t, testserver.DovecotOptions{NoIdle: true}), newKeeper(t)
	w := k.watcher(dovecotServer(d))
	w.Poll = 300 * time.Millisecond
	k.run(w)
	k.scanned()
	k.mu.Lock()
	if k.state.Idle {
		t.Error("idles")
	}
	k.mu.Unlock()
	d.Deliver("", alert("one"))
	k.gets("one")
}

// TestDovecotLogins: every way in, over both kinds of TLS.
func TestDovecotLogins(t *testing.T) {
	d := testserver.StartDovecot(t, testserver.DovecotOptions{Password: `pä"ss\ wörd`})
	d.Deliver("Alerts", alert("a"))
	for _, mode := range []string{"", TLSImplicit, TLSStart, TLSNone} {
		for _, login := range []string{"", LoginAuto, LoginPlain, LoginLogin} {
			t.Run(mode+"/"+login, func(t *testing.T) {
				s := dovecotServer(d)
				if s.TLS = mode; mode == TLSStart || mode == TLSNone {
					s.Addr = d.IMAP
				}
				s.Login = login
				rep, err := Check(t.Context(), s, "Alerts")
				if err != nil || rep.Messages != 1 || !rep.Idle || (rep.TLS == "") != (mode == TLSNone) {
					t.Errorf("%+v %v", rep, err)
				}
			})
		}
	}
}

func TestDovecotRefuses(t *testing.T) {
	d := testserver.StartDovecot(t, testserver.DovecotOptions{})
	check := func(want string, refused bool, change func(*Server) string) error {
		t.Helper()
		s := dovecotServer(d)
		box := change(&s)
		_, err := Check(t.Context(), s, box)
		stage := (*StageError)(nil)
		if !errors.As(err, &stage) || stage.Stage != want || stage.Refused != refused {
			t.Errorf("want %s: %v", want, err)
		}
		return err
	}
	for _, way := range []string{LoginPlain, LoginLogin} {
		check(StageLogin, true, func(s *Server) string {
			s.Login, s.Password = way, func() (string, error) { return "wrong", nil }
			return ""
		})
	}
	check(StageMailbox, false, func(*Server) string { return "Nowhere" })
	for _, mode := range []string{TLSImplicit, TLSStart} {
		err := check(StageTLS, false, func(s *Server) string {
			if s.TLSConfig, s.TLS = nil, mode; mode == TLSStart {
				s.Addr = d.IMAP
			}
			return ""
		})
		if unknown := (x509.UnknownAuthorityError{}); !errors.As(err, &unknown) {
			t.Errorf("%v", err)
		}
	}
	err := check(StageTLS, false, func(s *Server) string {
		s.TLSConfig = d.ClientTLS()
		s.TLSConfig.ServerName = "mail.example.com"
		return ""
	})
	if name := (x509.HostnameError{}); !errors.As(err, &name) {
		t.Errorf("%v", err)
	}
	check(StageTLS, false, func(s *Server) string {
		s.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS13, MaxVersion: tls.VersionTLS12}
		return ""
	})
}

// TestDovecotRestart in the middle: what was delivered meanwhile comes, once.
func TestDovecotRestart(t *testing.T) {
	d, k := testserver.StartDovecot(t, testserver.DovecotOptions{}), newKeeper(t)
	s := dovecotServer(d)
	s.TLS, s.Addr = TLSStart, d.IMAP
	k.run(k.watcher(s))
	k.scanned()
	d.Deliver("", alert("before"))
	k.gets("before")
	d.Stop()
	k.until("down", func() bool { return k.state.Event == EventDown })
	d.Deliver("", alert("meanwhile"))
	d.Start()
	k.gets("before", "meanwhile")
	k.scanned()
	d.Deliver("", alert("after"))
	k.gets("before", "meanwhile", "after")
	k.until("three mails, each handed over once", func() bool { return len(k.mails) == 3 })
	if down, back := k.lines("mailbox is down"), k.lines("mailbox is back"); down != 1 || back != 1 {
		t.Errorf("%d lines that it is down, %d that it is back:\n%s", down, back, k.log.String())
	}
}

// TestDovecotUIDValidity: after a mailbox was renumbered nothing is lost, what
// was seen is told apart by its ID, and what is older than a day stays away.
func TestDovecotUIDValidity(t *testing.T) {
	d, k := testserver.StartDovecot(t, testserver.DovecotOptions{}), newKeeper(t)
	stop := k.run(k.watcher(dovecotServer(d)))
	k.scanned()
	for _, name := range []string{"a", "b"} {
		d.Deliver("", alert(name))
	}
	k.gets("a", "b")
	k.scanned()
	var was Cursor
	k.until("a cursor", func() bool { was = k.cursor; return true })
	d.SetUIDValidity("", was.UIDValidity+1000)
	d.Deliver("", alert("c"))
	k.gets("a", "b", "c")
	k.until("the cursor", func() bool { return k.cursor.UIDValidity == was.UIDValidity+1000 && k.cursor.UID == 3 })
	stop()
	if k.lines("renumbered") != 1 {
		t.Error(k.log.String())
	}
	var uids []string
	for _, m := range k.mails {
		uids = append(uids, fmt.Sprint(m.UIDValidity-was.UIDValidity, ":", m.UID, m.Alert.Cluster))
	}
	if got := strings.Join(uids, " "); !strings.HasPrefix(got, "0:1 a 0:2 b ") && !strings.HasPrefix(got, "0:1a 0:2b ") {
		t.Error(got)
	}
}

// TestDovecotLowerUIDs: a mailbox restored from a backup with lower UIDs and
// the same UIDVALIDITY is looked through too.
func TestDovecotLowerUIDs(t *testing.T) {
	d, k := testserver.StartDovecot(t, testserver.DovecotOptions{}), newKeeper(t)
	d.SetUIDValidity("", 77)
	k.cursor, k.have = Cursor{UIDValidity: 77, UID: 500, LastInternal: time.Now()}, true
	d.Deliver("", alert("a"))
	k.run(k.watcher(dovecotServer(d)))
	k.gets("a")
	d.Deliver("", alert("b"))
	k.gets("a", "b")
}

func TestDovecotMarks(t *testing.T) {
	d := testserver.StartDovecot(t, testserver.DovecotOptions{})
	d.Deliver("", []byte("Subject: other\n\nx\n"))
	d.Deliver("", alert("a"))
	for _, tc := range []struct{ mark, flags string }{{MarkNone, ""}, {MarkSeen, "S"}, {MarkFlagged, "FS"}} {
		k := newKeeper(t)
		w := k.watcher(dovecotServer(d))
		w.Mark = tc.mark
		stop := k.run(w)
		k.gets("a")
		k.scanned()
		stop()
		if flags := d.Flags(""); !slices.Equal(flags, []string{"", tc.flags}) {
			t.Errorf("mark %s: flags %q, want %q", tc.mark, flags, tc.flags)
		}
	}
}

// TestDovecotWrongPassword: one attempt, then a long wait.
func TestDovecotWrongPassword(t *testing.T) {
	d, k := testserver.StartDovecot(t, testserver.DovecotOptions{}), newKeeper(t)
	s := dovecotServer(d)
	s.Password = func() (string, error) { return "wrong", nil }
	k.run(k.watcher(s))
	k.until("down", func() bool { return k.state.Event == EventDown })
	k.mu.Lock()
	defer k.mu.Unlock()
	stage := (*StageError)(nil)
	if !errors.As(k.state.Err, &stage) || !stage.Refused || time.Until(k.state.Retry) < 3*time.Minute {
		t.Errorf("%+v", k.state)
	}
}

// TestDovecotBegan: the cursor of a mailbox without a mail says that its time is no mail's.
func TestDovecotBegan(t *testing.T) {
	d, k := testserver.StartDovecot(t, testserver.DovecotOptions{}), newKeeper(t)
	stop := k.run(k.watcher(dovecotServer(d)))
	k.scanned()
	stop()
	if !k.have || !k.cursor.Began {
		t.Errorf("no mail was there: %+v", k.cursor)
	}
	d.Deliver("", alert("a"))
	k.run(k.watcher(dovecotServer(d)))
	k.until("a cursor behind the mail", func() bool { return !k.cursor.Began })
}
