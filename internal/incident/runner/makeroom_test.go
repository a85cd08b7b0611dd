package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// putSealed writes a sealed incident with a bundle of so many bytes, sealed so long ago.
func putSealed(t *testing.T, st *incident.Store, site, name string, ago time.Duration, bytes int) {
	t.Helper()
	in := incident.Incident{ID: name, Key: name, Site: site, State: incident.Sealed, Coverage: evidence.Complete, Revision: 1}
	in.Bundle = filepath.Join(st.Bundles(), name+".zip")
	in.Revisions = []incident.Revision{{Revision: 1, Bundle: in.Bundle, Coverage: in.Coverage, Sealed: time.Now().Add(-ago)}}
	if err := st.Create(name); err != nil {
		t.Fatal(err)
	}
	if err := st.Save(in); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(in.Bundle, make([]byte, bytes), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestMakeRoom(t *testing.T) {
	const keep = 10_000
	for _, c := range []struct {
		name  string
		above int64 // free above the reserve, before any bundle goes
		wants int64 // by the error; 0: the disk is full
		made  bool
		gone  string
	}{
		{"what is wanted", 50, 120, true, "hq-oldest"},
		{"two of them", -500, 120, true, "hq-oldest hq-old"},
		{"as much as there is", -500, 5000, true, "hq-oldest hq-old lab-old"},
		{"of no use: others fill the disk", -5000, 120, false, ""},
		{"nothing is wanted any more", 500, 120, true, ""},
		{"full for another reason", 500, 0, false, ""},
		{"full", -20, 0, true, "hq-oldest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			st, err := incident.OpenStore(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			putSealed(t, st, "hq", "hq-oldest", 9*time.Hour, 300)
			putSealed(t, st, "hq", "hq-old", 8*time.Hour, 400)
			putSealed(t, st, "lab", "lab-old", 7*time.Hour, 400)
			putSealed(t, st, "hq", "hq-new", 2*time.Hour, 5000)
			putSealed(t, st, "lab", "lab-new", 3*time.Hour, 5000)
			putSealed(t, st, "one", "one-only", 30*time.Hour, 5000)
			b := newBench(t, st)
			b.r.Reserve = &diskspace.Reserve{Keep: func() int64 { return keep }, Measure: func(string) (diskspace.Space, error) {
				free := c.above + keep
				for name, bytes := range map[string]int64{"hq-oldest": 300, "hq-old": 400, "lab-old": 400} {
					if _, err := os.Stat(filepath.Join(st.Bundles(), name+".zip")); err != nil {
						free += bytes
					}
				}
				return diskspace.Space{Free: free, Total: 100 * keep}, nil
			}}
			var heard []string
			b.r.Removing = func(bundle, why string, _ time.Time) error {
				if _, err := os.Stat(bundle); err != nil || !strings.Contains(why, "keep.free") {
					t.Errorf("removing %s, %q: %v", bundle, why, err)
				}
				heard = append(heard, strings.TrimSuffix(filepath.Base(bundle), ".zip"))
				return errors.New("no room for that either")
			}
			cause := error(syscall.ENOSPC)
			if c.wants > 0 {
				cause = fmt.Errorf("copy: %w", &diskspace.ReservedError{Wants: c.wants})
			}
			if made := (keeper{b.r}).makeRoom(cause); made != c.made {
				t.Errorf("made: %v", made)
			}
			var gone []string
			for _, name := range []string{"hq-oldest", "hq-old", "lab-old", "hq-new", "lab-new", "one-only"} {
				_, err := os.Stat(st.IncidentDir(name))
				_, err2 := os.Stat(filepath.Join(st.Bundles(), name+".zip"))
				if (err == nil) != (err2 == nil) {
					t.Error(name, err, err2)
				}
				if err != nil {
					gone = append(gone, name)
				}
			}
			if got := strings.Join(gone, " "); got != c.gone {
				t.Errorf("gone are %q, want %q", got, c.gone)
			}
			if got := strings.Join(heard, " "); got != c.gone {
				t.Errorf("heard of %q, want %q", got, c.gone)
			}
			said, _ := os.ReadFile(filepath.Join(st.Dir, "removed.jsonl"))
			if n := strings.Count(string(said), "keep.free"); n != len(gone) {
				t.Errorf("%d removals are written down: %s", n, said)
			}
		})
	}
}

// A grab by hand has old bundles pay too before it gives up.
func TestOnceMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := incidenttest.Store(t, t.TempDir())
		putSealed(t, st, "hq", "20200101T000000Z-hq-aaaaaa", 9*time.Hour, 300)
		putSealed(t, st, "hq", "20200101T000001Z-hq-bbbbbb", 8*time.Hour, 300)
		b := newBench(t, st)
		paid := func() bool {
			_, err := os.Stat(st.IncidentDir("20200101T000000Z-hq-aaaaaa"))
			return err != nil
		}
		b.r.Reserve = &diskspace.Reserve{Keep: func() int64 { return 1000 }, Measure: func(string) (diskspace.Space, error) {
			if paid() {
				return diskspace.Space{Free: 1200, Total: 1 << 20}, nil
			}
			return diskspace.Space{Free: 900, Total: 1 << 20}, nil
		}}
		for _, h := range b.hosts {
			h.script = func(context.Context, int, Pass) error { return b.r.Reserve.Refusal(100) }
		}
		site := incidenttest.Sites[0]
		now := time.Now()
		in, err := b.r.Once(t.Context(), Request{Site: site, Asked: evidence.NewWindow(now.Add(-time.Minute), now)})
		if err != nil || in.State != incident.Sealed || !paid() {
			t.Errorf("%v %+v, paid %v", err, in.State, paid())
		}
	})
}
