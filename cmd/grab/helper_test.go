package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/app/checkup"
	"rtmtgrab/internal/lab"
)

// result is how a run of the program ended.
type result struct {
	code     int
	out, err string
}

func (r result) String() string {
	return fmt.Sprintf("exit %d\nstdout:\n%s\nstderr:\n%s", r.code, r.out, r.err)
}

// runGrab runs the program in this process, with nobody to ask.
func runGrab(args ...string) result { return runGrabIn(strings.NewReader(""), args...) }

// runGrabIn is runGrab with an input.
func runGrabIn(in io.Reader, args ...string) result {
	var out, errOut bytes.Buffer
	code := run(make(chan struct{}), args, in, &out, &errOut)
	return result{code, out.String(), errOut.String()}
}

// decode reads the one JSON document on standard output into v.
func (r result) decode(t testing.TB, v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(r.out))
	if err := d.Decode(v); err != nil {
		t.Fatalf("%v\n%s", err, r)
	}
	if d.More() {
		t.Fatalf("more than one document\n%s", r)
	}
}

// labConfig is a configuration in a folder of its own, for Expressways (and a
// mailbox) of the laboratory. Fields may be changed before write.
type labConfig struct {
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

// newLab starts an Expressway for each config, with a key that may log in and two
// minutes of logs, and writes a configuration for them.
func newLab(t testing.TB, cfgs ...lab.ExpresswayConfig) *labConfig {
	t.Helper()
	login, err := lab.NewLogin()
	if err != nil {
		t.Fatal(err)
	}
	c := &labConfig{t: t, dir: t.TempDir(), login: login, window: "{before: 30s, after: 1s}"}
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

// withMail starts a mailbox.
func (c *labConfig) withMail() *labConfig {
	c.t.Helper()
	var err error
	if c.mail, err = lab.NewMailbox(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { c.mail.Close() })
	c.write()
	return c
}

// file writes a file, mode 0600, beside the configuration.
func (c *labConfig) file(name, text string) string {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	part := path + ".part" // whole or not there: a running watch may read it at any time
	if err := errors.Join(os.WriteFile(part, []byte(text), 0o600), os.Rename(part, path)); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// read is a file beside the configuration, empty if there is none.
func (c *labConfig) read(name string) string {
	c.t.Helper()
	b, err := os.ReadFile(filepath.Join(c.dir, name))
	if err != nil && !os.IsNotExist(err) {
		c.t.Fatal(err)
	}
	return string(b)
}

// write writes grab.yaml and what it names.
func (c *labConfig) write() {
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
func (c *labConfig) row(name string, e *lab.Expressway, more string) string {
	return fmt.Sprintf("      - {name: %s, role: %s, address: %q, logs: {dir: %q}%s}\n", name, e.Role(), e.Addr(), e.LogDir(), more)
}

// grab runs the program with this configuration.
func (c *labConfig) grab(args ...string) result {
	return runGrab(append([]string{"-c", c.path}, args...)...)
}

// check runs `grab check --json` and returns its document.
func (c *labConfig) check(args ...string) (checkup.Report, result) {
	c.t.Helper()
	r := c.grab(append([]string{"check", "--json", "--timeout", "5s"}, args...)...)
	var rep checkup.Report
	r.decode(c.t, &rep)
	if (r.code == 0) != rep.OK || r.code > 1 {
		c.t.Errorf("ok is %v, %s", rep.OK, r)
	}
	return rep, r
}

// findingOf is the finding of a host and a check, the zero one if there is none.
func findingOf(r checkup.Report, host, what string) checkup.Finding {
	for _, f := range r.Checks {
		if f.Host == host && f.What == what {
			return f
		}
	}
	return checkup.Finding{}
}

// wantFinding fails the test unless the finding is there, and says what it is to say.
func wantFinding(t testing.TB, r checkup.Report, host, what, status, detail, hint string) {
	t.Helper()
	f := findingOf(r, host, what)
	if f.Status != status || !strings.Contains(f.Detail, detail) || !strings.Contains(f.Hint, hint) || hint != "" && f.Hint == "" {
		t.Errorf("%s %s: %+v\nwant %s, %q, %q; all: %+v", host, what, f, status, detail, hint, r.Checks)
	}
}
