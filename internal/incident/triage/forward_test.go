package triage

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// others are collectors that reach sites: for each cluster those sites.
type others struct {
	dir     string
	reach   map[string][]string // cluster -> sites
	pairs   []string            // own sites that others reach too
	full    bool
	posted  int
	letters []string
}

func (o *others) Route(a evidence.Alert, own []string, meant incident.Meant) (to []string, instead bool) {
	for _, site := range own {
		if slices.Contains(o.pairs, site) {
			to = append(to, site)
		}
	}
	sites := o.reach[a.Cluster]
	return append(to, sites...), len(sites) > 0 && meant == incident.ByRest && len(own) > 0
}

func (o *others) Letter(rec incident.AlertRecord, site string, raw []byte, _ bool) (string, []byte, error) {
	if o.full {
		return "", nil, ErrNoRoom
	}
	o.letters = append(o.letters, site+":"+rec.Alert.Node+":"+string(raw))
	return filepath.Join(o.dir, rec.Alert.ID+"-"+site), []byte("letter"), nil
}

func (o *others) Posted() { o.posted++ }

// inFleet is a journal of site hq, which claims c1, and of one that takes the rest.
func inFleet(t *testing.T) (*Journal, *others, *incident.Store) {
	st := incidenttest.Store(t, t.TempDir())
	sites := append(slices.Clone(incidenttest.Sites), incident.Site{Name: "rest"})
	j, err := OpenJournal(st, sites, incidenttest.Policy(), slog.New(slog.DiscardHandler), func() time.Time { return incidenttest.T0 })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	o := &others{dir: filepath.Join(st.Dir, "out"), reach: map[string][]string{"far": {"berlin"}}}
	if err := os.Mkdir(o.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	JoinFleet(j, o)
	return j, o, st
}

func farAlert(node, cluster string) evidence.Alert {
	a := incidenttest.AlertAt(-time.Minute, node, 1)
	a.Cluster = cluster
	return a
}

func outcome(t *testing.T, st *incident.Store, id string) string {
	t.Helper()
	rec, err := st.Alert(id)
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	if rec.What != "" {
		parts = append(parts, string(rec.What))
	}
	for _, d := range rec.Sites {
		parts = append(parts, strings.TrimSuffix(d.Site+":"+string(d.What), ":"))
	}
	return strings.Join(parts, " ") + " > " + strings.Join(rec.SentTo, " ") + " / " + strings.Join(rec.UnsentTo, " ")
}

func mustAdd(t *testing.T, j *Journal, a evidence.Alert) {
	t.Helper()
	if _, err := j.Add(t.Context(), a, []byte("m"), false, incidenttest.T0); err != nil {
		t.Fatal(err)
	}
}

// TestForwarded: what others claim does not go to the site that takes the rest; what is claimed
// here stays here; a pair's goes to the other too, and not while its site is paused.
func TestForwarded(t *testing.T) {
	j, o, st := inFleet(t)
	for _, c := range []struct {
		node, cluster string
		prepare       func()
		want          string
	}{
		{"n1", "far", nil, "forwarded > berlin / "},
		{"n2", "c1", nil, "hq >  / "},
		{"n3", "nobody", nil, "rest >  / "},
		{"n4", "c1", func() { o.pairs = []string{"hq"} }, "hq > hq / "},
		{"n5", "c1", func() { o.reach["c1"] = []string{"roma"} }, "hq > hq roma / "},
		{"n6", "far", func() { o.full = true }, "forwarded >  / berlin"},
		{"n7", "c1", nil, "hq >  / hq roma"},
		{"n8", "c1", func() {
			o.full = false
			pause := incident.Pause{Site: "hq", From: incidenttest.T0.Add(-time.Hour), Until: incidenttest.T0.Add(time.Hour), Reason: "works", By: "me"}
			if err := st.Pause(t.Context(), pause); err != nil {
				t.Fatal(err)
			}
		}, "hq:paused > roma / "},
	} {
		if c.prepare != nil {
			c.prepare()
		}
		a := farAlert(c.node, c.cluster)
		posted := o.posted
		mustAdd(t, j, a)
		got := outcome(t, st, a.ID)
		if got != c.want {
			t.Errorf("%s of %s: %q, want %q", c.node, c.cluster, got, c.want)
		}
		if sent := !strings.Contains(got, "> / ") && !strings.Contains(got, ">  / "); sent != (o.posted > posted) {
			t.Errorf("%s: %q, and told %d times", c.node, got, o.posted-posted)
		}
	}
	if want := []string{"berlin:n1:m", "hq:n4:m", "hq:n5:m", "roma:n5:m", "roma:n8:m"}; !slices.Equal(o.letters, want) {
		t.Errorf("%q", o.letters)
	}
	if Unsent(j) != 2 {
		t.Errorf("%d are said to have found no room", Unsent(j))
	}
	if n, err := Forward(t.Context(), j); err != nil || n != 3 {
		t.Errorf("%d sent, %v", n, err)
	}
	if got := outcome(t, st, farAlert("n7", "c1").ID); got != "hq > hq roma / " || Unsent(j) != 0 {
		t.Errorf("%q, %d", got, Unsent(j))
	}
	if n, err := Forward(t.Context(), j); err != nil || n != 0 {
		t.Errorf("again: %d sent, %v", n, err)
	}
}

// TestForwardLater: what nobody was known to reach is sent when somebody is, unless it is too
// old; it is said to be unrouted no more.
func TestForwardLater(t *testing.T) {
	j, o, st := inFleet(t)
	if err := j.Configure(incidenttest.Sites, incidenttest.Policy()); err != nil { // no site takes the rest
		t.Fatal(err)
	}
	now := incidenttest.T0
	j.now = func() time.Time { return now }
	a, b := farAlert("n1", "late"), farAlert("n2", "never")
	mustAdd(t, j, a)
	mustAdd(t, j, b)
	if len(j.Unrouted()) != 2 {
		t.Errorf("%+v", j.Unrouted())
	}
	o.reach["late"] = []string{"oslo"}
	if n, err := Forward(t.Context(), j); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
	if got := outcome(t, st, a.ID); got != "forwarded > oslo / " || len(j.Unrouted()) != 1 {
		t.Errorf("%q, %+v", got, j.Unrouted())
	}
	now = now.Add(25 * time.Hour)
	o.reach["never"] = []string{"oslo"}
	if n, err := Forward(t.Context(), j); err != nil || n != 0 {
		t.Errorf("too old: %d, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	now = incidenttest.T0
	mustAdd(t, j, farAlert("n3", "late2"))
	if _, err := Forward(ctx, j); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestRelayed: an alert goes to the site to which another collector sent it, whatever routes say
// here; a second message adds a second site; it is never sent on; one that may trigger lets out
// what was seen here and could not be verified.
func TestRelayed(t *testing.T) {
	j, o, st := inFleet(t)
	o.pairs = []string{"hq", "rest"}
	relayed := func(node, site string) evidence.Alert {
		a := farAlert(node, "far")
		a.Relay = &evidence.Relay{Site: site, Collector: "provider", Seen: incidenttest.T0}
		return a
	}
	mustAdd(t, j, relayed("n1", "hq"))
	if got := outcome(t, st, relayed("n1", "hq").ID); got != "hq >  / " {
		t.Error(got)
	}
	mustAdd(t, j, relayed("n1", "rest"))
	mustAdd(t, j, relayed("n1", "hq"))
	if got := outcome(t, st, relayed("n1", "hq").ID); got != "hq rest >  / " {
		t.Error(got)
	}
	mustAdd(t, j, relayed("n2", "gone"))
	if got := outcome(t, st, relayed("n2", "gone").ID); got != "unrouted >  / " {
		t.Error(got)
	}

	// seen here first, and then sent here by another, to a further site
	mustAdd(t, j, farAlert("n3", "c1"))
	own := relayed("n3", "rest")
	own.ID = farAlert("n3", "c1").ID
	mustAdd(t, j, own)
	if got := outcome(t, st, own.ID); got != "hq rest > hq / " {
		t.Error(got)
	}

	forged := farAlert("n4", "c1")
	forged.Auth = &evidence.Auth{Why: "nobody vouches for it"}
	mustAdd(t, j, forged)
	if got := outcome(t, st, forged.ID); got != "quarantined >  / " {
		t.Error(got)
	}
	judged := relayed("n4", "hq")
	judged.ID, judged.Auth = forged.ID, &evidence.Auth{OK: true, How: "dkim", Why: "signed"}
	mustAdd(t, j, judged)
	rec, err := st.Alert(forged.ID)
	if got := outcome(t, st, forged.ID); err != nil || got != "hq >  / " || rec.Alert.Relay.Collector != "provider" || rec.Alert.Auth.How != "dkim" {
		t.Errorf("%q, %+v, %v", got, rec, err)
	}
}
