package inventory

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// put writes a sealed incident n minutes after T0 as a store has it.
func put(t testing.TB, st *incident.Store, n int, change func(*incident.Incident)) incident.Incident {
	t.Helper()
	at := incidenttest.T0.Add(time.Duration(n) * time.Minute)
	in := incident.Incident{ID: incident.MakeID(at, "hq", fmt.Sprintf("%06x", n)), Site: "hq", Kind: incident.KindAlert, State: incident.Sealed, Frozen: true,
		Members: []incident.Member{{Alert: incidenttest.AlertID(fmt.Sprint(n)), Time: at}}, Coverage: evidence.Complete, TimeZone: "America/New_York", Revision: 1, Created: at,
		Asked: evidence.NewWindow(at.Add(-15*time.Minute), at.Add(5*time.Minute))}
	in.Key = in.ID
	in.Bundle = filepath.Join(st.Bundles(), in.ID+".zip")
	in.Revisions = []incident.Revision{{Revision: 1, Bundle: in.Bundle, Brief: &incident.Brief{Node: "cucm01", Verdict: "healthy", Bytes: 2048}}}
	if change != nil {
		change(&in)
	}
	if err := st.Create(in.Key); err != nil {
		t.Fatal(err)
	}
	if err := st.Save(in); err != nil {
		t.Fatal(err)
	}
	return in
}

func partial(in *incident.Incident) {
	in.Revisions[0].Brief = &incident.Brief{Node: "cucm02", Verdict: "partial", Bytes: 1 << 20, More: 2,
		Phones: []incident.NamedFate{{Device: "SEP1", Verdict: "came_back_by_keepalive"}, {Device: "SEP2", Verdict: "partial"}, {Device: "SEP3", Verdict: "partial"}}}
}

func TestList(t *testing.T) {
	t.Parallel()
	st := incidenttest.FastStore(t, t.TempDir())
	put(t, st, 0, partial)
	put(t, st, 10, func(in *incident.Incident) { in.Kind, in.Members, in.By, in.Site = incident.KindNow, nil, "ann", "far" })
	running := put(t, st, 20, func(in *incident.Incident) {
		in.Kind, in.State, in.Frozen, in.Bundle, in.Revisions, in.Coverage = "other", incident.Running, false, "", nil, ""
	})
	works, err := st.LockIncident(running.Key)
	if err != nil {
		t.Fatal(err)
	}
	put(t, st, 30, func(in *incident.Incident) { in.Revisions[0].Brief = &incident.Brief{} })
	for name, c := range map[string]struct {
		q    Query
		want string
	}{
		"all":       {Query{}, "30 20 10 0"},
		"site":      {Query{Site: "far"}, "10"},
		"since":     {Query{Since: incidenttest.T0.Add(20 * time.Minute)}, "30 20"},
		"last":      {Query{Last: 2}, "30 20"},
		"verdict":   {Query{Verdict: "partial"}, "0"},
		"a phone's": {Query{Verdict: "came_back_by_keepalive", Last: 1}, "0"},
		"none":      {Query{Verdict: NoReport}, "30"},
		"coverage":  {Query{Coverage: "complete"}, "30 10 0"},
		"lost":      {Query{Coverage: "lost"}, ""},
	} {
		list, err := List(st, c.q)
		var got []string
		for _, l := range list {
			got = append(got, fmt.Sprint(int(l.Time.Sub(incidenttest.T0).Minutes())))
		}
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	list, _ := List(st, Query{})
	var b strings.Builder
	if err := Write(&b, list, incidenttest.T0.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"hq    sealed   complete                 2026-03-02 09:00:00 EST  1 h ago     alert of cucm02  partial: SEP1, SEP2 and 3 more  1.0 MiB\n",
		"far   sealed   complete                 2026-03-02 09:10:00 EST  50 min ago  by hand (ann)    healthy                         2.0 KiB\n",
		"hq    running  to come, until 09:25:00  2026-03-02 09:20:00 EST  40 min ago  other            -                               -\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}

	works.Release() // as kill -9 does
	list, _ = List(st, Query{})
	b.Reset()
	Write(&b, list, incidenttest.T0.Add(time.Hour))
	if !list[1].Left || !strings.Contains(b.String(), "nobody works at it: grab watch goes on with it, or `grab retry "+running.ID+"`\n") {
		t.Errorf("it is not said to be left:\n%s", b.String())
	}
}

// One name means the same wherever it stands: a path, an incident, the newest.
func TestFinder(t *testing.T) {
	t.Parallel()
	st := incidenttest.FastStore(t, t.TempDir())
	f := Finder{Store: func() (*incident.Store, error) { return st, nil }}
	if _, err := f.Path(Last); !errors.Is(err, incident.ErrNotFound) {
		t.Errorf("of nothing: %v", err)
	}
	old := put(t, st, 0, nil)
	gone := put(t, st, 10, nil)
	open := put(t, st, 20, func(in *incident.Incident) {
		in.State, in.Frozen, in.Bundle, in.Revisions, in.Members = incident.Running, false, "", nil, nil
	})
	if err := os.WriteFile(old.Bundle, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{Last: old.Bundle, old.ID: old.Bundle, old.Bundle: old.Bundle, st.Dir: st.Dir} {
		if got, err := f.Path(name); err != nil || got != want {
			t.Errorf("%s is %s, %v", name, got, err)
		}
	}
	for _, name := range []string{gone.ID, open.ID} {
		if _, err := f.Path(name); !errors.Is(err, ErrNoBundle) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	put(t, st, 20, func(in *incident.Incident) { // in the same second, and was there before
		in.Key, in.Created = strings.Replace(in.ID, "-000014", "-ffffff", 1), in.Created.Add(-time.Second)
		in.ID = in.Key
	})
	if id, err := f.Incident(Last); err != nil || id != open.ID {
		t.Errorf("the newest is %s, %v", id, err)
	}
	for name, want := range map[string]string{Last: open.ID, old.ID: old.ID} {
		if id, err := f.ID(name); err != nil || id != want {
			t.Errorf("%s is %s, %v", name, id, err)
		}
	}
	denied := Finder{Store: func() (*incident.Store, error) { return nil, os.ErrPermission }}
	if _, err := denied.Path(Last); !errors.Is(err, os.ErrPermission) || strings.Contains(err.Error(), "stat") {
		t.Errorf("a store that may not be read: %v", err)
	}
	if m, _, err := f.Manifest(t.Context(), Last); err != nil || m.Incident != open.ID {
		t.Errorf("the newest is %s, %v", m.Incident, err)
	}
	if _, err := f.Path("nothing"); !errors.Is(err, incident.ErrNotFound) || !strings.Contains(err.Error(), "no file nothing") {
		t.Errorf("%v", err)
	}
}

// BenchmarkList is a list of 10,000 incidents.
func BenchmarkList(b *testing.B) {
	st := incidenttest.FastStore(b, b.TempDir())
	for n := range 10_000 {
		in := incident.Incident{ID: incident.MakeID(incidenttest.T0.Add(time.Duration(n)*time.Minute), "hq", fmt.Sprintf("%06x", n)), Site: "hq", State: incident.Sealed, Bundle: "x",
			Revisions: []incident.Revision{{Revision: 1, Brief: &incident.Brief{Verdict: "healthy"}}}}
		in.Key = in.ID
		if err := errors.Join(st.Create(in.Key), st.Save(in)); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if list, err := List(st, Query{}); err != nil || len(list) != 10_000 {
			b.Fatal(len(list), err)
		}
	}
}

// An incident whose record is damaged is not called unknown, and its bundle is named.
func TestFinderOfADamagedIncident(t *testing.T) {
	t.Parallel()
	st := incidenttest.FastStore(t, t.TempDir())
	in := put(t, st, 0, nil)
	if err := errors.Join(os.MkdirAll(st.Bundles(), 0o700), os.WriteFile(in.Bundle, nil, 0o600), os.WriteFile(filepath.Join(st.IncidentDir(in.Key), "incident.json"), []byte("{"), 0o600)); err != nil {
		t.Fatal(err)
	}
	_, err := Finder{Store: func() (*incident.Store, error) { return st, nil }}.Path(in.ID)
	if err == nil || errors.Is(err, incident.ErrNotFound) || !strings.Contains(err.Error(), "damaged") || !strings.Contains(advice.For(err), in.Bundle) {
		t.Errorf("%v, %s", err, advice.For(err))
	}
}

// What is open says so to its end: first until when the rest is to come, then what there is.
func TestCoveredSoFar(t *testing.T) {
	t.Parallel()
	until := incidenttest.T0
	l := incident.Listed{State: incident.Running, Coverage: evidence.Partial, Until: until}
	for after, want := range map[time.Duration]string{-time.Minute: "to come, until " + until.UTC().Format(time.TimeOnly), time.Minute: "partial so far"} {
		if got := covered(l, until.Add(after)); got != want {
			t.Errorf("%s: %s, want %s", after, got, want)
		}
	}
}

func TestQueryRead(t *testing.T) {
	t.Parallel()
	now := incidenttest.T0
	for since, want := range map[string]time.Time{"": {}, "90m": now.Add(-90 * time.Minute), "7d": now.Add(-7 * 24 * time.Hour), "13:00": now.Add(-time.Hour), "2026-03-02T10:00:00Z": now.Add(-4 * time.Hour)} {
		q := Query{}
		if err := q.Read(since, now, time.UTC); err != nil || !q.Since.Equal(want) {
			t.Errorf("%s: %v, %v", since, q.Since, err)
		}
	}
	for _, q := range []Query{{Last: -1}, {Verdict: "fine"}, {Coverage: "fine"}} {
		if q.Read("", now, time.UTC) == nil {
			t.Errorf("%+v is taken", q)
		}
	}
	if q := (Query{}); q.Read("yesterday", now, time.UTC) == nil {
		t.Error("yesterday is a time")
	}
}
