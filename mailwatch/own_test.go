package mailwatch

import (
	"context"
	"slices"
	"strings"
	"testing"

	"rtmtgrab/internal/testserver"
)

// TestDovecotOwn: every new mail is asked about, once; what is none stays away from
// the alerts; what is to be removed goes, and nothing else does.
func TestDovecotOwn(t *testing.T) {
	for _, uidplus := range []bool{true, false} {
		opts := testserver.DovecotOptions{}
		if !uidplus {
			opts.ExtraCfg = "imap_capability = IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE LITERAL+ IDLE\n"
		}
		d, k := testserver.StartDovecot(t, opts), newKeeper(t)
		w := k.watcher(dovecotServer(d))
		var asked []string
		w.Delete = true
		w.Own = func(_ context.Context, l Letter) Verdict {
			k.mu.Lock()
			defer k.mu.Unlock()
			asked = append(asked, l.Cluster+l.Field("X-Own"))
			switch l.Field("x-own") {
			case "pass":
				return Pass
			case "remove":
				return Remove
			}
			return Look
		}
		mail := func(name, own string) []byte {
			return []byte(strings.Replace(string(alert(name)), "Subject:", "X-Own: "+own+"\r\nFrom: <cucm@example.com>\r\nSubject:", 1))
		}
		d.Deliver("", mail("a", "look"))
		d.Deliver("", mail("b", "remove"))
		d.Deliver("", mail("c", "pass"))
		d.Deliver("", []byte("From: x@example.org\nSubject: other\n\nx\n"))
		d.Deliver("", mail("d", "look"))
		stop := k.run(w)
		k.gets("a", "d")
		k.scanned()
		d.Deliver("", mail("e", "remove")) // while it idles
		d.Deliver("", mail("f", "look"))
		k.gets("a", "d", "f")
		k.scanned()
		stop()
		if want := []string{"alook", "bremove", "cpass", "", "dlook", "eremove", "flook"}; !slices.Equal(asked, want) {
			t.Errorf("asked %q, want %q", asked, want)
		}
		left, warnings := 7, 1
		if uidplus {
			left, warnings = 5, 0
		}
		if flags := d.Flags(""); len(flags) != left || slices.ContainsFunc(flags, func(f string) bool { return f != "" }) {
			t.Errorf("UIDPLUS %v: flags %q are left, want %d mails", uidplus, flags, left)
		}
		if n := k.lines("cannot remove mail"); n != warnings {
			t.Errorf("UIDPLUS %v: %d lines say that a mail could not be removed\n%s", uidplus, n, k.log.String())
		}
	}
}
