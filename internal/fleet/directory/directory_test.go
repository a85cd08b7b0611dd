package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/testserver"
)

var quiet = slog.New(slog.DiscardHandler)

// TestRoute: of the others' sites those that claim an alert; own sites first, unless they only
// take the rest and others claim it; a site with two collectors is of both.
func TestRoute(t *testing.T) {
	d := &Directory{log: quiet, entries: map[string]fleet.Entry{}, refused: map[string]bool{}}
	for _, e := range []fleet.Entry{
		{Site: "hq", Collector: "a", Clusters: []string{"CM-HQ"}},
		{Site: "hq", Collector: "b", Clusters: []string{"CM-HQ"}},
		{Site: "lab", Collector: "a"},
		{Site: "berlin", Collector: "c", Clusters: []string{"CM-BE"}, Nodes: []string{"sub7.example.com"}},
		{Site: "rest", Collector: "d"},
		{Site: "roma", Collector: "e", Clusters: []string{"CM-HQ"}},
	} {
		d.take(fleet.DirectoryKey(e.Site, e.Collector), &e)
	}
	for name, c := range map[string]struct {
		me      string
		sites   string
		of      string
		meant   incident.Meant
		cluster string
		node    string
		want    string
		instead bool
	}{
		"claimed here, and by others":    {"a", "hq lab", "hq", incident.ByClaim, "cm-hq", "", "hq roma", false},
		"a route is an order":            {"a", "hq lab", "hq", incident.ByRule, "cm-hq", "", "hq", false},
		"own and nobody else's":          {"c", "berlin", "berlin", incident.ByClaim, "cm-be", "", "", false},
		"the rest here, others claim it": {"a", "hq lab", "lab", incident.ByRest, "CM-BE", "", "berlin", true},
		"the rest here, nobody claims":   {"a", "hq lab", "lab", incident.ByRest, "CM-XX", "", "", false},
		"no site here, claimed by node":  {"p", "", "", incident.ByRest, "", "SUB7", "berlin", false},
		"no site here, a pair's":         {"p", "", "", incident.ByRest, "cm-hq", "", "hq roma", false},
		"no site here, who takes rest":   {"p", "", "", incident.ByRest, "CM-XX", "", "lab rest", false},
	} {
		to, instead := d.Route(evidence.Alert{Cluster: c.cluster, Node: c.node}, Own{c.me, strings.Fields(c.sites), strings.Fields(c.of), c.meant})
		slices.Sort(to)
		if got := strings.Join(to, " "); got != c.want || instead != (c.instead || c.of == "" && c.want != "" && !strings.Contains(c.want, "rest")) {
			t.Errorf("%s: %q, instead %v; want %q", name, got, instead, c.want)
		}
	}
	if got := d.Collectors("hq"); !slices.Equal(got, []string{"a", "b"}) {
		t.Error(got)
	}
}

// TestRun: two collectors hear of each other, and of a site that one gives up; what cannot be
// is left out, and what was known of it stays; the copy on disk is there after a restart
// without a hub.
func TestRun(t *testing.T) {
	s := testserver.StartNATS(t, testserver.NATSOptions{})
	h, err := hub.Open(hub.Options{Servers: []string{s.URL}, TLS: s.ClientTLS()})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := hub.Ensure(t.Context(), h.Stream, 1); err != nil {
		t.Fatal(err)
	}
	stores := []*incident.Store{incidenttest.Store(t, t.TempDir()), incidenttest.Store(t, t.TempDir())}
	dirs := make([]*Directory, 2)
	for i, st := range stores {
		if dirs[i], err = Open(st, quiet); err != nil {
			t.Fatal(err)
		}
	}
	run := func(d *Directory, me string, sites ...string) (end func()) {
		var own []fleet.Entry
		for _, site := range sites {
			own = append(own, fleet.Entry{Site: site, Collector: me, Clusters: []string{"CM-" + site}})
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx, h, me, own) }()
		return func() {
			cancel()
			if err := <-done; ctx.Err() == nil {
				t.Error(err)
			}
		}
	}
	until := func(what string, so func() bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !so(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("waited in vain until %s: %v, %v", what, dirs[0].Entries(), dirs[1].Entries())
			}
		}
	}
	list := func(d *Directory) (s string) {
		for _, e := range d.Entries() {
			s += e.Site + ":" + e.Collector + " "
		}
		return s
	}

	endA, endB := run(dirs[0], "a", "hq", "lab"), run(dirs[1], "b", "hq")
	until("both know all", func() bool {
		return list(dirs[0]) == "hq:a hq:b lab:a " && list(dirs[1]) == "hq:a hq:b lab:a "
	})
	since := dirs[1].Entries()[0].Since
	endA()
	endA = run(dirs[0], "a", "hq")
	until("the site is gone", func() bool { return list(dirs[1]) == "hq:a hq:b " })
	if got := dirs[1].Entries()[0].Since; !got.Equal(since) || since.IsZero() {
		t.Errorf("since %v, was %v: a reload changes nothing of it", got, since)
	}

	kv, err := h.Stream.KeyValue(t.Context(), fleet.DirectoryBucket)
	if err != nil {
		t.Fatal(err)
	}
	fine, _ := json.Marshal(fleet.Entry{Site: "last", Collector: "c"})
	for key, value := range map[string]string{
		"hq.b": "{", "garbage": "{}", "hq.c": `{"site":"hq","collector":"d"}`, "hq.d": `{"site":"hq","collector":"d","nodes":["` + strings.Repeat("x", maxEntry) + `"]}`,
	} {
		if _, err := kv.Put(t.Context(), key, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := kv.Put(t.Context(), "last.c", fine); err != nil {
		t.Fatal(err)
	}
	until("the last entry is known", func() bool { return strings.Contains(list(dirs[0]), "last:c") })
	if got := list(dirs[0]); got != "hq:a hq:b last:c " {
		t.Error(got)
	}
	endA()
	endB()

	again, err := Open(stores[0], quiet)
	if err != nil {
		t.Fatal(err)
	}
	if got := list(again); got != "hq:a hq:b last:c " {
		t.Errorf("after a restart: %q", got)
	}
	if _, err := kv.Put(t.Context(), "hq.b", []byte(`{"site":"hq","collector":"b","clusters":["CM-hq"]}`)); err != nil {
		t.Fatal(err)
	}
	if err := kv.Delete(t.Context(), "last.c"); err != nil { // while it is not watched
		t.Fatal(err)
	}
	dirs[0] = again
	end := run(again, "renamed", "hq")
	until("what was put under another name is removed", func() bool { return list(again) == "hq:b hq:renamed " })
	end()
}

// FuzzParse: what is taken of a key is of that key, and bounded.
func FuzzParse(f *testing.F) {
	f.Add("hq.a", []byte(`{"site":"hq","collector":"a","clusters":["c1"],"since":"2026-03-02T14:00:00Z"}`))
	f.Add("hq.a", []byte(`{"site":"","collector":"a"}`))
	f.Add("", []byte(`null`))
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		e, err := parse(key, value)
		if err == nil && (fleet.DirectoryKey(e.Site, e.Collector) != key || len(e.Clusters) > maxClaims || len(value) > maxEntry) {
			t.Fatalf("%q: %+v", key, e)
		}
	})
}

// TestAway: who was forgotten by a person, or was not there for longer than alerts are kept, keeps no alert
// from those who are there, also after a restart without a hub; who is back counts again. A short absence
// changes nothing.
func TestAway(t *testing.T) {
	s := testserver.StartNATS(t, testserver.NATSOptions{})
	h, err := hub.Open(hub.Options{Servers: []string{s.URL}, TLS: s.ClientTLS()})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := errors.Join(h.Wait(t.Context()), hub.Ensure(t.Context(), h.Stream, 1)); err != nil {
		t.Fatal(err)
	}
	st := incidenttest.Store(t, t.TempDir())
	d, err := Open(st, quiet)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := h.Stream.KeyValue(t.Context(), fleet.DirectoryBucket)
	if err != nil {
		t.Fatal(err)
	}
	presence, err := h.Stream.KeyValue(t.Context(), fleet.PresenceBucket)
	if err != nil {
		t.Fatal(err)
	}
	put := func(kv jetstream.KeyValue, key string, v any) {
		t.Helper()
		b, err := json.Marshal(v)
		if err == nil {
			_, err = kv.Put(t.Context(), key, b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []string{"b", "c"} {
		put(kv, fleet.DirectoryKey("berlin", c), fleet.Entry{Site: "berlin", Collector: c, Clusters: []string{"CM-BE"}})
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- d.Run(ctx, h, "a", []fleet.Entry{{Site: "rest", Collector: "a"}})
	}()
	says := func(d *Directory) string {
		to, instead := d.Route(evidence.Alert{Cluster: "CM-BE"}, Own{"a", []string{"rest"}, []string{"rest"}, incident.ByRest})
		return fmt.Sprint(to, instead, d.Collectors("berlin"))
	}
	until := func(want string) {
		t.Helper()
		for end := time.Now().Add(time.Minute); says(d) != want; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s, not %s", says(d), want)
			}
		}
	}
	until("[berlin] true [b c]")
	put(presence, "b", fleet.Presence{Collector: "b", State: fleet.Gone})
	until("[berlin] true [c]")
	put(presence, "c", fleet.Presence{Collector: "c", State: fleet.Silent})
	put(presence, "b", fleet.Presence{Collector: "b", State: fleet.Here})
	until("[berlin] true [b c]") // c is silent for a moment only
	put(presence, "b", fleet.Presence{Collector: "b", State: fleet.Gone})
	until("[berlin] true [c]")
	d.mu.Lock()
	d.away["c"] = away{Since: time.Now().Add(-fleet.AlertsFor - time.Minute)}
	d.mu.Unlock()
	if !d.over() || d.over() {
		t.Error("that somebody is away for too long is not noticed, or noticed twice")
	}
	until("[] false []")
	cancel()
	<-done
	d.save()
	again, err := Open(st, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if got := says(again); got != "[] false []" {
		t.Errorf("after a restart: %s", got)
	}
}

// BenchmarkEntries: 6,000 entries come one after the other, as at a start in a fleet of 3,000 sites.
func BenchmarkEntries(b *testing.B) {
	for b.Loop() {
		d := &Directory{log: quiet, entries: map[string]fleet.Entry{}, refused: map[string]bool{}}
		for i := range 6000 {
			e := fleet.Entry{Site: fmt.Sprint("site", i/2), Collector: fmt.Sprint("c", i%2), Clusters: []string{fmt.Sprint("CM", i)}}
			d.take(fleet.DirectoryKey(e.Site, e.Collector), &e)
		}
		if n := len(d.Collectors("site77")); n != 2 {
			b.Fatal(n)
		}
	}
}
