package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/incident/material"
	"rtmtgrab/internal/incident/triage"
)

// bring adds a phone's report to an incident.
func bring(st *incident.Store, key, device, text string) error {
	f := material.Of(st, key)
	name := "prt/" + device + ".tar.gz"
	w, err := f.Create(name)
	if err != nil {
		return err
	}
	fmt.Fprint(w, text)
	in, err := w.Finish()
	if err != nil {
		return err
	}
	p := evidence.PRT{Device: device, Path: name, Received: time.Now().UTC(), Bytes: in.Bytes, SHA256: in.SHA256}
	return f.Add(time.Now(), material.Change{Files: []material.Incoming{in}, PRTs: []evidence.PRT{p}})
}

func (b *bench) bring(device, text string) {
	b.t.Helper()
	if err := bring(b.st, b.list()[0].Incident, device, text); err != nil {
		b.t.Fatal(err)
	}
}

// What comes late is sealed ten minutes after the last of it, at most once in half an hour, with
// the very logs of the revision before, and no host is asked.
func TestLateMaterial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		j := b.journal()
		stop := b.watch(j)
		defer stop()
		b.alertNow(j, "n1", 1)
		time.Sleep(10 * time.Minute)
		_, first := b.sealedOnly()
		asked := len(b.hosts["expc01"].seen())

		b.bring("SEP001122334455", "one")
		time.Sleep(6 * time.Minute)
		b.bring("SEP001122334466", "two")
		time.Sleep(9 * time.Minute)
		if in, _ := b.sealedOnly(); in.Revision != 1 {
			t.Fatal("a further revision was made before ten minutes of quiet")
		}
		time.Sleep(90 * time.Second)
		in, second := b.sealedOnly()
		if in.Revision != 2 || len(in.Revisions) != 2 || !in.Revisions[1].Late || second.Manifest.Revision != 2 {
			t.Fatalf("revision %d, %+v", in.Revision, in.Revisions)
		}
		want := map[string]string{"prt/SEP001122334455.tar.gz": "one", "prt/SEP001122334466.tar.gz": "two"}
		if !maps.Equal(second.Extra, want) || len(second.Manifest.PRTs) != 2 {
			t.Errorf("extra %v, manifest %+v", second.Extra, second.Manifest.PRTs)
		}
		if !maps.Equal(first.Slices, second.Slices) || !maps.Equal(first.Mails, second.Mails) {
			t.Errorf("logs or mails differ: %v, %v", first, second)
		}
		if !hasNote(second.Manifest.Notes, "revision 1, sealed") || second.Manifest.Coverage != first.Manifest.Coverage {
			t.Errorf("%+v", second.Manifest)
		}
		if n := len(b.hosts["expc01"].seen()); n != asked {
			t.Errorf("the host was asked %d times more", n-asked)
		}

		b.bring("SEP001122334477", "three")
		time.Sleep(27 * time.Minute)
		if in, _ := b.sealedOnly(); in.Revision != 2 {
			t.Error("two further revisions within half an hour")
		}
		time.Sleep(5 * time.Minute)
		in, third := b.sealedOnly()
		want["prt/SEP001122334477.tar.gz"] = "three"
		if in.Revision != 3 || !maps.Equal(third.Extra, want) || !maps.Equal(first.Slices, third.Slices) {
			t.Errorf("revision %d: %v", in.Revision, third.Extra)
		}
		time.Sleep(3 * time.Hour)
		if in, _ := b.sealedOnly(); in.Revision != 3 {
			t.Errorf("revision %d of nothing", in.Revision)
		}
		if q, err := material.Queue(b.st); len(q) != 0 || err != nil {
			t.Errorf("queued: %+v, %v", q, err)
		}
		if _, err := os.Stat(filepath.Join(b.st.IncidentDir(in.Key), "prt")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the reports still lie in the incident's folder: %v", err)
		}
	})
}

// A person need not wait for a further revision: a retry makes it at once, asks no host, and
// there is nothing more to retry then.
func TestRetryTakesWhatCameLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		j := b.journal()
		stop := b.watch(j)
		defer stop()
		b.alertNow(j, "n1", 1)
		time.Sleep(10 * time.Minute)
		in, first := b.sealedOnly()
		if _, err := b.r.Retry(t.Context(), in.ID, RetryRequest{}); !errors.Is(err, ErrComplete) {
			t.Fatalf("nothing came: %v", err)
		}
		asked := len(b.hosts["expc01"].seen())
		b.bring("SEP001122334455", "one")
		if _, err := b.r.Retry(t.Context(), in.ID, RetryRequest{}); err != nil {
			t.Fatal(err)
		}
		in, second := b.sealedOnly()
		if in.Revision != 2 || !in.Revisions[1].Late || in.Late || second.Extra["prt/SEP001122334455.tar.gz"] != "one" || !maps.Equal(first.Slices, second.Slices) {
			t.Errorf("revision %d, %+v: %v", in.Revision, in.Revisions, second.Extra)
		}
		if n := len(b.hosts["expc01"].seen()); n != asked {
			t.Errorf("the host was asked %d times more", n-asked)
		}
		if _, err := b.r.Retry(t.Context(), in.ID, RetryRequest{}); !errors.Is(err, ErrComplete) {
			t.Errorf("it has all: %v", err)
		}
		time.Sleep(3 * time.Hour)
		if in, _ := b.sealedOnly(); in.Revision != 2 {
			t.Errorf("revision %d of nothing", in.Revision)
		}
	})
}

// What comes before the first revision is in it, and nothing is queued.
func TestMaterialInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		j := b.journal()
		stop := b.watch(j)
		defer stop()
		b.alertNow(j, "n1", 1)
		time.Sleep(time.Minute)
		b.bring("SEP001122334455", "one")
		time.Sleep(2 * time.Hour)
		if in, fb := b.sealedOnly(); in.Revision != 1 || fb.Extra["prt/SEP001122334455.tar.gz"] != "one" {
			t.Errorf("revision %d: %v", in.Revision, fb.Extra)
		}
	})
}

// Without the earlier bundle there are no logs any more, and no revision without them: what came
// stays queued, the incident sealed as it was, and when the bundle is back it is made.
func TestLateWithoutTheBundle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		j := b.journal()
		stop := b.watch(j)
		defer stop()
		b.alertNow(j, "n1", 1)
		time.Sleep(10 * time.Minute)
		in, _ := b.sealedOnly()
		away := filepath.Join(t.TempDir(), "away")
		if err := os.Rename(in.Bundle, away); err != nil {
			t.Fatal(err)
		}
		b.bring("SEP001122334455", "one")
		time.Sleep(15 * time.Minute)
		now, err := b.st.Load(in.ID)
		if err != nil || now.State != incident.Sealed || now.Revision != 1 || now.Bundle != in.Bundle {
			t.Fatalf("%+v, %v", now, err)
		}
		if q, there := material.QueuedOf(b.st, in.Key); !there || q.Tries != 1 || !strings.Contains(q.Error, "not there any more") {
			t.Errorf("queued %v: %+v", there, q)
		}
		if err := os.Rename(away, in.Bundle); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if in, fb := b.sealedOnly(); in.Revision != 2 || len(fb.Extra) != 1 {
			t.Errorf("revision %d: %v", in.Revision, fb.Extra)
		}
	})
}

// A further revision for which there is no room leaves the incident as it was, and is made within
// minutes when there is some, not after the time that lies between two others.
func TestLateWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		var full atomic.Bool
		seal := b.r.Seal
		b.r.Seal = func(ctx context.Context, job SealJob) (SealedBundle, error) {
			if full.Load() {
				return SealedBundle{}, fmt.Errorf("write bundle: %w", syscall.ENOSPC)
			}
			return seal(ctx, job)
		}
		j := b.journal()
		stop := b.watch(j)
		defer stop()
		b.alertNow(j, "n1", 1)
		time.Sleep(10 * time.Minute)
		first, fb := b.sealedOnly()
		full.Store(true)
		b.bring("SEP001122334455", "one")
		time.Sleep(2 * time.Hour)
		synctest.Wait() // what begins at this moment has failed too
		in, err := b.st.Load(first.ID)
		if err != nil || in.State != incident.Sealed || in.Revision != 1 || in.Bundle != first.Bundle {
			t.Fatalf("%+v, %v", in, err)
		}
		if q, there := material.QueuedOf(b.st, in.Key); !there || !q.Full || q.Tries < 3 {
			t.Errorf("queued %v: %+v", there, q)
		}
		full.Store(false)
		time.Sleep(5 * time.Minute)
		if in, got := b.sealedOnly(); in.Revision != 2 || len(got.Extra) != 1 || !maps.Equal(got.Slices, fb.Slices) {
			t.Errorf("revision %d: %v", in.Revision, got.Extra)
		}
	})
}

// A report that cannot be made any more is no reason to seal less than there was, until it is
// clear that there will be none.
func TestLateWithoutReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		j := b.journal()
		stop := b.watch(j)
		defer stop()
		b.alertNow(j, "n1", 1)
		time.Sleep(10 * time.Minute)
		b.setNoReport("it ran out of memory")
		b.bring("SEP001122334455", "one")
		time.Sleep(time.Hour)
		if in, _ := b.sealedOnly(); in.Revision != 1 {
			t.Fatalf("revision %d without a report", in.Revision)
		}
		time.Sleep(time.Hour)
		in, fb := b.sealedOnly()
		if in.Revision != 2 || in.NoReport() == "" || len(fb.Extra) != 1 {
			t.Fatalf("revision %d: %+v", in.Revision, in.Revisions)
		}
		b.setNoReport("") // and a retry adds it, though the logs lie in the bundle alone
		retried, err := b.r.Retry(t.Context(), in.ID, RetryRequest{})
		if err != nil || retried.Revision != 3 || retried.NoReport() != "" {
			t.Fatalf("%+v, %v", retried, err)
		}
		if again, err := readBundle(retried.Bundle); err != nil || !maps.Equal(again.Extra, fb.Extra) || !maps.Equal(again.Slices, fb.Slices) {
			t.Errorf("%v, %v", again, err)
		}
	})
}

// A kill before and after each change to the disk, then a restart: one further revision has all that
// was added, with the logs of the first.
func TestKillWhileLate(t *testing.T) {
	const one, two = "SEP001122334455", "SEP001122334466"
	steps := 0
	for kill := int64(1); ; kill++ {
		killed := false
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			first := sealOne(t, dir)
			killed = lateAndDie(t, dir, kill, one, two)
			time.Sleep(time.Minute)

			b := newBench(t, incidenttest.FastStore(t, dir))
			stop := b.watch(b.journal())
			b.bring(one, "text of one") // whoever was told of an error sends it again
			b.bring(two, "text of two")
			time.Sleep(2 * time.Hour)
			stop()
			in, fb := b.sealedOnly()
			if in.Revision < 2 || in.Revision > 3 || fb.Extra["prt/"+one+".tar.gz"] != "text of one" || fb.Extra["prt/"+two+".tar.gz"] != "text of two" || len(fb.Extra) != 2 {
				t.Errorf("kill %d: revision %d: %v", kill, in.Revision, fb.Extra)
			}
			if !maps.Equal(first.Slices, fb.Slices) || len(b.bundles()) != in.Revision || len(in.Revisions) != in.Revision {
				t.Errorf("kill %d: %v, bundles %v", kill, fb.Slices, b.bundles())
			}
			if q, err := material.Queue(b.st); len(q) != 0 || err != nil {
				t.Errorf("kill %d: queued %+v, %v", kill, q, err)
			}
		})
		steps++
		if !killed || t.Failed() {
			break
		}
	}
	if steps < 20 {
		t.Errorf("only %d steps were killed at", steps)
	}
	t.Logf("%d steps", steps)
}

func sealOne(t *testing.T, dir string) fakeBundle {
	b := newBench(t, incidenttest.FastStore(t, dir))
	j := b.journal()
	stop := b.watch(j)
	b.alertNow(j, "n1", 1)
	time.Sleep(10 * time.Minute)
	stop()
	_, fb := b.sealedOnly()
	return fb
}

// lateAndDie adds two reports and waits for the revision, until the kill'th change to the disk.
func lateAndDie(t *testing.T, dir string, kill int64, devices ...string) (killed bool) {
	st := incidenttest.FastStore(t, dir)
	b := newBench(t, st)
	j, err := triage.OpenJournal(st, incidenttest.Sites, incidenttest.Policy(), b.r.Log, nil)
	if err != nil {
		t.Fatal(err)
	}
	stop := b.watch(j)
	defer stop()
	time.Sleep(time.Minute)
	key := b.list()[0].Incident
	var n atomic.Int64
	st.Fault = func(op, name string) error {
		if n.Add(1) >= kill {
			return errCrash
		}
		return nil
	}
	for _, d := range devices {
		if err := bring(st, key, d, "text of "+strings.ToLower(map[string]string{devices[0]: "one", devices[1]: "two"}[d])); err != nil && !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
	}
	time.Sleep(20 * time.Minute)
	return n.Load() >= kill
}

// TestLateAfterAClockThatWasAhead: a further revision that was sealed while the clock was years ahead does
// not put the next one off for years.
func TestLateAfterAClockThatWasAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		j := b.journal()
		stop := b.watch(j)
		defer stop()
		b.alertNow(j, "n1", 1)
		time.Sleep(10 * time.Minute)
		b.bring("SEP001122334455", "one")
		time.Sleep(time.Hour)
		in, _ := b.sealedOnly()
		if len(in.Revisions) != 2 {
			t.Fatalf("%+v", in.Revisions)
		}
		in.Revisions[1].Sealed = time.Now().Add(26280 * time.Hour).UTC()
		if err := b.st.Save(in); err != nil {
			t.Fatal(err)
		}
		b.bring("SEP001122334466", "two")
		time.Sleep(time.Hour)
		if in, _ = b.sealedOnly(); len(in.Revisions) != 3 {
			t.Errorf("%+v", in.Revisions)
		}
	})
}
