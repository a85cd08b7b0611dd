package channel

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"rtmtgrab/internal/smtpout"
)

// TestEachRecipient: one whom the server refuses for now keeps a notice from nobody, gets it as soon
// as the server takes it, and is not waited for without end; nobody gets it twice.
func TestEachRecipient(t *testing.T) {
	for _, c := range []struct {
		later int // refusals of bob
		want  string
		tries int
	}{
		{0, "ann+bob", 1}, {2, "ann bob", 3}, {99, "ann", maxLater},
	} {
		var mu sync.Mutex
		var mails []string
		m := &Mail{Server: &smtpout.Server{Addr: postOffice(t, func(who string) bool {
			mu.Lock()
			defer mu.Unlock()
			if who != "bob" || c.later == 0 {
				return true
			}
			c.later--
			return false
		}, func(to []string) {
			mu.Lock()
			defer mu.Unlock()
			mails = append(mails, strings.Join(to, "+"))
		}), TLS: smtpout.TLSNone}, From: "grab@example.com", To: []string{"ann@example.com", "bob@example.com"},
			Mark: func(string) (string, string) { return "X-Grab-Notice", "MARK" }, ID: func(id, domain string) string { return "<grab-notice." + id + "@" + domain + ">" }}
		tries := 1
		for ; m.Send(t.Context(), Notice{ID: "0123456789abcdef"}) != nil && tries < 50; tries++ {
		}
		mu.Lock()
		if got := strings.Join(mails, " "); got != c.want || tries != c.tries {
			t.Errorf("%q after %d tries, not %q after %d", got, tries, c.want, c.tries)
		}
		mu.Unlock()
	}
}

// postOffice is an SMTP server that takes mails for whom takes says, and tells for whom each was.
func postOffice(t *testing.T, takes func(who string) bool, got func(to []string)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { defer c.Close(); serveMail(c, takes, got) })
		}
	})
	return l.Addr().String()
}

func serveMail(c net.Conn, takes func(who string) bool, got func(to []string)) {
	fmt.Fprint(c, "220 hi\r\n")
	var to []string
	data := false
	for in := bufio.NewScanner(c); in.Scan(); {
		line := in.Text()
		who, named := strings.CutPrefix(line, "RCPT TO:<")
		who, _, _ = strings.Cut(who, "@")
		switch {
		case data && line != ".":
			continue
		case data:
			data = false
			got(to)
		case named && !takes(who):
			fmt.Fprint(c, "451 later\r\n")
			continue
		case named:
			to = append(to, who)
		case line == "DATA":
			data = true
			fmt.Fprint(c, "354 go\r\n")
			continue
		}
		fmt.Fprint(c, "250 ok\r\n")
	}
}
