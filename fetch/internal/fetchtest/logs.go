package fetchtest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
)

// Marker finds the number of a record.
var Marker = regexp.MustCompile(`n="<(\d+)>"`)

// Line is a record of about 200 bytes with a marker of its own.
func Line(at time.Time, n int) string {
	at = at.UTC()
	return fmt.Sprintf("%s expc01 tvcs: UTCTime=%q Module=\"network.sip\" Level=\"INFO\":  n=\"<%d>\" %s\n", at.Format("2006-01-02T15:04:05.000-07:00"),
		strings.Replace(at.Format("2006-01-02 15:04:05.000"), ".", ",", 1), n, strings.Repeat("x", 80))
}

// Logs writes records of one per second over [since, until) into name.
func Logs(t testing.TB, name string, since, until time.Time, n *int) string {
	t.Helper()
	var b strings.Builder
	for at := since; at.Before(until); at = at.Add(time.Second) {
		b.WriteString(Line(at, *n))
		*n++
	}
	if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, until, until); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// BigLog writes a log of n bytes over the ten minutes before end.
func BigLog(t *testing.T, dir string, n int64, end time.Time) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := lab.WriteLog(&b, lab.BulkOptions{Since: end.Add(-10 * time.Minute), Until: end, Size: n}); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "network_log")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, end, end); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Zipped is a text as a gzip file.
func Zipped(s string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(s))
	z.Close()
	return b.Bytes()
}
