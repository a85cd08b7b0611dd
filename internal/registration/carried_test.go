package registration_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path/filepath"
	"testing"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab/scenario"
	"rtmtgrab/internal/registration"
	"rtmtgrab/internal/sources"
)

// checkFolder reads the scenario's logs as a folder that somebody copied: nothing says
// that it is whole.
func checkFolder(t *testing.T, p *scenario.Played) {
	if len(p.LeaveOut)+len(p.Holes) > 0 {
		return // a folder cannot say what it lacks
	}
	s, _ := registration.SourcesOf(p, false)
	want := registration.AnalyzeThem(t, s, registration.Options{})
	same(t, p, "as a folder", want, filepath.Dir(p.C[0].Dir()))
}

// checkBundle reads them as a bundle, with its manifest.
func checkBundle(t *testing.T, p *scenario.Played) {
	s, o := registration.SourcesOf(p, true)
	want := registration.AnalyzeThem(t, s, o)
	same(t, p, "as a bundle", want, bundled(t, p))
}

// same compares the report of what is on disk with one that was made without it.
func same(t *testing.T, p *scenario.Played, how string, want *registration.Report, arg string) {
	t.Helper()
	set, err := sources.Open(t.Context(), t.TempDir(), arg)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	got := registration.AnalyzeThem(t, set.Sources, registration.Options{Window: set.Window, Alerts: set.Alerts, PhonesNamed: set.PhonesNamed, Peers: set.Peers})
	registration.CheckLies(t, p, got)
	if a, b := essence(want), essence(got); a != b {
		t.Errorf("%s:\n%s\nwant\n%s", how, b, a)
	}
}

// bundled is a bundle of the scenario's logs.
func bundled(t *testing.T, p *scenario.Played) string {
	t.Helper()
	m := evidence.Manifest{Incident: "20260302T142000Z-hq-3fa2c1", Revision: 1, Window: window(p), Asked: window(p), Site: "hq", TimeZone: "America/New_York"}
	if !p.AlertAt.IsZero() {
		m.Alerts = []evidence.Alert{{ID: "1", Name: "PartiallyRegisteredPhone", Time: p.AlertAt, Devices: p.Named()}}
	}
	texts := map[string][]byte{}
	for _, l := range p.Logs() {
		text := content(t, l)
		texts[l.Host+"/"+l.Family] = text
		sum := sha256.Sum256(text)
		f := evidence.File{Family: l.Family, Path: bundle.LogName(l.Host, l.Family), Coverage: evidence.Complete, Bytes: int64(len(text)), SHA256: hex.EncodeToString(sum[:]),
			Missing: registration.ScenarioSpans(l.Missing), Sources: []evidence.Source{{Name: l.Family, MTime: p.Until}}}
		if len(f.Missing) > 0 {
			f.Coverage = evidence.Partial
		}
		if n := len(m.Hosts); n == 0 || m.Hosts[n-1].Host != l.Host {
			m.Hosts = append(m.Hosts, evidence.Host{Host: l.Host, Role: l.Role})
		}
		h := &m.Hosts[len(m.Hosts)-1]
		h.Files = append(h.Files, f)
	}
	for i := range m.Hosts {
		m.Hosts[i].Conclude()
	}
	m.Conclude()
	path := filepath.Join(t.TempDir(), "incident.zip")
	if _, err := bundle.Write(t.Context(), path, bundle.Input{Manifest: m, Log: func(host, family string) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(texts[host+"/"+family])), nil
	}}); err != nil {
		t.Fatal(err)
	}
	return path
}
