package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/incident/triage"
)

var errCrash = errors.New("killed")

// story is one life of a watcher: three alerts in two batches, the second of which
// joins backwards, and a third that opens an incident of its own. Mails that were
// not taken in an earlier life come again, as from a mailbox.
func story(b *bench, j *triage.Journal, base time.Time) error {
	alerts := []evidence.Alert{
		{ID: incidenttest.AlertID("1"), Name: "Partial", Cluster: "c1", Node: "n1", Time: base},
		{ID: incidenttest.AlertID("2"), Name: "Partial", Cluster: "c1", Node: "n2", Time: base.Add(-3 * time.Minute)},
		{ID: incidenttest.AlertID("3"), Name: "Partial", Cluster: "c1", Node: "n3", Time: base.Add(2 * time.Hour)},
	}
	for _, a := range alerts {
		if wait := time.Until(a.Time); wait > 0 {
			time.Sleep(wait)
		}
		if _, err := j.Add(context.Background(), a, []byte("mail"), false, time.Now()); err != nil {
			return err
		}
		if _, err := j.Decide(time.Now()); err != nil {
			return err
		}
		time.Sleep(time.Minute)
	}
	time.Sleep(time.Hour)
	return nil
}

// A kill before and after each change to the disk, then a restart: exactly one
// bundle per incident, and each alert in one.
func TestKillAtEveryStep(t *testing.T) {
	steps := 0
	for kill := int64(1); ; kill++ {
		killed := false
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			base := time.Now()
			killed = liveAndDie(t, dir, kill, base)
			time.Sleep(time.Minute)
			b := newBench(t, incidenttest.FastStore(t, dir))
			j := b.journal()
			stop := b.watch(j)
			if err := story(b, j, base); err != nil {
				t.Fatalf("kill %d: after the restart: %v", kill, err)
			}
			stop()
			checkStory(t, b, kill)
		})
		steps++
		if !killed || t.Failed() {
			break
		}
	}
	if steps < 50 {
		t.Errorf("only %d steps were killed at", steps)
	}
	t.Logf("%d steps", steps)
}

// liveAndDie runs the story until the kill'th change to the disk, after which
// nothing reaches the disk any more.
func liveAndDie(t *testing.T, dir string, kill int64, base time.Time) (killed bool) {
	st := incidenttest.FastStore(t, dir)
	var n atomic.Int64
	dead := make(chan struct{})
	st.Fault = func(op, name string) error {
		switch k := n.Add(1); {
		case k == kill:
			close(dead)
			return errCrash
		case k > kill:
			return errCrash
		}
		return nil
	}
	b := newBench(t, st)
	j, err := triage.OpenJournal(st, incidenttest.Sites, incidenttest.Policy(), b.r.Log, nil)
	if err != nil {
		return errors.Is(err, errCrash)
	}
	stop := b.watch(j)
	lived := make(chan error, 1)
	go func() { lived <- story(b, j, base) }()
	select {
	case <-dead:
		stop()
		<-lived
		return true
	case err := <-lived:
		stop()
		if err != nil && !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
		return n.Load() >= kill
	}
}

func checkStory(t *testing.T, b *bench, kill int64) {
	t.Helper()
	l := b.list()
	names := b.bundles()
	if len(l) != 2 || len(names) != 2 {
		t.Fatalf("kill %d: %d incidents %+v, bundles %v", kill, len(l), l, names)
	}
	var got []string
	for _, x := range l {
		fb, err := readBundle(x.Bundle)
		if err != nil || x.State != incident.Sealed || fb.Manifest.Incident != x.Incident || fb.Manifest.Revision != 1 || !slices.Contains(names, filepath.Base(x.Bundle)) {
			t.Fatalf("kill %d: %+v: %+v, %v", kill, x, fb.Manifest, err)
		}
		if len(fb.Slices) != 4 {
			t.Errorf("kill %d: slices %v", kill, fb.Slices)
		}
		for _, a := range fb.Manifest.Alerts {
			got = append(got, a.ID)
		}
	}
	slices.Sort(got)
	want := []string{incidenttest.AlertID("1"), incidenttest.AlertID("2"), incidenttest.AlertID("3")}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		// A kill between the first bundle and the second mail makes that mail a late one:
		// it has news, so it has an incident; anything else is wrong.
		t.Errorf("kill %d: alerts %v, want %v", kill, got, want)
	}
	err := filepath.WalkDir(b.st.Dir, func(path string, d fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".part") {
			t.Errorf("kill %d: %s is left over", kill, path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// full is a disk on which nothing can be written as long as it is full.
type full struct{ is atomic.Bool }

func (f *full) fault(op, name string) error {
	if f.is.Load() && !strings.HasSuffix(op, "done") && op != "remove" {
		return fmt.Errorf("%s %s: %w", op, name, syscall.ENOSPC)
	}
	return nil
}

func TestFullDiskWatchWaits(t *testing.T) {
	for name, at := range map[string]time.Duration{"first pass": 0, "second pass": 5 * time.Minute, "sealing": 5*time.Minute + 3*time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var disk full
				st := incidenttest.FastStore(t, t.TempDir())
				st.Fault = disk.fault
				b := newBench(t, st)
				host := func(context.Context, int, Pass) error { return disk.fault("write", "slice") }
				b.hosts["expc01"].script, b.hosts["expe01"].script = host, host
				b.seal = func(int) error {
					time.Sleep(5 * time.Second)
					return disk.fault("write", "part")
				}
				j := b.journal()
				stop := b.watch(j)
				b.alertNow(j, "n1", 1)
				if at > 0 {
					time.Sleep(at)
				}
				disk.is.Store(true)
				time.Sleep(time.Hour)
				if l := b.list(); len(l) != 1 || l[0].State == incident.Sealed || l[0].State == incident.Failed {
					t.Errorf("on a full disk: %+v", l)
				}
				if n := b.count(EventFull); n != 1 {
					t.Errorf("said %d times", n)
				}
				if _, err := j.Add(context.Background(), incidenttest.AlertAt(0, "n", 1), nil, false, time.Now()); !errors.Is(err, syscall.ENOSPC) {
					t.Errorf("a mail was taken on a full disk: %v", err)
				}
				disk.is.Store(false)
				time.Sleep(time.Minute)
				if in, fb := b.sealedOnly(); fb.Manifest.Coverage != evidence.Complete {
					t.Errorf("%+v %+v", in, fb.Manifest)
				}
				stop()
			})
		})
	}
}

// A Decide that met a full disk is done again by the runner.
func TestFullDiskDecide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var disk full
		st := incidenttest.FastStore(t, t.TempDir())
		st.Fault = disk.fault
		b := newBench(t, st)
		j := b.journal()
		stop := b.watch(j)
		b.alertNow(j, "n1", 1)
		time.Sleep(24 * time.Hour)
		b.sealedOnly()
		a := evidence.Alert{ID: incidenttest.AlertID("a"), Name: "Partial", Cluster: "c1", Time: time.Now()}
		if _, err := j.Add(context.Background(), a, nil, false, time.Now()); err != nil {
			t.Fatal(err)
		}
		disk.is.Store(true)
		if _, err := j.Decide(time.Now()); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Decide on a full disk: %v", err)
		}
		time.Sleep(time.Minute)
		disk.is.Store(false)
		time.Sleep(10 * time.Minute)
		if l := b.list(); len(l) != 2 || l[0].State != incident.Sealed || l[1].State != incident.Sealed {
			t.Errorf("%+v", l)
		}
		stop()
	})
}
