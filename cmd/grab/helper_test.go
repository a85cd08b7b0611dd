package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"rtmtgrab/internal/app/checkup"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testsite"
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

// labConfig is a laboratory's site on which the program is run.
type labConfig struct{ *testsite.Site }

// newLab makes a laboratory's site.
func newLab(t testing.TB, cfgs ...lab.ExpresswayConfig) *labConfig {
	t.Helper()
	return &labConfig{testsite.New(t, cfgs...)}
}

// withMail starts a mailbox.
func (c *labConfig) withMail() *labConfig {
	c.T.Helper()
	c.StartMail()
	return c
}

// grab runs the program with this configuration.
func (c *labConfig) grab(args ...string) result {
	return runGrab(append([]string{"-c", c.Path}, args...)...)
}

// check runs `grab check --json` and returns its document.
func (c *labConfig) check(args ...string) (checkup.Report, result) {
	c.T.Helper()
	r := c.grab(append([]string{"check", "--json", "--timeout", "1m"}, args...)...)
	var rep checkup.Report
	r.decode(c.T, &rep)
	if (r.code == 0) != rep.OK || r.code > 1 {
		c.T.Errorf("ok is %v, %s", rep.OK, r)
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
