package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/seal/envelope"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/handover"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testrace"
	"rtmtgrab/internal/testserver"
	"rtmtgrab/internal/testsite"
)

// loggedBundle is a bundle of the incident that its file is called after, with some log in it
// that names people and places.
func loggedBundle(t *testing.T, name string) error {
	at := time.Date(2026, 3, 2, 14, 20, 0, 0, time.UTC)
	w := evidence.NewWindow(at.Add(-time.Minute), at)
	var text bytes.Buffer
	if _, err := lab.WriteLog(&text, lab.BulkOptions{Since: at.Add(-time.Minute), Until: at, Size: 100 << 10, Log: lab.LogConfig{Level: "DEBUG"}}); err != nil {
		return err
	}
	sum := sha256.Sum256(text.Bytes())
	h := evidence.Host{Host: "expc01", Role: "C"}
	h.Files = []evidence.File{{Family: lab.NetworkLog, Path: bundle.LogName(h.Host, lab.NetworkLog), Coverage: evidence.Complete, Bytes: int64(text.Len()), SHA256: hex.EncodeToString(sum[:])}}
	h.Conclude()
	m := evidence.Manifest{Incident: strings.TrimSuffix(filepath.Base(name), ".zip"), Revision: 1, Window: w, Asked: w, Site: "hq", TimeZone: "UTC", Hosts: []evidence.Host{h}}
	m.Conclude()
	_, err := bundle.Write(t.Context(), name, bundle.Input{Manifest: m, Zone: time.UTC, Log: func(_, _ string) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(text.Bytes())), nil
	}})
	return err
}

// sinks are where the real program delivers, one of each kind that promises exactly one copy.
type sinks struct {
	folder, sftp, bucket string
	put                  *drop
	names                []string
	key                  *age.X25519Identity
	config               string
	files                map[string]string // that the configuration names
}

func startSinks(t *testing.T) *sinks {
	key := testserver.NewKey(t, "ecdsa")
	sshd := testserver.StartSSHD(t, testserver.SSHDOptions{AuthorizedKeys: []string{testserver.AuthorizedKey(key.Public, "")}})
	s3 := testserver.StartS3(t, "bundles")
	s := &sinks{folder: t.TempDir(), sftp: t.TempDir(), bucket: filepath.Join(s3.Root, "bundles"), put: &drop{got: map[string]string{}, slow: 15 * time.Millisecond}, names: []string{"bucket", "drop", "in", "share"}}
	server := httptest.NewTLSServer(s.put)
	t.Cleanup(server.Close)
	var err error
	if s.key, err = age.GenerateX25519Identity(); err != nil {
		t.Fatal(err)
	}
	s.files = map[string]string{"id_drop": string(key.PEM), "s3.access": s3.Access, "s3.secret": s3.Secret, "s3.pem": string(s3.CA), "analysts.txt": s.key.Recipient().String() + "\n",
		"in.pem": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))}
	s.config = fmt.Sprintf(`handover:
  - {name: share, mask: identities, seal: [analysts.txt], folder: %q}
  - {name: drop, seal: [analysts.txt], sftp: {address: %q, user: %s, key: {file: id_drop}, host_key: %q, dir: %s}}
  - {name: bucket, seal: [analysts.txt], s3: {endpoint: %q, bucket: bundles, region: %s, ca_file: s3.pem, access_key: {file: s3.access}, secret_key: {file: s3.secret}, proxy: none}}
  - {name: in, seal: [analysts.txt], https: {url: %q, ca_file: in.pem, proxy: none}}
`, s.folder, sshd.Addr(), sshd.User, ssh.FingerprintSHA256(sshd.HostKeys["ecdsa"]), s.sftp, s3.Addr, s3.Region, server.URL+"/in/")
	return s
}

// at is the SHA-256 of what a destination has of a name; empty: nothing.
func (s *sinks) at(sink, name string) string {
	if sink == "in" {
		return s.put.has(name)
	}
	b, err := os.ReadFile(filepath.Join(map[string]string{"share": s.folder, "drop": s.sftp, "bucket": s.bucket}[sink], name))
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// count is how many files all destinations have together, begun ones left out.
func (s *sinks) count() (n int) {
	for _, dir := range []string{s.folder, s.sftp, s.bucket} {
		files, _ := filepath.Glob(filepath.Join(dir, "[^.]*"))
		n += len(files)
	}
	return n + s.put.count()
}

// delivered are the jobs of a store that have come to their end, by incident and destination.
func delivered(t *testing.T, st *incident.Store) map[string]handover.Job {
	t.Helper()
	done := map[string]handover.Job{}
	files, _ := filepath.Glob(filepath.Join(st.Dir, "handover", "done", "*.json"))
	for _, name := range files {
		b, err := os.ReadFile(name)
		var j handover.Job
		if err := json.Unmarshal(b, &j); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err != nil || j.Artefact == nil || j.State != handover.Done {
			t.Fatalf("%s: %v, %+v", name, err, j)
		}
		done[j.Key+" "+j.Sink] = j
	}
	return done
}

// TestKilledToSinks: the real program masks, encrypts, delivers to a folder, over SFTP, to a
// bucket and by PUT, and removes what is delivered, and is killed at any moment: each bundle is
// at each destination once and whole, and none goes before. GRAB_LONG=1 kills 200 times.
func TestKilledToSinks(t *testing.T) {
	testrace.Without(t)
	t.Parallel()
	s := startSinks(t)
	kills, n := 6, 3
	if os.Getenv("GRAB_LONG") != "" {
		kills, n = 200, 12
	}
	total := 0
	for killed := 0; killed < kills; {
		total += n
		killed += killedToSinks(t, s, n, kills-killed, total)
	}
}

// killedToSinks delivers n bundles of a new collector and kills it at most so many times.
// total is how many bundles are there in the end, with those of the collectors before.
func killedToSinks(t *testing.T, s *sinks, n, most, total int) (kills int) {
	t.Helper()
	c := many(t, n, 0, func(_, name string) error { return loggedBundle(t, name) })
	for name, text := range s.files {
		c.File(name, text)
	}
	c.Extra = "settle: 10ms\nkeep: {age: 1ms, size: 1MiB}\n" + s.config
	c.Write()
	st := &incident.Store{Dir: filepath.Join(c.Dir, "store")}
	keys, err := st.Keys()
	if err != nil || len(keys) != n {
		t.Fatal(len(keys), err)
	}
	for _, key := range keys {
		in, err := st.Read(key)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(st.Bundles(), filepath.Base(in.Bundle))
		if _, err := os.Stat(path); err != nil {
			path = filepath.Join(st.Bundles(), key+".zip")
		}
		last := len(in.Revisions) - 1
		in.Revisions[last].HandTo, in.Revisions[last].Bundle, in.Bundle = s.names, path, path
		if err := st.Save(in); err != nil {
			t.Fatal(err)
		}
	}
	remain := func() (left int) {
		gone := map[string]bool{} // looked at before the destinations
		for _, key := range keys {
			if files, _ := filepath.Glob(filepath.Join(st.Bundles(), key+"*.zip")); len(files) == 0 {
				gone[key] = true
			}
		}
		done := delivered(t, st)
		for key := range gone {
			for _, sink := range s.names {
				j, ok := done[key+" "+sink]
				if !ok || s.at(sink, j.Artefact.Name) != j.Artefact.SHA256 {
					t.Fatalf("%s is gone, and %s does not have it: %+v", key, sink, j)
				}
			}
		}
		return n - len(gone)
	}
	for ; kills < most && remain() > 0; kills++ {
		before := s.count()
		cmd := program("-c", c.Path, "watch")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if kills%2 == 0 { // at any moment of its start, too; and every other time something comes of it
			time.Sleep(time.Duration(rand.N(int64(700 * time.Millisecond))))
		} else {
			testsite.Until(t, "something more is there", func() bool { return s.count() > before || len(delivered(t, st)) == n*len(s.names) })
			time.Sleep(time.Duration(rand.N(int64(100 * time.Millisecond))))
		}
		cmd.Process.Kill()
		cmd.Wait()
	}
	stop := started(t, c)
	testsite.Until(t, "all are there, and that is written down", func() bool { return len(delivered(t, st)) == n*len(s.names) })
	stop(os.Interrupt)
	stop = started(t, c) // it cleans up at once, and else once an hour
	testsite.Until(t, "all room is free", func() bool { return remain() == 0 })
	stop(os.Interrupt)
	if got := s.count(); got != total*len(s.names) {
		t.Errorf("%d files at %d destinations, of %d bundles", got, len(s.names), total)
	}
	for _, pattern := range []string{"handover/outbox/*", "handover/making/*", "handover/*~*.json", "mask/*.part", "bundles/*"} {
		left, _ := filepath.Glob(filepath.Join(st.Dir, pattern))
		left = slices.DeleteFunc(left, func(name string) bool { // killed before anything was in it: it may be somebody's for an hour
			entries, err := os.ReadDir(name)
			return err == nil && len(entries) == 0
		})
		if len(left) > 0 {
			t.Errorf("left: %q", left)
		}
	}
	for name, j := range delivered(t, st) {
		if got := s.at(j.Sink, j.Artefact.Name); got != j.Artefact.SHA256 {
			t.Errorf("%s: %s has %q, not %s", name, j.Sink, got, j.Artefact.SHA256)
		}
	}
	opensMasked(t, c, s, delivered(t, st))
	t.Logf("killed %d times", kills)
	return max(kills, 1)
}

// opensMasked opens what came to the folder with the analyst's key: a masked bundle that this
// collector signed.
func opensMasked(t *testing.T, c *labConfig, s *sinks, done map[string]handover.Job) {
	t.Helper()
	dir := t.TempDir()
	id := filepath.Join(dir, "id")
	if err := os.WriteFile(id, []byte(s.key.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := envelope.UnlockKeys(nil, id)
	if err != nil {
		t.Fatal(err)
	}
	pub := filepath.Join(dir, "pub")
	if err := os.WriteFile(pub, []byte(c.grab("key", "show").out), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, j := range done {
		if j.Sink != "share" {
			continue
		}
		plain := filepath.Join(dir, strings.TrimSuffix(j.Artefact.Name, ".age"))
		if err := envelope.Decrypt(t.Context(), filepath.Join(s.folder, j.Artefact.Name), plain, keys); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r := c.grab("verify", "--key", pub, plain); r.code != 0 {
			t.Errorf("%s: %s", name, r)
		}
		err := bundle.Files(t.Context(), plain, func(file string, r io.Reader) error {
			b, err := io.ReadAll(r)
			if strings.HasSuffix(file, ".log") && (bytes.Contains(b, []byte("expc01")) || bytes.Contains(b, []byte("10.0.60.1")) || len(b) < 1000) {
				t.Errorf("%s: raw, or nothing, in %s", name, file)
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
