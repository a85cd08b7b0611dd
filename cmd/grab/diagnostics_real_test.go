package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab/apilab"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testsite"
	"rtmtgrab/internal/wiring"
)

// TestRealDiagnostics: an Expressway's own diagnostic log is started at an alert; the program is
// killed, and stops after its restart what it had started. The log is in the next revision, in
// custody, and masked in a masked copy. The other host finds a run that is not its own.
func TestRealDiagnostics(t *testing.T) {
	t.Parallel()
	const secret = "2026-11-28T21:30:00.000+00:00 expc01 tvcs: UTCTime=\"2026-11-28 21:30:00,000\" Module=\"network.sip\" Level=\"DEBUG\": To: <sip:jane.doe@example.com>\n"
	archive := tarOf(t, "loggingsnapshot_expc01.txt", strings.Repeat(secret, 200))
	api := apilab.New(archive)
	t.Cleanup(api.Close)
	s := newRealSite(t)
	s.file("api.secret", []byte(api.Password))
	s.file("api.pem", api.CAPEM())
	_, port, err := net.SplitHostPort(api.Addr())
	if err != nil {
		t.Fatal(err)
	}
	s.more = fmt.Sprintf("late: {quiet: 1s}\ndiagnostics: {enabled: true, user: %s, password: {file: api.secret}, ca_file: api.pem, port: %s}\n", api.User, port)
	s.window = "{before: 10s, after: 20s}" // it is killed before its end, on a busy machine too
	s.write()
	if _, out, _ := s.grab("check"); strings.Count(out, "its API has diagnostic logging, and none runs") != 2 {
		t.Errorf("check says %s", out)
	}
	if got := api.Asked(); strings.Contains(strings.Join(got, " "), "start") {
		t.Fatalf("check has asked %q", got)
	}

	stop := s.watch()
	s.alert(rtmt.MailOptions{Time: time.Now(), Zone: wiring.ZoneNamed("America/New_York")})
	testsite.Until(t, "it runs", func() bool { return api.Running() == "grab" })
	testsite.Until(t, "it is known again", func() bool {
		found, _ := filepath.Glob(filepath.Join(s.dir, s.store, "diagnostics", "*.json"))
		b := []byte{}
		if len(found) == 1 {
			b, _ = os.ReadFile(found[0])
		}
		return bytes.Contains(b, []byte(`"started"`)) && bytes.Contains(b, []byte(`"mark"`))
	})
	stop(os.Kill)
	if api.Running() != "grab" {
		t.Fatal("it does not run any more")
	}
	stop = s.watch()
	testsite.Until(t, "it is stopped", func() bool { return api.Running() == "" })

	var late incident.Listed
	testsite.Until(t, "a revision has it", func() bool {
		for _, l := range s.sealed(1) {
			m, err := bundle.ReadManifest(l.Bundle)
			late = l
			for _, d := range m.Diagnostics {
				if err == nil && d.Path != "" {
					return true
				}
			}
		}
		return false
	})
	stop(os.Interrupt)
	m, err := bundle.ReadManifest(late.Bundle)
	if err != nil || len(m.Diagnostics) != 2 {
		t.Fatal(m.Diagnostics, err)
	}
	got, other := m.Diagnostics[0], m.Diagnostics[1]
	if other.State == evidence.DiagnosticGot {
		got, other = other, got
	}
	if !bytes.Equal(readEntry(t, late.Bundle, got.Path), archive) || got.Stopped.IsZero() || other.State != evidence.DiagnosticNone || other.Why == "" || other.LeftOn {
		t.Errorf("%+v, %+v", got, other)
	}
	if custody := string(readEntry(t, late.Bundle, "custody.jsonl")); strings.Count(custody, `"act":"diagnostics"`) != 2 || !strings.Contains(custody, "log levels are raised") {
		t.Errorf("custody: %s", custody)
	}
	if res, err := bundle.Verify(t.Context(), late.Bundle); err != nil || !res.OK {
		t.Error(err, res.Bad)
	}

	masked := filepath.Join(t.TempDir(), "masked.zip")
	if code, out, errOut := s.grab("mask", late.Bundle, "--out", masked); code != 0 {
		t.Fatal(code, out, errOut)
	}
	n, err := bundle.ReadManifest(masked)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range n.Diagnostics {
		if d.State == evidence.DiagnosticGot {
			text := untar(t, readEntry(t, masked, d.Path))
			if len(text) == 0 || strings.Contains(text, "jane.doe") {
				t.Errorf("masked: %.300s", text)
			}
		}
	}
}

func tarOf(t *testing.T, name, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(text))}); err != nil {
		t.Fatal(err)
	}
	w.Write([]byte(text))
	w.Close()
	z.Close()
	return b.Bytes()
}

// untar is what is in a tar.gz, one after the other.
func untar(t *testing.T, b []byte) string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	for r := tar.NewReader(z); ; {
		if _, err := r.Next(); err != nil {
			return all.String()
		}
		all.ReadFrom(r)
	}
}
