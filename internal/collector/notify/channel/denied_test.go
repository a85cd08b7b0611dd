package channel

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"rtmtgrab/internal/smtpout"
)

// A login that the mail server refuses is not tried again within seconds, for it locks the account; one that it
// cannot judge now is.
func TestLoginRefused(t *testing.T) {
	for answer, waits := range map[string]bool{"535 5.7.8 no": true, "454 4.7.0 later": false} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			fmt.Fprint(c, "220 hi\r\n")
			for in := bufio.NewScanner(c); in.Scan(); {
				switch {
				case strings.HasPrefix(in.Text(), "EHLO"):
					fmt.Fprint(c, "250-hi\r\n250 AUTH PLAIN\r\n")
				case strings.HasPrefix(in.Text(), "AUTH"):
					fmt.Fprint(c, answer+"\r\n")
				default:
					fmt.Fprint(c, "250 ok\r\n")
				}
			}
		}()
		m := &Mail{Server: &smtpout.Server{Addr: l.Addr().String(), TLS: smtpout.TLSNone, User: "grab", Password: func() (string, error) { return "wrong", nil }},
			From: "grab@example.com", To: []string{"a@example.com"}, Mark: func(string) (string, string) { return "X-Grab-Notice", "w" },
			ID: func(id, domain string) string { return "<grab." + id + "@" + domain + ">" }}
		n := note(KindSealed, filepath.Base(answer))
		err = m.Send(t.Context(), n)
		wait, ok := errors.AsType[*Wait](err)
		if err == nil || ok != waits || ok && wait.For != longestWait {
			t.Errorf("%s: %v, %+v", answer, err, wait)
		}
		l.Close()
		<-done
	}
}
