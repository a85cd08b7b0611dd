package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
)

// openOld makes a site of the data of an earlier version.
func openOld(t testing.TB, version string) (*oldSite, oldMeta) {
	t.Helper()
	data := filepath.Join("testdata", version)
	var meta oldMeta
	b, err := os.ReadFile(filepath.Join(data, "meta.json"))
	if err == nil {
		err = json.Unmarshal(b, &meta)
	}
	if err != nil {
		t.Fatal(err)
	}
	if time.Now().Before(meta.Written) {
		t.Skipf("the clock of this machine is before %v, when the data was written", meta.Written)
	}
	s := newOldSite(t, func(host, dir string) lab.LogConfig {
		for name, mtime := range meta.Logs {
			name, ok := strings.CutPrefix(name, host+"/")
			if !ok {
				continue
			}
			copyTree(t, filepath.Join(data, "logs", host), dir, func(name string, text []byte) (string, []byte) {
				if host == "expc01" { // what was copied of it is gone there
					text = since(text, meta.Copied)
				}
				return name, text
			})
			if err := os.Chtimes(filepath.Join(dir, name), mtime, mtime); err != nil {
				t.Fatal(err)
			}
		}
		if host == "expc03" {
			return lab.LogConfig{Rate: 1} // all that it had is gone
		}
		return lab.LogConfig{}
	})
	s.hosts["expc03"].Backfill(time.Now().Add(-2 * time.Second))
	s.copyStore(data, meta)
	s.write()
	return s, meta
}

// copyStore copies the store of the data to where the site has it.
func (s *oldSite) copyStore(data string, meta oldMeta) {
	s.t.Helper()
	for _, dir := range meta.Folders {
		if err := os.MkdirAll(s.store(filepath.FromSlash(dir)), 0o700); err != nil {
			s.t.Fatal(err)
		}
	}
	var marks []string
	for mark, text := range s.marks() {
		marks = append(marks, mark, filepath.ToSlash(text))
	}
	swap := strings.NewReplacer(marks...)
	rename := map[string]string{}
	now := named(s.mail.Addr(), s.tokens.URL())
	for what, was := range named(meta.Mail, meta.Token) {
		rename[was] = now[what]
		if _, err := os.Stat(filepath.Join(data, "store", was)); err != nil {
			s.t.Errorf("the file for the %s is called otherwise: %v", what, err)
		}
	}
	ago := time.Since(meta.Written).Truncate(time.Second)
	copyTree(s.t, filepath.Join(data, "store"), s.store(), func(name string, text []byte) (string, []byte) {
		if isVerbatim(name) {
			return name, text
		}
		text = []byte(swap.Replace(string(text)))
		if to := rename[name]; to != "" {
			name = to
		}
		return moved(name, text, ago)
	})
}

var (
	stamps = regexp.MustCompile(`"\d{4}-\d\d-\d\dT[0-9:.]+Z"`)
	seen   = regexp.MustCompile(`"seen": "\d{4}-\d\d-\d\dT[0-9:.]+Z"`)
	nanos  = regexp.MustCompile(`/\d{20}-`)
)

// moved moves by so much what the program would forget, for it is too old: alerts
// (30 days), pauses, notices that wait (a week). What was told it makes old.
func moved(name string, text []byte, by time.Duration) (string, []byte) {
	shift := func(b []byte) []byte {
		t, err := time.Parse(time.RFC3339Nano, strings.Trim(string(b), `"`))
		if err != nil {
			return b
		}
		return []byte(t.Add(by).Format(`"` + time.RFC3339Nano + `"`))
	}
	switch {
	case strings.HasPrefix(name, "alerts/"):
		text = seen.ReplaceAllFunc(text, func(b []byte) []byte { return append([]byte(`"seen": `), shift(b[len(`"seen": `):])...) })
	case name == "pauses.json":
		text = stamps.ReplaceAllFunc(text, shift)
	case name == "notices.json": // of what was told within an hour all is quiet
		by = -2 * time.Hour
		text = stamps.ReplaceAllFunc(text, shift)
	case strings.HasPrefix(name, "outbox/"):
		text = stamps.ReplaceAllFunc(text, shift)
		name = nanos.ReplaceAllStringFunc(name, func(s string) string {
			n, _ := strconv.ParseInt(s[1:21], 10, 64)
			return fmt.Sprintf("/%020d-", n+int64(by))
		})
	}
	return name, text
}

// since is what of a log was written at or after t.
func since(log []byte, t time.Time) (out []byte) {
	for line := range bytes.Lines(log) {
		stamp, _, _ := bytes.Cut(line, []byte(" "))
		if at, err := time.Parse("2006-01-02T15:04:05.000-07:00", string(stamp)); err == nil && at.Before(t) {
			continue
		}
		out = append(out, line...)
	}
	return out
}
