package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testrace"
)

// TestDeliveryDiskFull: on a store's disk that is full at whatever byte nothing half is delivered,
// nothing is lost, and with room again it is there once and whole.
func TestDeliveryDiskFull(t *testing.T) {
	testrace.Without(t)
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{})
	share := t.TempDir()
	c.Extra = fmt.Sprintf("handover: [{name: share, folder: %q, format: tar.gz, mask: identities}]", share)
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
		if r := c.grab("verify", filepath.Join(share, list[0])); r.code != 0 {
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
