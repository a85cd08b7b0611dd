package triage

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// Two incidents that a late alert bridges become one, as long as no host was asked.
func TestBridge(t *testing.T) {
	for _, started := range []bool{false, true} {
		st := incidenttest.Store(t, t.TempDir())
		j := testJournal(t, st)
		add(t, j, incidenttest.AlertAt(0, "n1", 1))
		add(t, j, incidenttest.AlertAt(38*time.Minute, "n1", 1))
		in := decide(t, j)
		if len(in) != 2 {
			t.Fatalf("%+v", in)
		}
		want := 1
		if started {
			want = 2
			for _, in := range in {
				if _, err := j.table.Start(in.Key); err != nil {
					t.Fatal(err)
				}
			}
		}
		add(t, j, incidenttest.AlertAt(19*time.Minute, "n2", 1))
		decide(t, j)
		all, err := st.IncidentsOnDisk(nil)
		if err != nil || len(all) != want {
			t.Errorf("started %v: %d incidents, want %d: %+v, %v", started, len(all), want, all, err)
		}
		if got := len(j.table.Unsealed()); got != want {
			t.Errorf("started %v: %d to be run", started, got)
		}
		j.Close()
	}
}

// A late alert takes the news from the opener of an incident that has been started
// and is too far away to join it: the opener stays where its hosts were asked for it.
func TestOpenerStays(t *testing.T) {
	st := incidenttest.Store(t, t.TempDir())
	j := testJournal(t, st)
	opener := incidenttest.AlertAt(9*time.Minute, "n1", 1)
	add(t, j, opener)
	add(t, j, incidenttest.AlertAt(27*time.Minute, "n2", 1))
	add(t, j, incidenttest.AlertAt(45*time.Minute, "n3", 1))
	x := decide(t, j)[0]
	if _, err := j.table.Start(x.Key); err != nil {
		t.Fatal(err)
	}
	add(t, j, incidenttest.AlertAt(0, "n1", 1))
	for range 2 {
		decide(t, j)
		in, err := st.Read(x.Key)
		if err != nil || len(in.Members) != 3 || in.Members[0].Alert != opener.ID || !incident.SameWindow(in.Asked, x.Asked) {
			t.Errorf("%+v, %v", in, err)
		}
		if l, err := st.List(); err != nil || len(l) != 2 {
			t.Errorf("%+v, %v", l, err)
		}
		j.Close()
		j = testJournal(t, st)
	}
	j.Close()
}

// What another process sealed in the meantime is left alone.
func TestReload(t *testing.T) {
	st := incidenttest.Store(t, t.TempDir())
	in := incident.Incident{Key: "20260302T140000Z-hq-abcdef", ID: "20260302T140000Z-hq-abcdef", Site: "hq", Kind: incident.KindNow, State: incident.Failed, Frozen: true}
	if err := errors.Join(st.Create(in.Key), st.Save(in)); err != nil {
		t.Fatal(err)
	}
	j := testJournal(t, st)
	defer j.Close()
	if todo, err := j.table.Reload(in.Key); err != nil || !todo {
		t.Errorf("failed: %v, %v", todo, err)
	}
	in.State = incident.Sealed
	if err := st.Save(in); err != nil {
		t.Fatal(err)
	}
	if todo, err := j.table.Reload(in.Key); err != nil || todo {
		t.Errorf("sealed by another: %v, %v", todo, err)
	}
	if todo, err := j.table.Reload("gone"); err != nil || todo {
		t.Errorf("gone: %v, %v", todo, err)
	}
}

// What a kill left of a mail without a record is removed, and so are temporary
// files, but for a bundle that another process is writing.
func TestLeftovers(t *testing.T) {
	st := incidenttest.Store(t, t.TempDir())
	in := incident.Incident{Key: "20260302T140000Z-hq-abcdef", ID: "20260302T140000Z-hq-abcdef", Site: "hq", Kind: incident.KindNow, State: incident.Running}
	if err := errors.Join(st.Create(in.Key), st.Save(in)); err != nil {
		t.Fatal(err)
	}
	lock, err := st.LockIncident(in.Key)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	busy := filepath.Join(st.Bundles(), in.ID+"-r2.zip.part")
	gone := []string{
		st.MailPath(incidenttest.AlertID("x")), st.MailPath(incidenttest.AlertID("y")) + ".1.part", st.AlertPath(incidenttest.AlertID("y")) + ".1.part", filepath.Join(st.Bundles(), "20260302T140000Z-hq-000000.zip.part"),
	}
	for _, name := range append(gone, busy) {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	testJournal(t, st).Close()
	for _, name := range gone {
		if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(busy); err != nil {
		t.Errorf("the bundle that is being written is gone: %v", err)
	}
}

func TestSecondWatch(t *testing.T) {
	st := incidenttest.Store(t, t.TempDir())
	j := testJournal(t, st)
	if _, err := OpenJournal(st, incidenttest.Sites, incidenttest.Policy(), nil, nil); !errors.Is(err, incident.ErrWatching) {
		t.Errorf("a second watch: %v", err)
	}
	j.Close()
	j = testJournal(t, st)
	j.Close()
}

// A policy of earlier decisions that cannot be read is kept beside, and what was decided
// stays decided, whatever the policy is now.
func TestDamagedPlan(t *testing.T) {
	for _, text := range []string{"", "{", "folder"} {
		st := incidenttest.FastStore(t, t.TempDir())
		path := planFile(st).Path
		err := os.WriteFile(path, []byte(text), 0o600)
		if text == "folder" {
			err = errors.Join(os.Remove(path), os.Mkdir(path, 0o700))
		}
		if err != nil {
			t.Fatal(err)
		}
		j, err := OpenJournal(st, incidenttest.Sites, incidenttest.Policy(), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		plan, there, err := planFile(st).Load()
		if !there || err != nil || plan.Cutoff.IsZero() {
			t.Errorf("%q: %v %v %+v", text, there, err, plan)
		}
		if aside, _ := filepath.Glob(path + ".damaged-*"); len(aside) != 1 {
			t.Errorf("%q: set aside are %q", text, aside)
		}
	}
}

// The mail of an alert stays where its record cannot be read: it may be readable again.
func TestMailOfAnUnreadableRecord(t *testing.T) {
	st := incidenttest.Store(t, t.TempDir())
	j := testJournal(t, st)
	a := incidenttest.AlertAt(0, "n1", 1)
	add(t, j, a)
	j.Close()
	for _, c := range []struct {
		spoil func() error
		stays bool
	}{
		{func() error { return os.WriteFile(st.AlertPath(a.ID), []byte("{"), 0o600) }, true},
		{func() error { return os.Remove(st.AlertPath(a.ID)) }, false},
	} {
		if err := c.spoil(); err != nil {
			t.Fatal(err)
		}
		j, err := OpenJournal(st, incidenttest.Sites, incidenttest.Policy(), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		j.Close()
		if _, err := os.Stat(st.MailPath(a.ID)); (err == nil) != c.stays {
			t.Errorf("stays %v: %v", c.stays, err)
		}
	}
}
