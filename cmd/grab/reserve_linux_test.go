package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testrace"
	"rtmtgrab/internal/testsite"
	"rtmtgrab/mailwatch"
)

// smallStore puts the site's store on a disk of its own.
func (c *labConfig) smallStore(size string) (dir string) {
	c.T.Helper()
	dir = filepath.Join(c.Dir, "store")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		c.T.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0700,size="+size); err != nil {
		c.T.Skip("a disk of its own needs root: ", err)
	}
	c.T.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// fill leaves so many bytes of the disk free.
func fill(t *testing.T, dir string, left int64) {
	t.Helper()
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, max(int64(s.Bavail)*s.Bsize-left, 0))
	if err := os.WriteFile(filepath.Join(dir, "filler"), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A disk that is full up to the reserve: the alert is journaled, the cursor moves, the
// files are held and nothing is copied; status says it, and with room all is got. A grab
// by hand gives up.
func TestReserveOnDisk(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{Role: "C"}, lab.ExpresswayConfig{Role: "E"}).withMail()
	store := c.smallStore("64m")
	c.Extra = "keep: {free: 30MiB}\nsettle: 10ms"
	c.Write()
	c.watching(c.Socket())
	c.warm()
	fill(t, store, 29<<20)
	r := c.status("the reserve is touched", func(r status.Report) bool { return !r.Works })
	if !slices.Contains(problemKeys(r), "disk") || r.Disk.ReserveBytes != 30<<20 {
		t.Errorf("%+v %+v", r.Problems, r.Disk)
	}

	c.alertNow(rtmt.MailOptions{})
	cursors, _ := filepath.Glob(filepath.Join(store, "cursors", "*.json"))
	testsite.Until(t, "the cursor moves", func() bool {
		cur, _, err := atomicfile.JSON[mailwatch.Cursor]{Path: cursors[0]}.Load()
		return err == nil && cur.UID == 1
	})
	l := c.list(func(list []incident.Listed) bool { return len(list) == 1 && list[0].State == incident.Running })
	key := l[0].Incident
	testsite.Until(t, "both hosts are held", func() bool {
		st := &incident.Store{Dir: store}
		for _, e := range c.Peers {
			h, err := st.ReadHost(key, e.Name())
			if err != nil || !slices.ContainsFunc(h.Attempts, func(a incident.Attempt) bool { return strings.Contains(a.Error, "keep.free") }) || h.Held.IsZero() {
				return false
			}
		}
		return true
	})
	if slices, _ := filepath.Glob(filepath.Join(store, "incidents", key, "hosts", "*", "*.raw")); len(slices) > 0 {
		for _, name := range slices {
			if info, err := os.Stat(name); err == nil && info.Size() > 0 {
				t.Errorf("%s was copied into the reserve: %d bytes", name, info.Size())
			}
		}
	}
	if got := runGrab("-c", c.Path, "now", "--before", "1m", "--patience", "1s"); got.code != 1 || !strings.Contains(got.err, "keep.free") || !strings.Contains(got.err, "hint:") {
		t.Errorf("by hand: %s", got)
	}

	if err := os.Remove(filepath.Join(store, "filler")); err != nil {
		t.Fatal(err)
	}
	c.complete(1)
	c.status("all is well", func(r status.Report) bool { return r.Works })
}

// A grab by hand for which the disk has not room enough warns, copies what is nearest the
// event and seals it; the rest is missing for want of room.
func TestNowTakesWhatFits(t *testing.T) {
	testrace.Without(t)
	t.Parallel()
	logs := lab.LogConfig{Rate: 100}
	c := newLab(t, lab.ExpresswayConfig{Role: "C", Logs: logs}, lab.ExpresswayConfig{Role: "E", Logs: logs})
	store := c.smallStore("64m")
	c.Extra = "keep: {free: 30MiB}\nsettle: 10ms"
	c.Write()
	fill(t, store, 33<<20)
	at := time.Now().Add(-time.Minute)
	r := c.grab("now", "--json", "--at", at.Format(time.RFC3339Nano), "--before", "50s", "--after", "50s", "--patience", "1s")
	var got oneshot.Outcome
	r.decode(t, &got)
	if r.code != advice.Partial || got.Coverage != evidence.Partial || !strings.Contains(r.err, "warning: no room for all of it") || !strings.Contains(r.err, "keep.free") {
		t.Fatal(r)
	}
	if res, err := bundle.Verify(t.Context(), got.Bundle); err != nil || !res.OK {
		t.Errorf("%+v %v", res, err)
	}
	for _, h := range got.Hosts {
		for _, f := range h.Files {
			if f.Bytes == 0 || f.First.After(at) || f.Last.Before(at.Add(-time.Second)) {
				t.Errorf("%s %s: %d bytes from %v to %v, not around %v", h.Host, f.Family, f.Bytes, f.First, f.Last, at)
			}
			if len(f.Missing) == 0 || f.Missing[0].Reason != evidence.ReasonDisk {
				t.Errorf("%s %s: %+v", h.Host, f.Family, f.Missing)
			}
		}
	}
}

// A store whose file system has become read only: No at once, in status and at
// /healthz, also for the alert that waits in the mailbox; and all is got when it is mended.
func TestStoreReadOnly(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{Role: "C"}).withMail()
	store := c.smallStore("64m")
	addr := testsite.FreeAddr(t)
	c.Extra = fmt.Sprintf("keep: {free: 1MiB}\nhttp: {listen: %q}\nsettle: 10ms", addr)
	c.Write()
	c.watching(c.Socket())
	c.warm()
	c.status("all is well", func(r status.Report) bool { return r.Works })
	frozen := filepath.Join(store, "mails")
	if err := unix.Mount(frozen, frozen, "", unix.MS_BIND, ""); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { unix.Unmount(frozen, unix.MNT_DETACH) })
	if err := unix.Mount("", frozen, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	c.alertNow(rtmt.MailOptions{})
	alerts := "mailbox/" + c.Mail.User + "/INBOX/alerts"
	r := c.status("the alert cannot be kept", func(r status.Report) bool { return slices.Contains(problemKeys(r), alerts) })
	if r.Works {
		t.Errorf("%+v", r.Problems)
	}
	if code, body := testsite.Get(t, addr, "/healthz"); code != 503 || !strings.Contains(body, "cannot be kept") {
		t.Errorf("%d %s", code, body)
	}
	if err := unix.Unmount(frozen, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	c.complete(1)
	c.status("all is well", func(r status.Report) bool { return r.Works })
}
