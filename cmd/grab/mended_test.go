//go:build !windows

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testsite"
)

// A mailbox whose login was refused is connected again as soon as a check over the
// socket has found it well: the next attempt of its own is minutes away.
func TestCheckMendsMailbox(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{Role: "C"}).withMail()
	c.Write()
	secret := filepath.Join(c.Dir, "imap.secret")
	good, err := os.ReadFile(secret)
	if err != nil {
		t.Fatal(err)
	}
	c.File("imap.secret", "wrong\n")
	c.watching(c.Socket())
	testsite.Until(t, "refused", func() bool { return strings.Contains(c.grab("status").out, "is down: mailbox login: user") })
	c.File("imap.secret", string(good))
	if r := c.grab("check"); !strings.Contains(r.err, through) || strings.Contains(r.out, "FAIL") {
		t.Fatal(r)
	}
	if out := c.grab("status").out; !strings.Contains(out, "SIP bodies logged: yes") {
		t.Errorf("status does not say what the check has seen:\n%s", out)
	}
	testsite.Until(t, "connected", func() bool { return strings.Contains(c.grab("status").out, "connected since") })
}
