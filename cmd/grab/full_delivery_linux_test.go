package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testrace"
	"rtmtgrab/internal/testsite"
)

// TestDeliveryDiskFull: on a store's disk that is full at whatever byte, while a bundle is masked,
// converted, encrypted or delivered, nothing half is delivered, nothing is lost, and with room
// again it is there once and whole.
func TestDeliveryDiskFull(t *testing.T) {
	testrace.Without(t)
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{})
	share := t.TempDir()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	c.File("analysts.txt", id.Recipient().String()+"\n")
	c.File("age.id", id.String()+"\n")
	c.Extra = fmt.Sprintf("handover: [{name: share, folder: %q, format: tar.gz, mask: identities, seal: [analysts.txt]}]", share)
	c.Write()
	store := c.smallStore("64m")
	path := c.sealedNow()
	failed := 0
	for _, left := range []int64{0, 32 << 10, 300 << 10, 4 << 20} {
		there(t, share, true)
		fill(t, store, left)
		r := c.grab("send", "--direct", path, "--to", "share", "--wait", "1s")
		if r.code != 0 {
			failed++
			there(t, share, false)
		}
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("%d bytes: %v", left, err)
		}
		if err := os.Remove(filepath.Join(store, "filler")); err != nil {
			t.Fatal(err)
		}
		if r := c.grab("send", "--direct", path, "--to", "share"); r.code != 0 {
			t.Fatalf("%d bytes: %s", left, r)
		}
		list := there(t, share, false)
		if len(list) != 1 {
			t.Fatalf("%d bytes: %q", left, list)
		}
		if r := c.grab("open", filepath.Join(share, list[0]), "-i", filepath.Join(c.Dir, "age.id"), "--out", t.TempDir()); r.code != 0 {
			t.Errorf("%d bytes: %s", left, r)
		}
		if old, _ := filepath.Glob(filepath.Join(store, "handover", "outbox", "*")); len(old) > 0 {
			t.Errorf("%d bytes: left %q", left, old)
		}
	}
	if failed < 2 {
		t.Errorf("only %d times the disk was full", failed)
	}
}

// TestCleanUpDiskFull: on a disk that is full to the last byte what may go goes all the same, and
// has its line.
func TestCleanUpDiskFull(t *testing.T) {
	testrace.Without(t)
	t.Parallel()
	const n = 6
	c := many(t, n, 0, func(_, name string) error { return ownBundle(t, name, 200<<10) })
	onSmallDisk(t, c)
	st := &incident.Store{Dir: filepath.Join(c.Dir, "store")}
	keys, err := st.Keys()
	if err != nil || len(keys) != n {
		t.Fatal(len(keys), err)
	}
	c.Extra = "settle: 10ms\nkeep: {age: 1000d, free: 1MiB}"
	c.Write()
	stop := started(t, c)
	stop(os.Interrupt)
	c.Extra = "settle: 10ms\nkeep: {age: 1ms, free: 1MiB}"
	c.Write()
	fill(t, st.Dir, 0)
	stop = started(t, c)
	testsite.Until(t, "all room is free", func() bool {
		bundles, _ := os.ReadDir(st.Bundles())
		return len(bundles) == 0
	})
	stop(os.Interrupt)
	if err := os.Remove(filepath.Join(st.Dir, "filler")); err != nil {
		t.Fatal(err)
	}
	stop = started(t, c) // what had no room for its line gets it now
	stop(os.Interrupt)
	got := map[string]int{}
	if err := incident.EachRemoved(st, func(r incident.Removal) bool { got[r.Incident]++; return true }); err != nil {
		t.Error(err)
	}
	for _, key := range keys {
		if got[key] != 1 {
			t.Errorf("%s has %d lines", key, got[key])
		}
	}
}

// there are the files in a folder under their own names; clear: they are removed.
func there(t *testing.T, dir string, clear bool) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if clear {
			os.Remove(filepath.Join(dir, e.Name()))
		} else if !strings.HasPrefix(e.Name(), ".") {
			list = append(list, e.Name())
		}
	}
	return list
}
