package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

func ptr[T any](v T) *T { return &v }

func newYork(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func sumOf(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

var (
	since = at("2026-03-02T13:59:07Z")
	until = at("2026-03-02T14:19:07Z")
)

// someLog is log-like text of n bytes, other for each seed.
func someLog(seed, n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "2026-03-02T09:14:07.512-05:00 expc%02d tvcs: UTCTime=\"2026-03-02 14:14:07,%03d\" Module=\"network.sip\" Level=\"INFO\":  Msg-Hash=\"%x\"\n",
			seed, i%1000, sha256.Sum256(fmt.Appendf(nil, "%d %d", seed, i)))
	}
	return b.Bytes()[:n]
}

func part(name string, b []byte) Part {
	return Part{name, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
}

// A sample is an Input whose logs can be changed.
type sample struct {
	Input
	logs map[string][]byte // by path
}

func logFile(family string, path string, b []byte, missing ...evidence.Span) evidence.File {
	w := evidence.NewWindow(since, until)
	return evidence.File{
		Family: family, Path: path, Coverage: evidence.Judge(w, missing), First: ptr(since.Add(time.Second)), Last: ptr(until.Add(-time.Second)),
		Bytes: int64(len(b)), SHA256: sumOf(b), Records: int64(bytes.Count(b, []byte("\n"))), Missing: missing,
		Sources: []evidence.Source{{Name: family + ".1", Offset: 4096, Length: int64(len(b)), Size: 1 << 20, MTime: until, SHA256: sumOf(b), From: "host"}},
	}
}

// newSample is an incident with one complete, one partial and one lost host, two
// alerts and a report; each log has n bytes.
func newSample(t testing.TB, n int) *sample {
	w := evidence.NewWindow(since, until)
	s := &sample{logs: map[string][]byte{}}
	m := evidence.Manifest{
		Incident: "20260302T141407Z-hq-3fa2c1", Revision: 1, Window: w, Asked: w, Site: "hq", TimeZone: "America/New_York",
		Notes: []string{"The logs name a peer that no host configures: expc02.example.com."},
		Timing: evidence.Timing{
			Alert: at("2026-03-02T14:14:07Z"), Mail: at("2026-03-02T14:14:41Z"), Seen: at("2026-03-02T14:14:41.200Z"), Claimed: at("2026-03-02T14:14:41.210Z"),
			Held: at("2026-03-02T14:14:41.900Z"), Copied: at("2026-03-02T14:14:44Z"), Sealed: at("2026-03-02T14:19:10Z"),
		},
		Grab: "v1.2.3",
	}
	log := func(host, family string, seed int, missing ...evidence.Span) evidence.File {
		b := someLog(seed, n)
		s.logs[logName(host, family)] = b
		return logFile(family, logName(host, family), b, missing...)
	}
	empty := evidence.File{Family: "messages", Path: logName("expe01", "messages"), Coverage: evidence.Complete, SHA256: sumOf(nil)}
	s.logs[empty.Path] = nil
	m.Hosts = []evidence.Host{
		{Host: "expc01", Role: "C", Address: "10.0.30.2:22", HostKey: "SHA256:x", ClockOffsetMS: ptr(int64(12)), ClockFrom: "date", BodiesLogged: "yes", Credentials: 41,
			Files: []evidence.File{log("expc01", "network_log", 1), log("expc01", "messages", 2)}},
		{Host: "expe01", Role: "E", Address: "10.0.40.5:5022", HostKey: "SHA256:y", ClockOffsetMS: ptr(int64(-1800)), ClockFrom: "date", BodiesLogged: "no", Credentials: 1,
			Files: []evidence.File{log("expe01", "network_log", 3, evidence.Span{Since: since, Until: at("2026-03-02T14:03:00.25Z"), Reason: evidence.ReasonRotated}), empty}},
		evidence.Lacking(evidence.Host{Host: "expe02", Role: "E", Address: "10.0.40.6:22", ClockFrom: "none", Error: "dial tcp 10.0.40.6:22: i/o timeout"},
			[]string{"network_log", "messages"}, w, evidence.ReasonUnreachable),
	}
	for i := range m.Hosts {
		m.Hosts[i].Conclude()
	}
	ids := []string{strings.Repeat("3fa2c1de", 8), strings.Repeat("77ab0012", 8)}
	for i, id := range ids {
		name := "alerts/" + id + ".eml"
		m.Alerts = append(m.Alerts, evidence.Alert{ID: id, Name: "PartiallyRegisteredPhone", Cluster: "StandAloneCluster", Node: "cucm01", Count: ptr(2 + i),
			Time: at("2026-03-02T14:14:07Z").Add(time.Duration(i) * 30 * time.Second), TimeFrom: evidence.TimeFromSentence, File: name})
		s.Mails = append(s.Mails, part(name, []byte("Subject: [RTMT-ALERT-StandAloneCluster] PartiallyRegisteredPhone\r\n\r\n"+id+"\r\n")))
	}
	m.Conclude()
	s.Manifest = m
	s.Reports = []Part{part("report/registration.json", []byte("{}\n"))}
	s.Zone = newYork(t)
	s.Log = func(host, family string) (io.ReadCloser, error) {
		b, ok := s.logs[logName(host, family)]
		if !ok {
			return nil, errors.New("no such slice")
		}
		return io.NopCloser(bytes.NewReader(b)), nil
	}
	return s
}

// write makes a bundle in a new folder and returns its path.
func (s *sample) write(t testing.TB, ext string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), Name(s.Manifest)+ext)
	if _, err := Write(t.Context(), path, s.Input); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// run runs a tool that the tests need, in dir.
func run(t testing.TB, dir, tool string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Fatalf("%s is not installed: run `make deps`", tool)
	}
	cmd := exec.CommandContext(t.Context(), tool, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", tool, args, err, out)
	}
	return string(out)
}

var extensions = []string{".zip", ".tar.zst", ".tar.gz"}
