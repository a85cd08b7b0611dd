package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rtmtgrab/internal/lab"
)

// A mailbox whose login was refused is connected again as soon as a check over the
// socket has found it well: the next attempt of its own is minutes away.
func TestCheckMendsMailbox(t *testing.T) {
	c := newLab(t, lab.ExpresswayConfig{Role: "C"}).withMail()
	c.write()
	secret := filepath.Join(c.dir, "imap.secret")
	good, err := os.ReadFile(secret)
	if err != nil {
		t.Fatal(err)
	}
	c.file("imap.secret", "wrong\n")
	c.watching(c.socket())
	waitFor(t, "refused", func() bool { return strings.Contains(c.grab("status").out, "is down: mailbox login: user") })
	c.file("imap.secret", string(good))
	if r := c.grab("check"); !strings.Contains(r.err, through) || strings.Contains(r.out, "FAIL") {
		t.Fatal(r)
	}
	waitFor(t, "connected", func() bool { return strings.Contains(c.grab("status").out, "connected since") })
}
