package main

import (
	"bytes"
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/testrace"
	"rtmtgrab/internal/testsite"
)

// A drop is a server that takes bundles slowly.
type drop struct {
	mu   sync.Mutex
	got  map[string]string // SHA-256 by name
	slow time.Duration     // of each 64 KiB
}

func (d *drop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := filepath.Base(r.URL.Path)
	if r.Method != http.MethodPut {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	sum, b := sha256.New(), make([]byte, 64<<10)
	for {
		n, err := io.ReadFull(r.Body, b)
		sum.Write(b[:n])
		if err == io.EOF || err == io.ErrUnexpectedEOF && r.ContentLength < 0 {
			break
		}
		if err != nil && err != io.ErrUnexpectedEOF {
			return // it was killed: nothing is kept of it
		}
		select {
		case <-time.After(d.slow):
		case <-r.Context().Done():
			return
		}
	}
	d.mu.Lock()
	d.got[name] = hex.EncodeToString(sum.Sum(nil))
	d.mu.Unlock()
	w.WriteHeader(http.StatusCreated)
}

func (d *drop) has(name string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.got[name]
}

func (d *drop) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.got)
}

// ownBundle is a bundle of the incident that its file is called after, of some size that does not
// compress.
func ownBundle(t *testing.T, name string, size int) error {
	at := time.Date(2026, 3, 2, 14, 20, 0, 0, time.UTC)
	w := evidence.NewWindow(at.Add(-time.Minute), at)
	m := evidence.Manifest{Incident: strings.TrimSuffix(filepath.Base(name), ".zip"), Revision: 1, Window: w, Asked: w, Site: "hq"}
	m.Hosts = []evidence.Host{evidence.Lacking(evidence.Host{Host: "h0", Role: "C"}, []string{"network_log"}, w, evidence.ReasonUnreachable)}
	m.Conclude()
	noise := make([]byte, size)
	crand.Read(noise)
	part := bundle.Part{Name: "report/noise.bin", Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(noise)), nil }}
	_, err := bundle.Write(t.Context(), name, bundle.Input{Manifest: m, Zone: time.UTC, Reports: []bundle.Part{part}})
	return err
}

// The real program, killed again and again while a slow destination takes bundles that the
// clean-up wants away: none goes before it is there whole, what is pinned stays, and in the end
// all are there and all room is free.
func TestKilledWhileDelivering(t *testing.T) {
	testrace.Without(t)
	t.Parallel()
	const n = 12
	c := many(t, n, 0, func(_, name string) error { return ownBundle(t, name, 100<<10) })
	d := &drop{got: map[string]string{}, slow: 20 * time.Millisecond}
	server := httptest.NewTLSServer(d)
	t.Cleanup(server.Close)
	c.File("drop.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	c.Extra = fmt.Sprintf("settle: 10ms\nkeep: {age: 1ms, size: 1MiB}\nhandover: [{name: slow, mask: none, https: {url: %q, ca_file: %q, proxy: none}}]", server.URL+"/in/", filepath.Join(c.Dir, "drop.pem"))
	c.Write()
	st := &incident.Store{Dir: filepath.Join(c.Dir, "store")}
	keys, err := st.Keys()
	if err != nil || len(keys) != n {
		t.Fatal(len(keys), err)
	}
	want := map[string]string{}
	for _, key := range keys {
		in, err := st.Read(key)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(st.Bundles(), key+".zip"))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(b)
		want[key] = hex.EncodeToString(sum[:])
		last := len(in.Revisions) - 1
		in.Revisions[last].HandTo, in.Revisions[last].Bundle, in.Bundle = []string{"slow"}, filepath.Join(st.Bundles(), key+".zip"), filepath.Join(st.Bundles(), key+".zip")
		if err := st.Save(in); err != nil {
			t.Fatal(err)
		}
	}
	pinned := keys[n/2]
	if r := c.grab("pin", pinned); r.code != 0 {
		t.Fatal(r)
	}
	remain := func() (left int) {
		for _, key := range keys {
			_, err := os.Stat(filepath.Join(st.Bundles(), key+".zip"))
			if err == nil {
				left++
			} else if got := d.has(key + ".zip"); got != want[key] { // looked at after the file: it may come meanwhile
				t.Fatalf("%s is gone, and the destination has %q", key, got)
			}
		}
		return left
	}
	kills := 0
	for ; kills < 5 && d.count() < n-3; kills++ {
		had := d.count()
		kill := started(t, c)
		testsite.Until(t, "something more is there", func() bool { return d.count() > had })
		time.Sleep(time.Duration(rand.N(int64(60 * time.Millisecond)))) // anywhere within a step
		kill(os.Kill)
		remain()
	}
	stop := started(t, c)
	testsite.Until(t, "all are there, and that is written down", func() bool {
		done, _ := filepath.Glob(filepath.Join(st.Dir, "handover", "done", "*.json"))
		return d.count() == n && len(done) == n
	})
	stop(os.Interrupt)
	stop = started(t, c) // it cleans up at once, and else once an hour
	testsite.Until(t, "all room is free", func() bool { return remain() == 1 })
	stop(os.Interrupt)
	for _, key := range keys {
		if got := d.has(key + ".zip"); got != want[key] {
			t.Errorf("%s: %s there, not %s", key, got, want[key])
		}
	}
	if _, err := os.Stat(filepath.Join(st.Bundles(), pinned+".zip")); err != nil {
		t.Error(err)
	}
	t.Logf("killed %d times", kills)
}
