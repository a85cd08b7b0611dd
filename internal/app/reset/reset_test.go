package reset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/custody"
	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/incident/material"
)

const one, two, well = "SEP001122334455", "SEP001122334466", "SEP001122334477"

// A fakeCluster has phones that come back so long after a reset.
type fakeCluster struct {
	back    time.Duration // 0: never
	refuses error
	silent  error
	resets  []string
	at      []time.Time
	since   map[string]time.Time
}

func (f *fakeCluster) Name() string { return "c1" }

func (f *fakeCluster) Reset(_ context.Context, device string) error {
	f.resets, f.at = append(f.resets, device), append(f.at, time.Now())
	if f.refuses == nil {
		f.since[device] = time.Now()
	}
	return f.refuses
}

func (f *fakeCluster) Phones(_ context.Context, q cucm.Query) (cucm.Phones, error) {
	if f.silent != nil {
		return cucm.Phones{}, f.silent
	}
	old := time.Date(1999, 12, 31, 12, 0, 0, 0, time.UTC)
	var p cucm.Phones
	for _, n := range q.Names {
		d := cucm.Device{Name: n, Node: "cucm01", Status: cucm.StatusPartial, Since: old, Lines: []cucm.Line{{Number: "7042", Status: "Registered"}, {Number: "7043", Status: "UnRegistered"}}}
		if n == well {
			d.Status, d.Lines = cucm.StatusRegistered, []cucm.Line{{Number: "7044", Status: "Registered"}}
		}
		if at, was := f.since[n]; was && f.back > 0 && time.Since(at) >= f.back {
			d.Status, d.Since, d.Lines[1].Status = cucm.StatusRegistered, time.Now(), "Registered"
		}
		if n != "SEP0011223344AA" { // CUCM does not know it
			p.Devices = append(p.Devices, d)
		}
	}
	return p, nil
}

// A bench is a store with one sealed incident of three phones.
type bench struct {
	t    *testing.T
	st   *incident.Store
	in   incident.Incident
	c    *fakeCluster
	d    Resetter
	said []string
	plan Plan
	yes  bool
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, st: incidenttest.FastStore(t, t.TempDir()), c: &fakeCluster{since: map[string]time.Time{}}, yes: true}
	now := time.Now().UTC()
	id := "20260302T141407Z-hq-3fa2c1"
	asked := now.Add(-time.Minute)
	m := evidence.Manifest{Incident: id, Revision: 1, Site: "hq", Asked: evidence.NewWindow(now.Add(-20*time.Minute), now), Coverage: evidence.Lost}
	m.Window, m.Timing.Sealed = m.Asked, now
	m.Registration = &evidence.Registration{Verdict: "partial", Summary: "x", Phones: []evidence.PhoneRegistration{
		{Device: one, Verdict: "partial"}, {Device: two, Verdict: "came_back_by_keepalive", PRTAsked: &asked}, {Device: well, Verdict: "recovered"}, {Device: "SEP0011223344AA", Verdict: "registered"}}}
	m.Conclude()
	info, err := bundle.Write(t.Context(), filepath.Join(b.st.Bundles(), id+".zip"), bundle.Input{Manifest: m})
	if err != nil {
		t.Fatal(err)
	}
	b.in = incident.Incident{Key: id, ID: id, Site: "hq", Kind: incident.KindNow, State: incident.Sealed, Frozen: true, Asked: m.Asked, At: now, Revision: 1, Bundle: info.Path, Coverage: m.Coverage,
		Revisions: []incident.Revision{{Revision: 1, Bundle: info.Path, Coverage: m.Coverage, Sealed: now}}}
	if err := errors.Join(b.st.Create(id), b.st.Save(b.in)); err != nil {
		t.Fatal(err)
	}
	b.d = Resetter{Store: b.st, Clusters: func(string) ([]Cluster, error) { return []Cluster{b.c}, nil }, Show: func(p Plan) { b.plan = p },
		Ask: func(string) (bool, error) { return b.yes, nil }, Say: func(f string, a ...any) { b.said = append(b.said, fmt.Sprintf(f, a...)) }, Sleep: sleep}
	return b
}

func (b *bench) receive(device string) {
	b.t.Helper()
	f := material.Of(b.st, b.in.Key)
	w, err := f.Create("prt/" + device + ".tar.gz")
	if err != nil {
		b.t.Fatal(err)
	}
	fmt.Fprint(w, "x")
	in, err := w.Finish()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := f.Add(time.Now(), material.Change{Files: []material.Incoming{in}, PRTs: []evidence.PRT{{Device: device, Path: in.Name, Bytes: in.Bytes, SHA256: in.SHA256}}}); err != nil {
		b.t.Fatal(err)
	}
}

// Nothing is reset without a yes, before the bundle, without a problem report, unseen or of strangers.
func TestNotReset(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*bench, *Request)
		want string
	}{
		"no problem report": {func(*bench, *Request) {}, "no problem report"},
		"no yes":            {func(b *bench, q *Request) { b.yes, q.WithoutPRT = false, "why" }, ErrNo.Error()},
		"nobody to ask": {func(b *bench, q *Request) {
			q.WithoutPRT = "why"
			b.d.Ask = func(string) (bool, error) { return false, ErrNotAsked }
		}, ErrNotAsked.Error()},
		"not configured":     {func(b *bench, _ *Request) { b.d.Clusters = func(string) ([]Cluster, error) { return nil, nil } }, "not configured"},
		"not sealed":         {func(b *bench, _ *Request) { b.in.State = incident.Running; b.st.Save(b.in) }, "running"},
		"another's phone":    {func(_ *bench, q *Request) { q.Phones = []string{"SEP00AABBCCDDEE"} }, "no phone of incident"},
		"no phone":           {func(_ *bench, q *Request) { q.Phones = []string{"../x"} }, "no name of a phone"},
		"CUCM is silent":     {func(b *bench, q *Request) { q.WithoutPRT = "why"; b.c.silent = errors.New("no answer") }, "nobody is reset unseen"},
		"CUCM knows it not":  {func(_ *bench, q *Request) { q.Phones, q.WithoutPRT = []string{"SEP0011223344AA"}, "why" }, "does not know"},
		"a reason of blanks": {func(_ *bench, q *Request) { q.WithoutPRT = "  " }, "no problem report"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			q := Request{Incident: b.in.ID, By: "alice"}
			c.set(b, &q)
			done, err := b.d.Do(t.Context(), q)
			if err == nil || !strings.Contains(err.Error(), c.want) || len(b.c.resets) != 0 || len(done.Resets) != 0 {
				t.Errorf("%v; resets %v", err, b.c.resets)
			}
			if _, there := material.QueuedOf(b.st, b.in.Key); there {
				t.Error("something is queued")
			}
		})
	}
}

// The partial phones are reset, one after another with time between; each order is written down, and
// what became of it is in the next revision, the custody, and the record.
func TestResetAndWatch(t *testing.T) {
	b := newBench(t)
	b.receive(one)
	synctest.Test(t, func(t *testing.T) {
		b.c.back = 90 * time.Second
		done, err := b.d.Do(t.Context(), Request{Incident: b.in.ID, By: "alice"})
		if err != nil || len(done.Notes) != 0 {
			t.Fatalf("%v, %v", err, done.Notes)
		}
		if !slices.Equal(b.c.resets, []string{one, two}) || b.c.at[1].Sub(b.c.at[0]) < Between {
			t.Errorf("reset %v at %v", b.c.resets, b.c.at)
		}
		if len(b.plan.Phones) != 2 || b.plan.Phones[0].PRT != "received" || b.plan.Phones[1].PRT != "asked" || len(b.plan.Phones[0].Lines) != 2 {
			t.Errorf("%+v", b.plan)
		}
		b.watch(time.Minute)
		b.states(evidence.ResetTaken, evidence.ResetTaken)
		b.watch(2 * time.Minute)
		b.states(evidence.ResetBack, evidence.ResetBack)
	})
	acts := b.custody()
	if want := []string{one + " ordered", one + " taken", two + " ordered", two + " taken", one + " back", two + " back"}; !slices.Equal(acts, want) {
		t.Errorf("custody %q", acts)
	}
	state, err := material.Of(b.st, b.in.Key).Read()
	if err != nil || len(state.Resets) != 2 || state.Resets[0].State != evidence.ResetBack || state.Resets[0].By != "alice" || state.Resets[0].Lines[1].Status != "Registered" {
		t.Errorf("%+v, %v", state.Resets, err)
	}
	if _, there := material.QueuedOf(b.st, b.in.Key); !there {
		t.Error("no further revision is queued")
	}
}

// A phone that does not come back is told of, and a day later no more.
func TestNotBack(t *testing.T) {
	b := newBench(t)
	synctest.Test(t, func(t *testing.T) {
		if _, err := b.d.Do(t.Context(), Request{Incident: b.in.ID, By: "alice", Phones: []string{one}, WithoutPRT: "it has no upload URL"}); err != nil {
			t.Fatal(err)
		}
		b.watch(BackWithin + time.Minute)
		b.states(evidence.ResetNotBack)
		list, err := Records(b.st)
		if err != nil || list[0].Resets[0].Why != "it has no upload URL" || list[0].Resets[0].PRT != "none" {
			t.Errorf("%+v, %v", list, err)
		}
		time.Sleep(25 * time.Hour)
		b.watch(time.Minute)
		if list, err := Records(b.st); err != nil || len(list) != 0 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

// What is refused for all phones ends it at the first; one that CUCM does not find does not.
func TestRefused(t *testing.T) {
	for kind, want := range map[cucm.Kind]int{cucm.KindRefused: 1, cucm.KindFault: 2} {
		b := newBench(t)
		b.c.refuses = &cucm.Error{Kind: kind, Cluster: "c1", Text: "no"}
		synctest.Test(t, func(t *testing.T) {
			done, err := b.d.Do(t.Context(), Request{Incident: b.in.ID, By: "alice", WithoutPRT: "why"})
			if err == nil || len(b.c.resets) != want || len(done.Resets) != want || done.Resets[0].State != evidence.ResetFailed {
				t.Errorf("%s: %v, %v", kind, b.c.resets, err)
			}
		})
	}
}

// watch looks for so long.
func (b *bench) watch(d time.Duration) {
	w := &Watcher{Store: b.st, Clusters: b.d.Clusters, Log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	w.Run(ctx)
}

func (b *bench) states(want ...string) {
	b.t.Helper()
	list, err := Records(b.st)
	if err != nil || len(list) != 1 {
		b.t.Fatalf("%+v, %v", list, err)
	}
	var got []string
	for _, r := range list[0].Resets {
		got = append(got, r.State)
	}
	if !slices.Equal(got, want) {
		b.t.Errorf("%v, want %v: %+v", got, want, list[0].Resets)
	}
}

// custody is what the custody of the bundle says of resets.
func (b *bench) custody() (acts []string) {
	b.t.Helper()
	ledger, _ := custody.LedgerFor(b.in.Bundle)
	name, head, err := bundle.ChainOf(b.t.Context(), b.in.Bundle)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := ledger.Walk(name, head, func(e custody.Entry) error {
		if e.Act == custody.Reset {
			acts = append(acts, e.Later.To[0]+" "+e.Later.Result)
		}
		return nil
	}); err != nil {
		b.t.Fatal(err)
	}
	return acts
}

func TestShow(t *testing.T) {
	var out bytes.Buffer
	Console{Out: &out}.show(Plan{Phones: []Phone{{Device: one, Cluster: "c1", Status: "PartiallyRegistered", Description: "Reception, home", PRT: "asked", Lines: []evidence.ResetLine{{Number: "7042", Status: "Registered"}, {Number: "7043", Status: "UnRegistered"}}}}})
	for _, want := range []string{one, "7042 registered, 7043 unregistered", "Reception, home", "asked"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
