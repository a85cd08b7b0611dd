package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"rtmtgrab/internal/lab"
	"strings"
	"testing"
	"time"
)

// labSite is a configuration in a folder of its own, for Expressways (and a
// mailbox) of the laboratory. Fields may be changed before write.
type labSite struct {
	t     testing.TB
	dir   string
	path  string // of grab.yaml
	login *lab.Login
	peers []*lab.Expressway
	mail  *lab.Mailbox // nil: no mail:

	names  []string // of the hosts; nil: the peers'
	known  []byte   // known_hosts; nil: the peers' present keys
	window string   // zero: {before: 30s, after: 1s}
	extra  string   // further lines at the top level
	hosts  string   // in place of the peers' rows
}

// newLabSite starts an Expressway for each config, with a key that may log in and two
// minutes of logs, and writes a configuration for them.
func newLabSite(t testing.TB, cfgs ...lab.ExpresswayConfig) *labSite {
	t.Helper()
	login, err := lab.NewLogin()
	if err != nil {
		t.Fatal(err)
	}
	c := &labSite{t: t, dir: t.TempDir(), login: login, window: "{before: 30s, after: 1s}"}
	for _, cfg := range cfgs {
		if cfg.AuthorizedKey == nil && cfg.Password == "" {
			cfg.AuthorizedKey = login.Public
		}
		if cfg.Logs.Rate == 0 {
			cfg.Logs.Rate = 20
		}
		e, err := lab.NewExpressway(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { e.Close() })
		e.Backfill(time.Now().Add(-2 * time.Minute))
		c.peers = append(c.peers, e)
	}
	c.write()
	return c
}

// startMail starts a mailbox, and names it in the configuration.
func (c *labSite) startMail() {
	c.t.Helper()
	var err error
	if c.mail, err = lab.NewMailbox(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { c.mail.Close() })
	c.write()
}

// file writes a file, mode 0600, beside the configuration.
func (c *labSite) file(name, text string) string {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	part := path + ".part" // whole or not there: a running watch may read it at any time
	if err := errors.Join(os.WriteFile(part, []byte(text), 0o600), os.Rename(part, path)); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// read is a file beside the configuration, empty if there is none.
func (c *labSite) read(name string) string {
	c.t.Helper()
	b, err := os.ReadFile(filepath.Join(c.dir, name))
	if err != nil && !os.IsNotExist(err) {
		c.t.Fatal(err)
	}
	return string(b)
}

// write writes grab.yaml and what it names.
func (c *labSite) write() {
	c.t.Helper()
	c.file("id", string(c.login.PEM))
	known := c.known
	if known == nil {
		known = lab.KnownHosts(c.peers...)
	}
	c.file("known_hosts", string(known))
	mail := ""
	if c.mail != nil {
		c.file("imap.secret", c.mail.Password+"\n")
		c.file("ca.pem", string(c.mail.CAPEM()))
		mail = fmt.Sprintf("mail: {server: %q, ca_file: ca.pem, user: %q, password: {file: imap.secret}}\n", c.mail.Addr(), c.mail.User)
	}
	rows := c.hosts
	for i, e := range c.peers {
		name := e.Name()
		if c.names != nil {
			name = c.names[i]
		}
		if c.hosts == "" {
			rows += c.row(name, e, "")
		}
	}
	c.path = c.file("grab.yaml", fmt.Sprintf("store: store\n%swindow: %s\nssh: {key: {file: id}, known_hosts: known_hosts}\n%s\nsites:\n  - name: hq\n    hosts:\n%s",
		mail, c.window, c.extra, rows))
}

// row is a host's line; more holds further keys, each with a comma before it.
func (c *labSite) row(name string, e *lab.Expressway, more string) string {
	return fmt.Sprintf("      - {name: %s, role: %s, address: %q, logs: {dir: %q}%s}\n", name, e.Role(), e.Addr(), e.LogDir(), more)
}

// replace changes the configuration's text.
func (c *labSite) replace(old, new string) {
	c.t.Helper()
	text := c.read("grab.yaml")
	if !strings.Contains(text, old) {
		c.t.Fatalf("%q is not in %s", old, text)
	}
	c.file("grab.yaml", strings.Replace(text, old, new, 1))
}

// socket is where the watcher of a configuration that says nothing of it answers.
func (c *labSite) socket() string { return filepath.Join(c.dir, "store", "grab.sock") }
