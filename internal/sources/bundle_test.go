package sources

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration"
)

// incident is a bundle's input: a C peer with a log, an E peer that was not reached.
func incident(log []byte) bundle.Input {
	sum := sha256.Sum256(log)
	w := evidence.NewWindow(time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC), time.Date(2026, 3, 2, 14, 20, 0, 0, time.UTC))
	ms := int64(1500)
	m := evidence.Manifest{Incident: "20260302T140000Z-hq-3fa2c1", Revision: 1, Window: w, Asked: w, Site: "hq", TimeZone: "America/New_York", PhonesNamed: []string{"SEP00EBD5D5D8C6"},
		Alerts: []evidence.Alert{{ID: "abc", Time: w.Since}}}
	m.Hosts = []evidence.Host{
		{Host: "expc01", Role: "C", Address: "10.0.30.2:22", ClockOffsetMS: &ms, OwnAddresses: []string{"10.0.30.2"}, PeersNamed: []string{"10.0.40.5", "10.0.40.6"},
			Files: []evidence.File{{Family: "network_log", Path: "hosts/expc01/network_log.txt", Coverage: evidence.Complete, Bytes: int64(len(log)), SHA256: hex.EncodeToString(sum[:]),
				Sources: []evidence.Source{{Name: "network_log", MTime: w.Until.Add(time.Hour)}}}}},
		evidence.Lacking(evidence.Host{Host: "expe01", Role: "E", Address: "10.0.40.5:22"}, []string{"network_log"}, w, evidence.ReasonUnreachable),
	}
	for i := range m.Hosts {
		m.Hosts[i].Conclude()
	}
	m.Conclude()
	return bundle.Input{Manifest: m, Log: func(_, _ string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(log)), nil }}
}

func TestBundle(t *testing.T) {
	log := someLog(5, 400, "REGISTER")
	in := incident(log)
	dir := t.TempDir()
	gz := filepath.Join(dir, "a.tar.gz")
	zip, zst, top := filepath.Join(dir, "a.zip"), filepath.Join(dir, "a.tar.zst"), filepath.Join(dir, "un", bundle.Name(in.Manifest))
	for _, path := range []string{zip, zst, gz} {
		_, err := bundle.Write(t.Context(), path, in)
		must(t, err)
	}
	must(t, bundle.ReadFile(t.Context(), zip, "manifest.json", func(r io.Reader) error {
		b, err := io.ReadAll(r)
		put(t, top, file{"manifest.json", b}, file{"hosts/expc01/network_log.txt", log})
		return err
	}))
	odd := filepath.Join(dir, "without-ending")
	must(t, os.Rename(zst, odd))
	oddGz := filepath.Join(dir, "without-ending-too")
	must(t, os.Rename(gz, oddGz))
	for _, arg := range []string{zip, odd, oddGz, top, filepath.Dir(top)} {
		s := mustOpen(t, arg)
		if len(s.Sources) != 2 || s.Window != in.Manifest.Asked || len(s.Alerts) != 1 || len(s.PhonesNamed) != 1 || len(s.Peers) != 1 || s.Peers[0] != "10.0.40.6" {
			t.Errorf("%s: %+v", arg, s)
		}
		c := byFile(t, s, "hosts/expc01/network_log.txt")
		if c.Host != "expc01" || c.Role != "C" || !c.Complete || *c.ClockOffset != 1500*time.Millisecond || c.Zone.String() != "America/New_York" || !c.MTime.Equal(in.Manifest.Hosts[0].Files[0].Sources[0].MTime) {
			t.Errorf("%s: %+v", arg, c)
		}
		if !bytes.Equal(contents(t, c), log) {
			t.Errorf("%s: other contents", arg)
		}
		e := byFile(t, s, "network_log of expe01 (nothing copied)")
		if e.Role != "E" || e.Complete || len(e.Missing) != 1 || len(contents(t, e)) != 0 {
			t.Errorf("%s: %+v", arg, e)
		}
		checkText(t, s, log)
	}
	// the same twice: told apart by the file's name, or by a number
	s := mustOpen(t, zip, odd)
	byFile(t, s, "a.zip/hosts/expc01/network_log.txt")
	byFile(t, s, "without-ending/hosts/expc01/network_log.txt")
	if len(s.Alerts) != 1 {
		t.Errorf("%+v", s.Alerts)
	}
	byFile(t, mustOpen(t, zip, zip), "a.zip/hosts/expc01/network_log.txt (2)")
}

// checkText reads records of a log that may have to be copied out first.
func checkText(t *testing.T, s *Set, log []byte) {
	t.Helper()
	rep := &registration.Report{Connections: []registration.Connection{{}}}
	for _, at := range []int{9000, 0, 5000, 5000, 5100} {
		from := at + bytes.Index(log[at:], []byte("2026-"))
		n := bytes.Index(log[from:], []byte("\n\n")) + 2
		rep.Connections[0].Proofs = append(rep.Connections[0].Proofs, registration.Proof{File: "hosts/expc01/network_log.txt", Offset: int64(from), Length: int64(n)})
	}
	s.Settle(rep)
	text := s.Text(rep)
	for _, p := range rep.Connections[0].Proofs {
		if got, err := text(p); err != nil || !bytes.Equal(got, log[p.Offset:p.Offset+p.Length]) {
			t.Errorf("%+v: %q, %v", p, got, err)
		}
	}
}

// TestManifestNames: a manifest's paths are not believed.
func TestManifestNames(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, file{"secret", someLog(1, 5, "secret")}, file{"b/manifest.json", []byte(`{"incident":"x","hosts":[{"host":"..","files":[{"family":"secret","path":"../secret"}]},
		{"host":"a","files":[{"family":"network_log","path":"../../secret"},{"family":"../../secret","path":"hosts/a/../../secret.txt"}]}]}`)})
	s, err := open(t, filepath.Join(dir, "b"))
	if err == nil {
		t.Errorf("%+v", s.Sources)
	}
	must(t, os.WriteFile(filepath.Join(dir, "b", "manifest.json"), []byte(`{"incident":"x","hosts":[{"host":"a","files":[{"family":"network_log","path":"hosts/a/network_log.txt"}]}]}`), 0o600))
	must(t, os.MkdirAll(filepath.Join(dir, "b", "hosts", "a"), 0o700))
	if os.Symlink(filepath.Join(dir, "secret"), filepath.Join(dir, "b", "hosts", "a", "network_log.txt")) != nil {
		return
	}
	s = mustOpen(t, filepath.Join(dir, "b"))
	if r, err := s.Sources[0].Open(); err == nil || !strings.Contains(err.Error(), "escapes") {
		t.Errorf("a link out of the folder was followed: %v", err)
		r.Close()
	}
}

// TestDamagedBundle: a changed byte is an error when it is read.
func TestDamagedBundle(t *testing.T) {
	log := someLog(5, 4000, "REGISTER")
	path := filepath.Join(t.TempDir(), "a.zip")
	_, err := bundle.Write(t.Context(), path, incident(log))
	must(t, err)
	b, err := os.ReadFile(path)
	must(t, err)
	b[len(b)-len(b)/3] ^= 4
	must(t, os.WriteFile(path, b, 0o600))
	s := mustOpen(t, path)
	r, err := s.Sources[0].Open()
	must(t, err)
	defer r.Close()
	if _, err := io.Copy(io.Discard, r); err == nil {
		t.Error("damage was not noticed")
	}
}

// A manifest that names very many logs, alerts and phones costs a bounded time.
func TestCrowdedManifest(t *testing.T) {
	var h evidence.Host
	h.Host = "expc01"
	m := evidence.Manifest{}
	for i := range 20_000 {
		name := fmt.Sprintf("f%d", i)
		h.Files = append(h.Files, evidence.File{Family: name, Path: bundle.LogName(h.Host, name)})
		m.Alerts = append(m.Alerts, evidence.Alert{ID: name})
		m.PhonesNamed = append(m.PhonesNamed, name)
		h.PeersNamed = append(h.PeersNamed, name, name)
	}
	m.Hosts = []evidence.Host{h}
	s := newSet(t.Context(), t.TempDir())
	s.addManifest(m, "", nil)
	s.addManifest(m, "", nil)
	if len(s.Sources) != 2*maxLogs || len(s.Alerts) != 20_000 || len(s.PhonesNamed) != 20_000 || len(s.Peers) != 20_000 || len(s.notes.sorted()) != 1 {
		t.Error(len(s.Sources), len(s.Alerts), len(s.PhonesNamed), len(s.Peers), s.notes.sorted())
	}
}
