package smtpout

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"
)

// script is a server in the clear that answers each command by a function; "" hangs.
func script(t *testing.T, answer func(line string) string) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			wg.Go(func() {
				defer c.Close()
				fmt.Fprint(c, answer("greeting"))
				in := bufio.NewScanner(c)
				for in.Scan() {
					fmt.Fprint(c, answer(in.Text()))
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return &Server{Addr: l.Addr().String(), TLS: TLSNone, User: "u", Password: func() (string, error) { return "s3cret-pw", nil }}
}

// usual is a server that takes everything.
func usual(line string) string {
	switch word, _, _ := strings.Cut(line, " "); strings.ToUpper(word) {
	case "GREETING":
		return "220 hi\r\n"
	case "EHLO":
		return "250-x\r\n250 AUTH PLAIN XOAUTH2\r\n"
	case "AUTH":
		return "235 ok\r\n"
	case "DATA":
		return "354 go\r\n"
	case "*":
		return "501 as you wish\r\n"
	case "MAIL", "RCPT", ".":
		return "250 ok\r\n"
	case "QUIT":
		return "221 bye\r\n"
	}
	return ""
}

func send(ctx context.Context, s *Server) error {
	_, err := s.Send(ctx, "a@example.com", []string{"b@example.com"}, []byte("Subject: x\r\n\r\ny\r\n"))
	return err
}

func TestUsual(t *testing.T) {
	if err := send(t.Context(), script(t, usual)); err != nil {
		t.Fatal(err)
	}
	s := script(t, func(line string) string {
		if strings.HasPrefix(line, "AUTH") {
			want := "AUTH XOAUTH2 " + base64.StdEncoding.EncodeToString([]byte("user=u\x01auth=Bearer tok3n\x01\x01"))
			if line != want {
				return "535 got " + line + "\r\n"
			}
		}
		return usual(line)
	})
	s.Token = func(context.Context) (string, error) { return "tok3n", nil }
	if err := send(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

// TestHostile: whatever a server does, Send ends, and says nothing secret.
func TestHostile(t *testing.T) {
	at := func(prefix, say string) func(string) string {
		return func(line string) string {
			if strings.HasPrefix(line, prefix) {
				return say
			}
			return usual(line)
		}
	}
	plain := base64.StdEncoding.EncodeToString([]byte("\x00u\x00s3cret-pw"))
	endless := strings.Repeat("250-more\r\n", maxHeard/8)
	for _, c := range []struct {
		name   string
		answer func(string) string
		want   string
		mode   string
	}{
		{"echo of the login", func(line string) string {
			if strings.HasPrefix(line, "AUTH") {
				return "535 5.7.8 no: " + line + " s3cret-pw\r\n"
			}
			return usual(line)
		}, "535 no: AUTH PLAIN *** ***", ""},
		{"no STARTTLS", usual, "STARTTLS", TLSStart},
		{"STARTTLS refused", func(line string) string {
			if strings.HasPrefix(line, "EHLO") {
				return "250-x\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"
			}
			if strings.HasPrefix(line, "STARTTLS") {
				return "454 later\r\n"
			}
			return usual(line)
		}, "454", TLSStart},
		{"endless answer", at("EHLO", endless), "more than", ""},
		{"endless line", at("MAIL", "250 "+strings.Repeat("x", maxHeard)), "smtp send", ""},
		{"nonsense", at("RCPT", "\x00\xff\r\n"), "smtp send", ""},
		{"control characters", at("RCPT", "550 \x1b[2Jno\r\n"), "550  [2Jno", ""},
		{"gone", func(string) string { return "" }, "took too long", ""},
		{"silent at the end", func(line string) string {
			if line == "." {
				return ""
			}
			return usual(line)
		}, "took too long", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := script(t, c.answer)
			if c.mode != "" {
				s.TLS = c.mode
			}
			limit := time.Minute
			if strings.Contains(c.want, "took") {
				limit = 100 * time.Millisecond
			}
			ctx, cancel := context.WithTimeoutCause(t.Context(), limit, errors.New("took too long"))
			defer cancel()
			err := send(ctx, s)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
			if err != nil && (strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), plain) || len(err.Error()) > 600) {
				t.Errorf("it says %v", err)
			}
		})
	}
}

func TestMessageTakesNoInjection(t *testing.T) {
	good := Message{ID: "<a.1@x>", From: mail.Address{Address: "a@x"}, To: []string{"b@x"}, Subject: "s", Text: "t"}
	if _, err := good.Bytes(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Message){
		"id":         func(m *Message) { m.ID = "<a@x>\r\nBcc: c@x" },
		"to":         func(m *Message) { m.To = []string{"b@x>\r\nBcc: <c@x"} },
		"list":       func(m *Message) { m.To = []string{"b@x,c@x"} },
		"nobody":     func(m *Message) { m.To = nil },
		"from":       func(m *Message) { m.From.Address = "a@x\r\nBcc: c@x" },
		"field name": func(m *Message) { m.Fields = [][2]string{{"X: y\r\nBcc", "c@x"}} },
		"field":      func(m *Message) { m.Fields = [][2]string{{"X", "y\r\nBcc: c@x"}} },
	} {
		m := good
		change(&m)
		if b, err := m.Bytes(); err == nil {
			t.Errorf("%s: %s", name, b)
		}
	}
	m := good
	m.Subject, m.From.Name = "x\r\nBcc: c@x\r\n\r\nbody "+strings.Repeat("ü", 500), "n\r\nBcc: c@x"
	b, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := mail.ReadMessage(strings.NewReader(string(b)))
	if err != nil || parsed.Header.Get("Bcc") != "" || len(parsed.Header["Subject"]) != 1 {
		t.Errorf("%v %s", err, b)
	}
	for line := range strings.SplitSeq(string(b), "\r\n") {
		if len(line) > 998 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}
