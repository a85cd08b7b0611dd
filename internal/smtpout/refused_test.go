package smtpout

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"rtmtgrab/internal/denied"
)

// TestRefusals: what a server refuses for good and what it may take later can be told
// apart, and who is refused does not keep the mail from the others.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		at, say, stage string
		refused        bool // for good
	}{
		{"greeting", "554 no\r\n", StageDial, true}, {"greeting", "421 later\r\n", StageDial, false},
		{"EHLO", "550 no\r\n", StageDial, true}, {"EHLO", "421 later\r\n", StageDial, false},
		{"AUTH", "535 no\r\n", StageLogin, true}, {"AUTH", "454 later\r\n", StageLogin, false},
		{"MAIL", "550 no\r\n", StageSend, true}, {"MAIL", "451 later\r\n", StageSend, false},
		{"RCPT", "550 no\r\n", StageSend, true}, {"RCPT", "450 later\r\n", StageSend, false},
		{"DATA", "554 no\r\n", StageMessage, true}, {"DATA", "451 later\r\n", StageMessage, false},
		{".", "554 5.7.1 spam\r\n", StageMessage, true}, {".", "452 later\r\n", StageMessage, false},
	} {
		err := send(t.Context(), script(t, func(line string) string {
			if word, _, _ := strings.Cut(line, " "); word == c.at || word == "HELO" && c.at == "EHLO" {
				return c.say
			}
			return usual(line)
		}))
		if e, ok := errors.AsType[*Error](err); !ok || e.Stage != c.stage || e.Refused != c.refused || !strings.Contains(err.Error(), c.say[:3]) {
			t.Errorf("%s at %s: %v", c.say[:3], c.at, err)
		}
	}
	for say, want := range map[string]string{
		"550 no\r\n":    "[x@example.com y@example.com] [bad@example.com] [] <nil>",
		"450 later\r\n": "[x@example.com y@example.com] [] [bad@example.com] <nil>",
		"421 going\r\n": "[] [] [] smtp send: the server answered 421 going",
	} {
		var mails, named []string
		s := script(t, func(line string) string {
			switch {
			case strings.Contains(line, "bad@"):
				return say
			case strings.HasPrefix(line, "RCPT"):
				named = append(named, line)
			case line == ".":
				mails = append(mails, line)
			}
			return usual(line)
		})
		o, err := s.Send(t.Context(), "a@example.com", []string{"x@example.com", "bad@example.com", "y@example.com"}, []byte("Subject: x\r\n\r\ny\r\n"))
		if got := fmt.Sprint(o.Taken, " ", names(o.Refused), " ", names(o.Later), " ", err); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if err == nil && (len(mails) != 1 || len(named) != 2) {
			t.Errorf("%d mails, %q", len(mails), named)
		}
	}
	if names(nil) != nil || Said([]Refusal{{"a@example.com", errors.New("no")}}) != "a@example.com (no)" {
		t.Error(Said([]Refusal{{"a@example.com", errors.New("no")}}))
	}
}

// TestHandedIn: what happens after a server took the mail does not make it an error,
// for it would be sent again.
func TestHandedIn(t *testing.T) {
	for _, say := range []string{"421 going\r\n", "500 what\r\n", "\x00\r\n"} {
		taken := false
		s := script(t, func(line string) string {
			if taken {
				return say
			}
			taken = line == "."
			return usual(line)
		})
		if err := send(t.Context(), s); err != nil {
			t.Errorf("%q: %v", say, err)
		}
	}
}

// names are the recipients of refusals.
func names(list []Refusal) (to []string) {
	for _, r := range list {
		to = append(to, r.To)
	}
	return to
}

// TestRefusedLoginOutlivesItsSender: a sender that takes the place of another, as after a reload of the
// configuration, does not send at once the password again that was just refused; another one it does.
func TestRefusedLoginOutlivesItsSender(t *testing.T) {
	logins, book, right := 0, &denied.Book{}, false
	try := func(password string) error {
		t.Helper()
		s := script(t, func(line string) string {
			if strings.HasPrefix(line, "AUTH") {
				if logins++; !right {
					return "535 no\r\n"
				}
			}
			return usual(line)
		})
		addr := s.Addr
		s.dial = func(ctx context.Context, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		}
		s.Refused, s.Addr, s.User, s.Password = book, "127.0.0.1:25", "grab", func() (string, error) { return password, nil }
		return send(t.Context(), s)
	}
	for range 10 {
		if e, ok := errors.AsType[*Error](try("wrong")); !ok || !e.LoginRefused() {
			t.Errorf("%v", e)
		}
	}
	if try("another"); logins != 2 {
		t.Errorf("%d logins with two passwords", logins)
	}
	right = true
	for range 2 {
		if err := try("right"); err != nil {
			t.Error(err)
		}
	}
	if logins != 4 {
		t.Errorf("%d logins", logins)
	}
}
