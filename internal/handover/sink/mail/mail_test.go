package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/smtpout"
	"rtmtgrab/internal/testserver"
)

var bundle = sink.Artifact{Path: "/nowhere", Name: "20260302T141407Z-hq-3fa2c1.zip", Size: 5, SHA256: strings.Repeat("0", 64), ID: "0123456789abcdef0123456789abcdef", Case: "6123",
	Note: sink.Note{Subject: "hq: 1 phone partial\r\nBcc: evil@example.com", Text: "SEP00EBD5D5D8C6 is partial: a late keep-alive.\nCoverage complete.\n"}}

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func failed(t *testing.T, err error, cause sink.Cause, permanent, unknown bool) *sink.Error {
	t.Helper()
	e, ok := errors.AsType[*sink.Error](err)
	if !ok || e.Cause != cause || e.Permanent != permanent || e.Unknown != unknown {
		t.Fatalf("want %s (permanent: %v, unknown: %v), got %+v", cause, permanent, unknown, err)
	}
	return e
}

// arrived waits for n mails in the mailbox.
func arrived(t *testing.T, d *testserver.Dovecot, n int) (mails []*mail.Message) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		names, _ := filepath.Glob(filepath.Join(d.Dir, "mail", "new", "*"))
		if len(names) < n {
			continue
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			m, err := mail.ReadMessage(strings.NewReader(string(b)))
			if err != nil {
				t.Fatal(err)
			}
			mails = append(mails, m)
		}
		return mails
	}
	t.Fatalf("%d mails never came", n)
	return nil
}

func TestExim(t *testing.T) {
	d := testserver.StartDovecot(t, testserver.DovecotOptions{})
	e := testserver.StartExim(t, d)
	s := &Sink{From: "grab@example.com", To: []string{d.User}, Link: "https://share.example.com/grab/{name}?case={case}",
		Server: smtpout.Server{Addr: e.SMTPS, TLSConfig: e.ClientTLS(), User: e.User, Password: func() (string, error) { return e.Password, nil }}}
	if err := s.Check(deadline(t)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if r, err := s.Deliver(deadline(t), bundle); err != nil || r.Verified != sink.ByStatus || r.Place != "mail to "+d.User || r.Sent != 0 {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	mails := arrived(t, d, 2)
	for _, m := range mails {
		body, _ := io.ReadAll(m.Body)
		if id := m.Header.Get("Message-ID"); id != "<handover."+bundle.ID+"@example.com>" {
			t.Error(id)
		}
		if m.Header.Get("Bcc") != "" || !strings.Contains(string(body), "late keep-alive") || !strings.Contains(string(body), "https://share.example.com/grab/"+bundle.Name) {
			t.Errorf("%v\n%s", m.Header, body)
		}
	}

	s.To = []string{d.User, "nobody@example.net"}
	_, err := s.Deliver(deadline(t), bundle)
	if e := failed(t, err, sink.Rejected, true, true); !strings.Contains(e.Error(), "nobody@example.net") {
		t.Error(e)
	}
	arrived(t, d, 3)

	s.To = []string{"nobody@example.net"}
	_, err = s.Deliver(deadline(t), bundle)
	failed(t, err, sink.Rejected, true, false)

	s.To = []string{d.User}
	s.Server.Password = func() (string, error) { return "wr0ng-passw0rd", nil }
	_, err = s.Deliver(deadline(t), bundle)
	if e := failed(t, err, sink.Refused, true, false); strings.Contains(e.Error(), "wr0ng") {
		t.Error(e)
	}
	failed(t, s.Check(deadline(t)), sink.Refused, true, false)

	s.Server.TLSConfig = &tls.Config{RootCAs: x509.NewCertPool()}
	_, err = s.Deliver(deadline(t), bundle)
	failed(t, err, sink.Certificate, false, false)

	e.Stop()
	_, err = s.Deliver(deadline(t), bundle)
	failed(t, err, sink.Unreachable, false, false)
}

// A script is an SMTP server that says what it is told to, and hangs up at its end.
func script(t *testing.T, answers ...string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(30 * time.Second))
		b := make([]byte, 64<<10)
		for i, a := range answers {
			if i > 0 {
				var all string
				for !strings.HasSuffix(all, "\r\n") || strings.HasPrefix(answers[i-1], "354") && !strings.HasSuffix(all, "\r\n.\r\n") {
					n, err := c.Read(b)
					if err != nil {
						return
					}
					all += string(b[:n])
				}
			}
			if a == "" {
				return
			}
			io.WriteString(c, a+"\r\n")
		}
		io.Copy(io.Discard, c)
	}()
	return l.Addr().String()
}

// TestEachRecipient: one whom the server refuses, for now or for good, keeps the mail from nobody;
// who has it is not asked for again.
func TestEachRecipient(t *testing.T) {
	s := &Sink{From: "grab@example.com", To: []string{"a@example.com", "b@example.com", "c@example.com"}}
	a := bundle
	deliver := func(answers ...string) error {
		t.Helper()
		all := append([]string{"220 hi", "250 hi", "250 ok"}, answers...)
		s.Server = smtpout.Server{Addr: script(t, all...), TLS: smtpout.TLSNone}
		r, err := s.Deliver(deadline(t), a)
		a.Reached = append(a.Reached, r.Reached...)
		return err
	}
	took := []string{"354 go on", "250 taken", "221 bye"}
	err := deliver(append([]string{"250 ok", "451 greylisted", "550 unknown"}, took...)...)
	e := failed(t, err, sink.Busy, false, false)
	if !e.Alone || !strings.Contains(e.Error(), "b@example.com (smtp send: the server answered 451 greylisted)") || !strings.Contains(e.Error(), "c@example.com") || strings.Contains(e.Error(), "a@example.com") {
		t.Fatal(e)
	}
	if got := strings.Join(a.Reached, " "); got != "a@example.com" {
		t.Fatal(got)
	}
	err = deliver(append([]string{"250 ok", "550 unknown"}, took...)...) // b and c alone: else the answers are one too few
	e = failed(t, err, sink.Rejected, true, true)
	if got := strings.Join(a.Reached, " "); got != "a@example.com b@example.com" || strings.Contains(e.Error(), "b@example.com") {
		t.Fatal(got, e)
	}
	e = failed(t, deliver("550 unknown"), sink.Rejected, true, true)
	if !strings.Contains(e.Error(), "other recipients have the mail") {
		t.Fatal(e)
	}
	if err := deliver(append([]string{"250 ok"}, took...)...); err != nil {
		t.Fatal(err)
	}
	if err := deliver(); err != nil { // everybody has it: nothing is asked
		t.Fatal(err)
	}
}

// TestOutcomes: what is known of a mail whose way was cut short.
func TestOutcomes(t *testing.T) {
	ok := []string{"220 hi", "250 hi", "250 ok", "250 ok", "354 go on"}
	for _, c := range []struct {
		name               string
		answers            []string
		cause              sink.Cause
		permanent, unknown bool
	}{
		{"greylisted", []string{"220 hi", "250 hi", "250 ok", "451 later"}, sink.Busy, false, false},
		{"too many", []string{"421 later"}, sink.Busy, false, false},
		{"refused as spam", append(ok[:5:5], "554 no"), sink.Rejected, true, false},
		{"later, all read", append(ok[:5:5], "451 later"), sink.Busy, false, false},
		{"hung up, all read", append(ok[:5:5], ""), sink.Unreachable, false, true},
		{"hung up before", append(ok[:3:3], ""), sink.Unreachable, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &Sink{From: "grab@example.com", To: []string{"a@example.com"}, Server: smtpout.Server{Addr: script(t, c.answers...), TLS: smtpout.TLSNone}}
			_, err := s.Deliver(deadline(t), bundle)
			failed(t, err, c.cause, c.permanent, c.unknown)
		})
	}
}

func TestStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(deadline(t))
	s := &Sink{From: "grab@example.com", To: []string{"a@example.com"}, Server: smtpout.Server{Addr: script(t, "220 hi"), TLS: smtpout.TLSNone}}
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := s.Deliver(ctx, bundle); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}
