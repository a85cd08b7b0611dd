package config

import (
	"cmp"
	"testing"
	"time"
)

// Where a drill's mail goes to and comes from, if nothing says so.
func TestDrilling(t *testing.T) {
	smtp := "smtp: {server: smtp.example.com, from: grab@example.com}\n"
	for _, c := range []struct{ name, text, to, from string }{
		{"a mailbox", minimal + "mail: {server: h, user: rtmt@example.com, password: {file: imap.secret}}\n", "rtmt@example.com", ""},
		{"no address", minimal + "mail: {server: h, user: u, password: {file: imap.secret}}\n", "", ""},
		{"a canary", minimal + smtp + "mail: {server: h, user: u, password: {file: imap.secret}, canary: {to: box@example.com}}\n", "box@example.com", "grab@example.com"},
		{"senders", minimal + "mail: {server: h, user: u@example.com, password: {file: imap.secret}}\nalerts: {from: ['@a.example.com', cucm@example.com]}\n", "u@example.com", "cucm@example.com"},
		{"domains", minimal + "mail: {server: h, user: u@example.com, password: {file: imap.secret}}\nalerts: {from: ['@a.example.com']}\n", "u@example.com", "rtmt@a.example.com"},
		{"as given", minimal + smtp + "mail: {server: h, user: u@example.com, password: {file: imap.secret}}\ndrill: {to: t@example.com, from: f@example.com}\n", "t@example.com", "f@example.com"},
	} {
		cfg := mustLoad(t, c.text)
		d := cfg.Drilling()
		if to := cmp.Or(d.To, cfg.Mails[0].Address()); to != c.to || d.From != c.from || d.At != 3*time.Hour || d.Every != 0 {
			t.Errorf("%s: %+v", c.name, d)
		}
	}
}
