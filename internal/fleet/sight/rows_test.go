package sight

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
)

// TestSee: who is there, who fell silent and who has left; a site works as long as one of its
// collectors says so, and the fleet does only while none is silent.
func TestSee(t *testing.T) {
	t.Parallel()
	s := newTenant(t)
	h := s.connect("looks")
	if o, err := See(t.Context(), h.Stream); err != nil || o.Works || len(o.Collectors) != 0 {
		t.Fatalf("%+v, %v", o, err)
	}
	kv, err := h.Stream.KeyValue(t.Context(), fleet.DirectoryBucket)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []fleet.Entry{{Site: "hq", Collector: "dmz-a"}, {Site: "hq", Collector: "dmz-b"}, {Site: "far", Collector: "dmz-b"}} {
		b, _ := json.Marshal(e)
		if _, err := kv.Put(t.Context(), fleet.DirectoryKey(e.Site, e.Collector), b); err != nil {
			t.Fatal(err)
		}
	}
	a, b := s.begin("dmz-a"), s.begin("dmz-b")
	see := func() Overview {
		o, err := See(t.Context(), h.Stream)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	until(t, "both are heard", func() bool { o := see(); return len(o.Collectors) == 2 && o.Collectors[1].State == fleet.StateWorks })
	o := see()
	want := []Site{{Site: "far", Collectors: []string{"dmz-b"}, Working: []string{}}, {Site: "hq", Works: true, Collectors: []string{"dmz-a", "dmz-b"}, Working: []string{"dmz-a", "dmz-b"}}}
	if !reflect.DeepEqual(o.Sites, want) || o.Works { // nobody says of far that it works
		t.Errorf("%+v", o)
	}
	if err := kv.Delete(t.Context(), fleet.DirectoryKey("far", "dmz-b")); err != nil {
		t.Fatal(err)
	}
	until(t, "the fleet works", func() bool { return see().Works })

	b.kill()
	until(t, "one is silent", func() bool { o = see(); return o.Collectors[1].State == Silent && o.Collectors[1].Told != "" })
	if o.Works || !o.Sites[0].Works || !slices.Equal(o.Sites[0].Working, []string{"dmz-a"}) || o.Collectors[1].Told != "dmz-a" {
		t.Errorf("%+v", o)
	}
	a.end()
	if o = see(); o.Collectors[0].State != Left || o.Collectors[0].Word != nil || o.Sites[0].Works {
		t.Errorf("%+v", o)
	}
	b = s.begin("dmz-b")
	until(t, "it is back", func() bool {
		o = see()
		return o.Works && o.Collectors[1].State == fleet.StateWorks
	})
	b.end()
}

// TestList: events of any order and number come to the same list; what is no verdict, or of another
// site than its subject, is only counted.
func TestList(t *testing.T) {
	t.Parallel()
	s := newTenant(t)
	h := s.connect("looks")
	began := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
	var all []fleet.Verdict
	want := map[string]fleet.Verdict{}
	for i := range 40 {
		site := []string{"hq", "far"}[i%2]
		for _, by := range []string{"dmz-a", "dmz-b"}[:1+i%2] {
			for rev := range 1 + i%3 {
				v := fleet.Verdict{Incident: fmt.Sprintf("i%03d", i), Site: site, Collector: by, Revision: rev + 1, At: began.Add(time.Duration(i) * time.Minute), Sealed: began.Add(time.Hour),
					Coverage: []evidence.Coverage{evidence.Partial, evidence.Complete, evidence.Complete}[rev], Verdict: []string{"unknown", "partial", "healthy"}[rev], Counts: map[string]int{"refused": i % 5}}
				all = append(all, v)
				want[v.Incident+by] = v
			}
		}
	}
	all = append(all, all...)
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, v := range all {
		b, _ := json.Marshal(v)
		if _, err := h.Stream.Publish(t.Context(), fleet.EventSubject(v.Site), b); err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range []string{`{`, `{"incident":"x","site":"far","collector":"a"}`} {
		if _, err := h.Stream.Publish(t.Context(), fleet.EventSubject("hq"), []byte(bad)); err != nil {
			t.Fatal(err)
		}
	}

	for name, q := range map[string]Query{"all": {}, "site": {Site: "far"}, "since": {Since: began.Add(20 * time.Minute)}, "verdict": {Verdict: "partial"}, "phone": {Verdict: "refused"},
		"coverage": {Coverage: evidence.Partial}, "none": {Verdict: NoReport}, "nowhere": {Site: "nowhere"}} {
		got, err := List(t.Context(), h.Stream, q)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, v := range want {
			if (q.Site == "" || v.Site == q.Site) && !v.At.Before(q.Since) && (q.Coverage == "" || q.Coverage == v.Coverage) && (q.Verdict == "" || q.Verdict == v.Verdict || q.Verdict == "refused" && v.Counts["refused"] > 0) {
				n++
			}
		}
		if len(got.List) != n || q.Site == "" && got.Bad != 2 || got.Cut {
			t.Errorf("%s: %d of %d, %d bad", name, len(got.List), n, got.Bad)
		}
		for i, v := range got.List {
			w := want[v.Incident+v.Collector]
			if v.Revision != w.Revision || v.Verdict != w.Verdict || i > 0 && got.List[i-1].At.Before(v.At) {
				t.Errorf("%s: %+v", name, v)
			}
		}
	}
	if got, err := List(t.Context(), h.Stream, Query{Last: 3}); err != nil || len(got.List) != 3 || got.List[0].Incident != "i039" {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestListBounded: of more incidents than are kept the newest stay, and that there are more is said.
func TestListBounded(t *testing.T) {
	table := &incidents{newest: map[string]fleet.Verdict{}, most: 10}
	for _, i := range rand.Perm(200) {
		b, _ := json.Marshal(fleet.Verdict{Incident: fmt.Sprint(i), Site: "hq", Collector: "a", Revision: 1, At: time.Unix(int64(i)*60, 0)})
		table.take(fleet.EventSubject("hq"), b)
	}
	got := table.list(Query{})
	if len(got.List) != 10 || !got.Cut || got.List[0].Incident != "199" || got.List[9].Incident != "190" {
		t.Errorf("%+v", got)
	}
}

// TestNoBuckets: a hub that was not made ready is said, with what to do.
func TestNoBuckets(t *testing.T) {
	t.Parallel()
	s := newTenant(t)
	h := s.connect("looks")
	if err := h.Stream.DeleteKeyValue(t.Context(), fleet.PresenceBucket); err != nil {
		t.Fatal(err)
	}
	if err := h.Stream.DeleteStream(t.Context(), fleet.EventStream); err != nil {
		t.Fatal(err)
	}
	if _, err := See(t.Context(), h.Stream); err == nil || err.Error() != "the hub has no bucket grab-presence: run `grab hub init` there again" {
		t.Error(err)
	}
	if _, err := List(t.Context(), h.Stream, Query{}); err == nil || err.Error() != "the hub has no stream EVENTS: run `grab hub init` there again" {
		t.Error(err)
	}
}
