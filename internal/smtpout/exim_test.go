package smtpout

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/testserver"
)

func message(t testing.TB, to ...string) []byte {
	t.Helper()
	b, err := Message{ID: "<grab-notice.00@example.com>", From: mail.Address{Name: "gräb", Address: "grab@example.com"}, To: to,
		Subject: "zwölf Köche\r\nBcc: evil@example.com", Text: "Grüße\n.\n.dot\nFrom x\n" + strings.Repeat("lang ", 300) + "\n"}.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// delivered waits for n mails in a Maildir and returns them.
func delivered(t testing.TB, d *testserver.Dovecot, n int) (mails [][]byte) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		names, err := filepath.Glob(filepath.Join(d.Dir, "mail", "new", "*"))
		if err != nil {
			t.Fatal(err)
		}
		if len(names) < n {
			continue
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			mails = append(mails, b)
		}
		return mails
	}
	t.Fatalf("%d mails never came", n)
	return nil
}

func server(e *testserver.Exim) *Server {
	return &Server{Addr: e.SMTPS, TLSConfig: e.ClientTLS(), User: e.User, Password: func() (string, error) { return e.Password, nil }}
}

func TestExim(t *testing.T) {
	d := testserver.StartDovecot(t, testserver.DovecotOptions{})
	e := testserver.StartExim(t, d)
	for i, mode := range []string{TLSImplicit, TLSStart} {
		s := server(e)
		if s.TLS = mode; mode == TLSStart {
			s.Addr = e.SMTP
		}
		if err := s.Check(t.Context()); err != nil {
			t.Fatal(mode, err)
		}
		o, err := s.Send(t.Context(), "grab@example.com", []string{d.User, "nobody@example.org"}, message(t, d.User))
		if err != nil || fmt.Sprint(o.Taken, names(o.Refused), o.Later) != fmt.Sprintf("[%s] [nobody@example.org] []", d.User) {
			t.Fatal(mode, o, err)
		}
		for _, raw := range delivered(t, d, i+1) {
			m, err := mail.ReadMessage(strings.NewReader(string(raw)))
			if err != nil {
				t.Fatal(err)
			}
			subject, _ := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
			text, _ := io.ReadAll(quotedprintable.NewReader(m.Body))
			if subject != "zwölf Köche  Bcc: evil@example.com" || m.Header.Get("Bcc") != "" || m.Header.Get("Auto-Submitted") != "auto-generated" ||
				!strings.HasPrefix(strings.ReplaceAll(string(text), "\r\n", "\n"), "Grüße\n.\n.dot\nFrom x\nlang ") {
				t.Errorf("%s", raw)
			}
		}
	}
	fails := func(stage string, refused bool, change func(*Server), to ...string) error {
		t.Helper()
		s := server(e)
		change(s)
		if len(to) == 0 {
			to = []string{d.User}
		}
		_, err := s.Send(t.Context(), "grab@example.com", to, message(t, d.User))
		if f := (*Error)(nil); !errors.As(err, &f) || f.Stage != stage || f.Refused != refused {
			t.Errorf("want %s: %v", stage, err)
		}
		if err != nil && (strings.Contains(err.Error(), e.Password) || strings.Contains(err.Error(), "wrong")) {
			t.Errorf("the password is in %v", err)
		}
		return err
	}
	fails(StageLogin, true, func(s *Server) { s.Password = func() (string, error) { return "wrong", nil } })
	fails(StageSend, true, func(s *Server) { s.User = "" })
	fails(StageSend, true, func(*Server) {}, "nobody@example.org")
	fails(StageLogin, false, func(s *Server) { s.Token = func(context.Context) (string, error) { return "wrong", nil } })
	fails(StageLogin, false, func(s *Server) { s.TLS, s.Addr = TLSNone, e.SMTP }) // no AUTH in the clear
	err := fails(StageTLS, false, func(s *Server) { s.TLS, s.Addr, s.TLSConfig = TLSStart, e.SMTP, nil })
	if unknown := (x509.UnknownAuthorityError{}); !errors.As(err, &unknown) {
		t.Error(err)
	}
	fails(StageTLS, false, func(s *Server) { s.TLSConfig = &tls.Config{} })
	fails(StageTLS, false, func(s *Server) { s.TLS, s.Addr = TLSNone, "192.0.2.1:25" })
	e.Stop()
	fails(StageDial, false, func(*Server) {})
}
