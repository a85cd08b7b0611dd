package main

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testrace"
	"rtmtgrab/internal/testsite"
)

// TestReserveWithSlowSink: what keep.free needs is got of the oldest that are delivered, and of
// nothing else; where these are not enough the undelivered stay, files go on to be held, status
// says No and why, and when the destination has taken them all comes right by itself.
func TestReserveWithSlowSink(t *testing.T) {
	testrace.Without(t)
	t.Parallel()
	const n, each, reserve = 8, 2 << 20, 30 << 20
	c := many(t, n, 0, func(_, name string) error { return ownBundle(t, name, each) })
	st := &incident.Store{Dir: filepath.Join(c.Dir, "store")}
	onSmallDisk(t, c)
	gate := make(chan struct{})
	open := sync.OnceFunc(func() { close(gate) })
	d := &drop{got: map[string]string{}}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			select {
			case <-gate:
			case <-r.Context().Done():
				return
			}
		}
		d.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(open)
	c.File("drop.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	c.Extra = fmt.Sprintf("settle: 10ms\nalerts: {limit: 0}\nkeep: {age: 1000d, size: 0, free: 30MiB}\nhandover: [{name: slow, kinds: [hand], mask: none, https: {url: %q, ca_file: %q, proxy: none}}]", server.URL+"/in/", filepath.Join(c.Dir, "drop.pem"))
	c.Write()

	keys, err := st.Keys()
	if err != nil || len(keys) != n {
		t.Fatal(len(keys), err)
	}
	slices.Sort(keys)
	keys, newest := keys[:n-1], keys[n-1] // the newest of a site stays
	var waiting, free []string
	for i, key := range keys {
		if i%2 == 0 {
			waiting = append(waiting, key)
		} else {
			free = append(free, key)
			continue
		}
		in, err := st.Read(key)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(st.Bundles(), key+".zip")
		last := len(in.Revisions) - 1
		in.Revisions[last].HandTo, in.Revisions[last].Bundle, in.Bundle = []string{"slow"}, path, path
		if err := st.Save(in); err != nil {
			t.Fatal(err)
		}
	}
	left := func(keys []string) (there []string) {
		for _, key := range keys {
			if _, err := os.Stat(filepath.Join(st.Bundles(), key+".zip")); err == nil {
				there = append(there, key)
			}
		}
		return there
	}
	c.watching(c.Socket())
	c.warm()
	known := append(slices.Clone(keys), newest)
	fresh := func(state incident.State) (list []string) {
		all, _ := st.List()
		for _, l := range all {
			if l.State == state && !slices.Contains(known, l.Incident) {
				list = append(list, l.Incident)
			}
		}
		return list
	}

	// A little is wanted: the oldest that is delivered goes, and the alert is grabbed.
	fill(t, st.Dir, reserve-each/2)
	c.alertNow(rtmt.MailOptions{Node: "cucm03", Count: 3})
	testsite.Until(t, "the alert is sealed", func() bool { return len(fresh(incident.Sealed)) == 1 })
	some := left(free)
	if len(some) == len(free) || !slices.Equal(some, free[len(free)-len(some):]) {
		t.Errorf("of those that are delivered %q are left, not the newest of %q", some, free)
	}
	if got := left(waiting); !slices.Equal(got, waiting) {
		t.Errorf("of those that are not delivered %q are left", got)
	}
	c.status("all is well", func(r status.Report) bool { return r.Works })

	// More is wanted than the delivered ones have.
	lacks := each*int64(len(some)) + each*3/2
	if err := os.Remove(filepath.Join(st.Dir, "filler")); err != nil {
		t.Fatal(err)
	}
	fill(t, st.Dir, reserve-lacks)
	time.Sleep(1100 * time.Millisecond) // what was measured of the disk is believed for a second
	c.alertNow(rtmt.MailOptions{Node: "cucm02", Count: 9})
	r := c.status("the reserve cannot be met", func(r status.Report) bool {
		return slices.Contains(problemKeys(r), "keep/free") && len(left(free)) == 0
	})
	for _, p := range r.Problems {
		if p.Key == "keep/free" && (!p.Blocks || !strings.Contains(p.What, fmt.Sprintf("of %d incidents not delivered yet", len(waiting))) || !strings.Contains(p.Hint, "handover:")) {
			t.Errorf("%+v", p)
		}
	}
	if got := left(waiting); r.Works || !slices.Equal(got, waiting) {
		t.Errorf("works: %v; of those that are not delivered %q are left", r.Works, got)
	}
	testsite.Until(t, "both hosts are held", func() bool {
		held := 0
		for _, key := range fresh(incident.Running) {
			for _, e := range c.Peers {
				if h, err := st.ReadHost(key, e.Name()); err == nil && !h.Held.IsZero() {
					held++
				}
			}
		}
		return held == len(c.Peers)
	})

	// The destination takes them: they go as far as is needed, and the alert is grabbed.
	open()
	testsite.Until(t, "all is delivered, and the second alert sealed", func() bool { return d.count() == len(waiting) && len(fresh(incident.Sealed)) == 2 })
	c.status("all is well", func(r status.Report) bool { return r.Works })
	if got := left(waiting); len(got) == len(waiting) || !slices.Equal(got, waiting[len(waiting)-len(got):]) {
		t.Errorf("of those that were delivered late %q are left, not the newest of %q", got, waiting)
	}
}

// onSmallDisk moves the site's store to a disk of its own.
func onSmallDisk(t *testing.T, c *labConfig) {
	t.Helper()
	store := filepath.Join(c.Dir, "store")
	if err := os.Rename(store, store+".was"); err != nil {
		t.Fatal(err)
	}
	c.smallStore("96m")
	if out, err := exec.Command("cp", "-a", store+".was/.", store).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
