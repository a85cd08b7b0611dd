// Package testsite is a laboratory's site with a configuration for it, for tests: of the
// program as a whole and of what runs in it. It ends with the test that made it.
package testsite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/rtmt"
)

// Site is a configuration in a folder of its own, for Expressways (and a
// mailbox) of the laboratory. Fields may be changed before write.
type Site struct {
	T     testing.TB
	Dir   string
	Path  string // of grab.yaml
	Login *lab.Login
	Peers []*lab.Expressway
	Mail  *rtmt.Mailbox // nil: no mail:

	names  []string // of the hosts; nil: the peers'
	Known  []byte   // known_hosts; nil: the peers' present keys
	Window string   // zero: {before: 30s, after: 1s}
	Extra  string   // further lines at the top level
	Hosts  string   // in place of the peers' rows
}

// New starts an Expressway for each config, with a key that may log in and two
// minutes of logs, and writes a configuration for them.
func New(t testing.TB, cfgs ...lab.ExpresswayConfig) *Site {
	t.Helper()
	if testing.Short() {
		t.Skip("short tests do without a whole site")
	}
	login, err := lab.NewLogin()
	if err != nil {
		t.Fatal(err)
	}
	c := &Site{T: t, Dir: t.TempDir(), Login: login, Window: "{before: 30s, after: 1s}"}
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
		c.Peers = append(c.Peers, e)
	}
	c.Write()
	return c
}

// StartMail starts a mailbox, and names it in the configuration.
func (c *Site) StartMail() {
	c.T.Helper()
	var err error
	if c.Mail, err = rtmt.NewMailbox(c.T.Context()); err != nil {
		c.T.Fatal(err)
	}
	c.T.Cleanup(func() { c.Mail.Close() })
	c.Write()
}

// File writes a file, mode 0600, beside the configuration.
func (c *Site) File(name, text string) string {
	c.T.Helper()
	path := filepath.Join(c.Dir, name)
	part := path + ".part" // whole or not there: a running watch may read it at any time
	if err := errors.Join(os.WriteFile(part, []byte(text), 0o600), os.Rename(part, path)); err != nil {
		c.T.Fatal(err)
	}
	return path
}

// Read is a file beside the configuration, empty if there is none.
func (c *Site) Read(name string) string {
	c.T.Helper()
	b, err := os.ReadFile(filepath.Join(c.Dir, name))
	if err != nil && !os.IsNotExist(err) {
		c.T.Fatal(err)
	}
	return string(b)
}

// Write writes grab.yaml and what it names.
func (c *Site) Write() {
	c.T.Helper()
	c.File("id", string(c.Login.PEM))
	known := c.Known
	if known == nil {
		known = lab.KnownHosts(c.Peers...)
	}
	c.File("known_hosts", string(known))
	mail := ""
	if c.Mail != nil {
		c.File("imap.secret", c.Mail.Password+"\n")
		c.File("ca.pem", string(c.Mail.CAPEM()))
		mail = fmt.Sprintf("mail: {server: %q, ca_file: ca.pem, user: %q, password: {file: imap.secret}}\n", c.Mail.Addr(), c.Mail.User)
	}
	rows := c.Hosts
	for i, e := range c.Peers {
		name := e.Name()
		if c.names != nil {
			name = c.names[i]
		}
		if c.Hosts == "" {
			rows += c.Row(name, e, "")
		}
	}
	if !strings.Contains(c.Extra, "keep:") {
		mail += "keep: {free: 1MiB}\n" // the tests' disk may be nearly full
	}
	c.Path = c.File("grab.yaml", fmt.Sprintf("store: store\n%swindow: %s\nssh: {key: {file: id}, known_hosts: known_hosts}\n%s\nsites:\n  - name: hq\n    hosts:\n%s",
		mail, c.Window, c.Extra, rows))
}

// Row is a host's line; more holds further keys, each with a comma before it.
func (c *Site) Row(name string, e *lab.Expressway, more string) string {
	return fmt.Sprintf("      - {name: %s, role: %s, address: %q, logs: {dir: %q}%s}\n", name, e.Role(), e.Addr(), e.LogDir(), more)
}

// Replace changes the configuration's text.
func (c *Site) Replace(old, new string) {
	c.T.Helper()
	text := c.Read("grab.yaml")
	if !strings.Contains(text, old) {
		c.T.Fatalf("%q is not in %s", old, text)
	}
	c.File("grab.yaml", strings.Replace(text, old, new, 1))
}

// Socket is where the watcher of a configuration that says nothing of it answers.
func (c *Site) Socket() string { return filepath.Join(c.Dir, "store", "grab.sock") }
