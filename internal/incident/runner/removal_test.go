package runner

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// A kill before and after each step of a removal, then a restart: no bundle is lost without
// its line, none has two, what is pinned or not delivered is there, and the rest is gone.
func TestKillWhileRemoving(t *testing.T) {
	for name, fault := range map[string]struct {
		err  error
		once bool // the program lives on
	}{"killed": {errCrash, false}, "full": {syscall.ENOSPC, true}, "io": {syscall.EIO, true}} {
		t.Run(name, func(t *testing.T) { removeWith(t, fault.err, fault.once) })
	}
}

// removeWith has each step in turn fail, and all after it unless once.
func removeWith(t *testing.T, fault error, once bool) {
	go1, stay := []string{"hq-a", "hq-b"}, []string{"hq-new", "hq-pinned", "hq-undelivered"}
	steps := 0
	for kill := 1; ; kill++ {
		st := incidenttest.FastStore(t, t.TempDir())
		for i, name := range slices.Concat(go1, stay) {
			putSealed(t, st, "hq", name, time.Duration(9-i)*time.Hour, 300)
			addRevision(t, st, name, 200)
		}
		if err := incident.SetPin(st, "hq-pinned", incident.Pin{}); err != nil {
			t.Fatal(err)
		}
		n := 0
		st.Fault = func(op, name string) error {
			if n++; n == kill || n > kill && !once {
				return fault
			}
			return nil
		}
		life := func(st *incident.Store) error {
			b := newBench(t, st)
			b.r.Policy = func() incident.Policy { return incident.Policy{KeepSize: 1500} }
			b.r.Undelivered = func(key string) bool { return key == "hq-undelivered" }
			return (keeper{b.r}).removeOld(t.Context(), time.Now())
		}
		err := life(st)
		checkRemoved(t, st, kill, slices.Concat(go1, stay))
		if n >= kill && !once && !errors.Is(err, fault) {
			t.Errorf("kill %d: %v", kill, err)
		}

		again := incidenttest.FastStore(t, st.Dir)
		for range 2 { // twice: what is done is done
			if err := life(again); err != nil {
				t.Errorf("kill %d: after the restart: %v", kill, err)
			}
		}
		lines := checkRemoved(t, again, kill, slices.Concat(go1, stay))
		if got := strings.Join(lines, " "); got != "hq-a hq-b" {
			t.Errorf("kill %d: %q are written down", kill, got)
		}
		if keys, _ := again.Keys(); !slices.Equal(keys, stay) {
			t.Errorf("kill %d: %q are left", kill, keys)
		}
		files, _ := os.ReadDir(again.Bundles())
		left, _ := os.ReadDir(filepath.Join(again.Dir, "removing"))
		if len(files) != 2*len(stay) || len(left) != 0 {
			t.Errorf("kill %d: %d bundles are left, and %d folders", kill, len(files), len(left))
		}
		if n < kill || t.Failed() {
			break
		}
		steps++
	}
	if steps < 15 {
		t.Errorf("only %d steps were killed at", steps)
	}
	t.Logf("%d steps", steps)
}

// addRevision gives an incident of putSealed a second bundle.
func addRevision(t *testing.T, st *incident.Store, name string, bytes int) {
	t.Helper()
	in, err := st.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	in.Revision, in.Bundle = 2, filepath.Join(st.Bundles(), name+"-r2.zip")
	in.Revisions = append(in.Revisions, incident.Revision{Revision: 2, Bundle: in.Bundle, Coverage: evidence.Complete, Sealed: in.Revisions[0].Sealed, Brief: &incident.Brief{Verdict: "partial"}})
	if err := errors.Join(st.Save(in), os.WriteFile(in.Bundle, make([]byte, bytes), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// checkRemoved sees to it that whatever lacks a bundle has its line, one, and returns the lines.
func checkRemoved(t *testing.T, st *incident.Store, kill int, all []string) (lines []string) {
	t.Helper()
	if err := incident.EachRemoved(st, func(r incident.Removal) bool {
		lines = append(lines, r.Incident)
		if r.Bytes != 500 || len(r.Bundles) != 2 || r.Brief == nil || r.Brief.Verdict != "partial" || !strings.Contains(r.Why, "keep.size") {
			t.Errorf("kill %d: %+v", kill, r)
		}
		return true
	}); err != nil {
		t.Errorf("kill %d: %v", kill, err)
	}
	slices.Sort(lines)
	if len(slices.Compact(slices.Clone(lines))) != len(lines) {
		t.Errorf("kill %d: twice in %q", kill, lines)
	}
	for _, name := range all {
		for _, ext := range []string{".zip", "-r2.zip"} {
			if !exists(filepath.Join(st.Bundles(), name+ext)) && !slices.Contains(lines, name) {
				t.Errorf("kill %d: %s%s is gone without a line", kill, name, ext)
			}
		}
		if _, err := incident.LoadRemoved(st, name); err != nil && !exists(st.IncidentDir(name)) {
			t.Errorf("kill %d: nothing is known of %s: %v", kill, name, err)
		}
	}
	return lines
}

func TestKeepSize(t *testing.T) {
	type put struct {
		name   string
		ago    time.Duration
		bytes  int
		second int // bytes of a second revision; 0: none
	}
	five := []put{{"hq-a", 9, 300, 0}, {"hq-b", 8, 300, 400}, {"lab-c", 8, 300, 0}, {"hq-d", 7, 300, 0}, {"hq-e", 1, 300, 0}} // 1,900
	for _, c := range []struct {
		name        string
		puts        []put
		size        int64
		pinned      string
		undelivered string
		gone        string
		over        int64
	}{
		{name: "all fit", puts: five, size: 1900},
		{name: "no limit", puts: five},
		{name: "the oldest goes", puts: five, size: 1899, gone: "hq-a"},
		{name: "with all its revisions", puts: five, size: 900, gone: "hq-a hq-b"},
		{name: "of two of one moment one", puts: []put{{"b", 5, 10, 0}, {"a", 5, 10, 0}, {"c", 5, 10, 0}}, size: 20, gone: "a"},
		{name: "not what is pinned or undelivered", puts: five, size: 1300, pinned: "hq-a", undelivered: "hq-b", gone: "hq-d lab-c"},
		{name: "only such are left", puts: five, size: 500, pinned: "hq-a", undelivered: "hq-b hq-e", gone: "hq-d lab-c", over: 800},
		{name: "the newest stays, however large", puts: five, size: 100, gone: "hq-a hq-b hq-d lab-c", over: 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := incidenttest.FastStore(t, t.TempDir())
			now := time.Now()
			for _, p := range c.puts {
				site, _, _ := strings.Cut(p.name, "-")
				putSealed(t, st, site, p.name, p.ago*time.Hour, p.bytes)
				in, _ := st.Read(p.name)
				in.Revisions[0].Sealed = now.Add(-p.ago * time.Hour)
				if err := st.Save(in); err != nil {
					t.Fatal(err)
				}
				if p.second > 0 {
					addRevision(t, st, p.name, p.second)
				}
			}
			outside := filepath.Join(t.TempDir(), "out.zip") // of --out: not the store's
			putSealed(t, st, "out", "out", 99*time.Hour, 1)
			in, _ := st.Read("out")
			os.Remove(in.Bundle)
			in.Bundle, in.Revisions[0].Bundle = outside, outside
			if err := errors.Join(st.Save(in), os.WriteFile(outside, make([]byte, 5000), 0o600)); err != nil {
				t.Fatal(err)
			}
			for name := range strings.FieldsSeq(c.pinned) {
				if err := incident.SetPin(st, name, incident.Pin{Reason: "kept"}); err != nil {
					t.Fatal(err)
				}
			}
			b := newBench(t, st)
			b.r.Undelivered = func(key string) bool { return slices.Contains(strings.Fields(c.undelivered), key) }
			b.r.Policy = func() incident.Policy { return incident.Policy{KeepSize: c.size} }
			if err := (keeper{b.r}).keepSize(t.Context()); err != nil {
				t.Fatal(err)
			}
			var gone []string
			for _, p := range c.puts {
				if !exists(st.IncidentDir(p.name)) {
					gone = append(gone, p.name)
				}
				if exists(st.IncidentDir(p.name)) != exists(filepath.Join(st.Bundles(), p.name+".zip")) {
					t.Errorf("half of %s is there", p.name)
				}
			}
			slices.Sort(gone)
			if got := strings.Join(gone, " "); got != c.gone {
				t.Errorf("gone are %q, want %q", got, c.gone)
			}
			if !exists(outside) || !exists(st.IncidentDir("out")) {
				t.Error("what lies outside the store is removed for its size")
			}
			if k := b.r.Kept(); k.Over != c.over {
				t.Errorf("%+v, want %d above", k, c.over)
			}
		})
	}
}

// Whoever works at an incident keeps it from being removed; then it goes.
func TestRemovalOfABusyIncident(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	putSealed(t, st, "hq", "hq-a", 9*time.Hour, 300)
	putSealed(t, st, "hq", "hq-b", 8*time.Hour, 300)
	lock, err := st.LockIncident("hq-a")
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, st)
	b.r.Policy = func() incident.Policy { return incident.Policy{Keep: time.Hour} }
	clean := func() string {
		if err := (keeper{b.r}).removeOld(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		keys, _ := st.Keys()
		return strings.Join(keys, " ")
	}
	if got := clean(); got != "hq-a" {
		t.Errorf("%q are left", got)
	}
	lock.Release()
	if got := clean(); got != "" {
		t.Errorf("%q are left", got)
	}
	if _, err := b.r.Retry(t.Context(), "hq-a", RetryRequest{}); !errors.Is(err, incident.ErrRemoved) || !strings.Contains(err.Error(), "keep.age") {
		t.Errorf("a retry of what was removed: %v", err)
	}
}

// A pin that is set while everything is being removed either holds, or says that it is too
// late: never both, never neither.
func TestPinAgainstRemoval(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	var names []string
	for i := range 40 {
		names = append(names, fmt.Sprintf("hq-%02d", i))
		putSealed(t, st, "hq", names[i], time.Duration(99-i)*time.Hour, 10)
	}
	b := newBench(t, st)
	b.r.Policy = func() incident.Policy { return incident.Policy{Keep: time.Minute} }
	removed := make(chan error, 1)
	go func() { removed <- (keeper{b.r}).removeOld(t.Context(), time.Now()) }()
	held := map[string]bool{}
	for i := range names {
		name := names[len(names)-1-i] // towards who removes
		err := incident.SetPin(st, name, incident.Pin{Reason: "mine"})
		if held[name] = err == nil; err != nil && !errors.Is(err, incident.ErrRemoved) {
			t.Error(name, err)
		}
	}
	if err := <-removed; err != nil {
		t.Fatal(err)
	}
	if err := (keeper{b.r}).removeOld(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		_, err := incident.LoadRemoved(st, name)
		if there := exists(filepath.Join(st.Bundles(), name+".zip")); there != held[name] || there != exists(st.IncidentDir(name)) || there == (err == nil) {
			t.Errorf("%s: pinned %v, there %v, %v", name, held[name], there, err)
		}
	}
}
