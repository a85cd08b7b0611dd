package poll

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/collector/incoming"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/cucm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a cluster of which the test says what its nodes answer.
type fake struct {
	mu     sync.Mutex
	names  []string
	values map[string]map[string]int64
	errs   map[string]error
	hangs  map[string]bool
	calls  int
}

func (f *fake) Nodes(context.Context) (list []cucm.Node, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.names {
		list = append(list, cucm.Node{Name: n})
	}
	return list, f.errs[""]
}

func (f *fake) Counters(ctx context.Context, n cucm.Node) (map[string]int64, error) {
	f.mu.Lock()
	f.calls++
	hangs, err, values := f.hangs[n.Name], f.errs[n.Name], f.values[n.Name]
	f.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return nil, &cucm.Error{Kind: cucm.KindBusy, Err: ctx.Err()}
	}
	return values, err
}

func (f *fake) set(node string, partial, beat int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.values[node] = map[string]int64{Counter: partial, "CallManagerHeartBeat": beat, "RegisteredHardwarePhones": 100, "CallsActive": 3}
}

func (f *fake) put(node string, values map[string]int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.values[node], f.errs[node] = values, err
}

// bench is a poller of one cluster with what it took.
type bench struct {
	*Poller
	f     *fake
	mu    sync.Mutex
	taken []incoming.Alert
	fault error
}

func newBench(dir string, nodes ...string) *bench {
	b := &bench{f: &fake{names: nodes, values: map[string]map[string]int64{}, errs: map[string]error{}, hangs: map[string]bool{}}}
	cfg := &config.Config{CUCM: []config.CUCM{{Cluster: "c1", Poll: config.CUCMPoll{Enabled: true, Every: 30 * time.Second}}}, Window: config.Window{Before: 15 * time.Minute},
		Sites: []config.Site{{Name: "hq", Clusters: []string{"C1"}}}}
	b.Poller = &Poller{Store: dir, Config: func() *config.Config { return cfg }, Reach: func(*config.CUCM) (Cluster, error) { return b.f, nil },
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Decide: func() {}, Take: func(_ context.Context, list ...incoming.Alert) ([]bool, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.fault != nil {
				return nil, b.fault
			}
			b.taken = append(b.taken, list...)
			return make([]bool, len(list)), nil
		}, Sites: func(*config.Config) func(string, string) []string {
			return func(string, string) []string { return []string{"hq"} }
		}}
	return b
}

// said is what was taken since the last time, as NODE:WAS>IS.
func (b *bench) said() (s string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.taken {
		s += fmt.Sprintf("%s:%d>%d ", a.Node, *a.Was, *a.Count)
	}
	b.taken = nil
	return s
}

// next lets one more round go by.
func (b *bench) next() string {
	time.Sleep(30 * time.Second)
	synctest.Wait()
	return b.said()
}

// A rise is an alert; the first answer, and the first after a restart, a gap or a counter
// that was missing, only sets the baseline.
func TestRises(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t.TempDir(), "cucm01")
		b.Configure(t.Context())
		defer b.Close()
		b.f.set("cucm01", 3, 100)
		step := func(what, want string) {
			t.Helper()
			if got := b.next(); got != want {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
		}
		down := &cucm.Error{Kind: cucm.KindUnreachable, Err: errors.New("no route")}
		time.Sleep(time.Second)
		step("the first", "")
		step("unchanged", "")
		b.f.set("cucm01", 4, 115)
		step("one more", "cucm01:3>4 ")
		step("it stays", "")
		b.f.set("cucm01", 2, 145)
		step("two recover", "")
		b.f.set("cucm01", 3, 160)
		step("one more again", "cucm01:2>3 ")
		b.f.put("cucm01", nil, down)
		step("a cut", "")
		b.f.put("cucm01", nil, nil)
		step("no counter", "")
		b.f.set("cucm01", 5, 190)
		step("the counters were missing", "")
		b.f.set("cucm01", 6, 205)
		step("after that", "cucm01:5>6 ")
		b.f.put("cucm01", nil, down)
		step("a cut", "")
		b.f.put("cucm01", map[string]int64{Counter: 7, "CallManagerHeartBeat": 235}, nil)
		step("a rise in the cut", "cucm01:6>7 ")
		b.f.set("cucm01", 9, 10)
		step("restarted", "")
		b.f.set("cucm01", 10, 25)
		step("after the restart", "cucm01:9>10 ")
		b.f.put("cucm01", nil, down)
		time.Sleep(20 * time.Minute)
		b.said()
		b.f.put("cucm01", map[string]int64{Counter: 12, "CallManagerHeartBeat": 700}, nil)
		step("after a long cut", "")
		b.f.put("cucm01", map[string]int64{Counter: 12, "CallManagerHeartBeat": 715, "EncryptedPartiallyRegisteredPhones": 1}, nil)
		step("a sibling appears", "")
		b.f.put("cucm01", map[string]int64{Counter: 12, "CallManagerHeartBeat": 730, "EncryptedPartiallyRegisteredPhones": 2}, nil)
		step("a sibling rises", "cucm01:1>2 ")
		b.f.put("cucm01", map[string]int64{Counter: 12}, nil)
		step("no heartbeat any more", "")
		b.f.put("cucm01", nil, down)
		step("a cut", "")
		b.f.put("cucm01", map[string]int64{Counter: 13}, nil)
		step("whether it was restarted is not known", "")
	})
}

// What was known outlives the process, whatever it was killed in.
func TestKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		run := func(partial, beat int64, fault error) (said string, ids map[string]bool) {
			b := newBench(dir, "cucm01")
			b.fault = fault
			b.f.set("cucm01", partial, beat)
			b.Configure(t.Context())
			time.Sleep(time.Second)
			synctest.Wait()
			ids = map[string]bool{}
			for _, a := range b.taken {
				ids[a.ID+string(a.Raw)] = true
				if !json.Valid(a.Raw) || a.Source != "poll" || a.Way() != "PerfMon poll of cucm01" {
					t.Errorf("%+v %s", a, a.Raw)
				}
			}
			said = b.said()
			b.Close()
			return said, ids
		}
		run(1, 100, nil)
		time.Sleep(time.Minute)
		if said, _ := run(2, 130, errors.New("the disk is full")); said != "" { // the process ends before the alert is safe
			t.Error(said)
		}
		time.Sleep(time.Minute)
		said, first := run(2, 160, nil)
		if said != "cucm01:1>2 " {
			t.Errorf("after the restart: %q", said)
		}
		b := newBench(dir, "cucm01") // killed after the journal had it, before that was written down
		p := pending{Rise{Counter, 1, 2, b.now().Add(-time.Minute), b.now()}, map[string]int64{Counter: 2}}
		b.change("c1", "cucm01", true, func(l *baseline) { l.Pending = &p })
		same := alert("c1", "cucm01", p, nil)
		said, again := run(2, 190, nil)
		if said != "cucm01:1>2 " || !again[same.ID+string(same.Raw)] || len(first) != 1 {
			t.Errorf("%q: %v", said, again)
		}
		time.Sleep(time.Minute)
		if said, _ := run(4, 220, nil); said != "cucm01:2>4 " {
			t.Errorf("a rise while nobody watched: %q", said)
		}
		time.Sleep(16 * time.Minute)
		if said, _ := run(9, 900, nil); said != "" {
			t.Errorf("a rise too long ago: %q", said)
		}
	})
}

// One node that hangs delays no other; it is a problem, as is a refused login, once; a node
// that never had the counter is none.
func TestHanging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t.TempDir(), "cucm01", "cucm02", "imp01")
		b.f.set("cucm01", 0, 100)
		b.f.set("cucm02", 0, 100)
		b.Configure(t.Context())
		defer b.Close()
		time.Sleep(time.Second)
		b.f.mu.Lock()
		b.f.hangs["cucm02"] = true
		b.f.mu.Unlock()
		b.next()
		b.f.set("cucm01", 1, 115)
		if got := b.next(); got != "cucm01:0>1 " {
			t.Errorf("beside one that hangs: %q", got)
		}
		time.Sleep(2 * time.Minute)
		r := status.Report{Now: time.Now()}
		b.Report(&r, b.Config())
		if len(r.Problems) != 1 || r.Problems[0].Key != "poll/c1/cucm02" || r.Problems[0].Blocks || r.Problems[0].Sites[0] != "hq" || len(r.Polls) != 3 {
			t.Fatalf("%+v\n%+v", r.Problems, r.Polls)
		}
		if l := r.Polls[0]; *l.Partial != 1 || *l.Over != 0 || *l.Registered != 100 || l.SetWhy != whyFirst || l.Answer.IsZero() {
			t.Errorf("%+v", l)
		}
		b.f.mu.Lock()
		b.f.hangs["cucm02"] = false
		b.f.mu.Unlock()
		no := &cucm.Error{Kind: cucm.KindBlocked, Cluster: "c1", Err: errors.New("refused before")}
		b.f.put("cucm01", nil, no)
		b.f.put("cucm02", nil, no)
		time.Sleep(2 * time.Minute)
		r = status.Report{Now: time.Now()}
		b.Report(&r, b.Config())
		if len(r.Problems) != 1 || r.Problems[0].Key != "poll/c1/login" {
			t.Errorf("%+v", r.Problems)
		}
		b.f.put("cucm01", map[string]int64{Counter: 1}, nil)
		b.f.put("cucm02", map[string]int64{Counter: 1}, nil)
		time.Sleep(2 * time.Minute)
		r = status.Report{Now: time.Now()}
		b.Report(&r, b.Config())
		if len(r.Problems) != 0 {
			t.Errorf("%+v", r.Problems)
		}
	})
}

// Many nodes share the budget of the cluster.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var names []string
		for i := range 40 {
			names = append(names, fmt.Sprintf("cucm%02d", i))
		}
		b := newBench(t.TempDir(), names...)
		for _, n := range names {
			b.f.set(n, 0, 1)
		}
		b.Configure(t.Context())
		time.Sleep(10*time.Minute + time.Second)
		b.Close()
		if b.f.calls > 10*perMinute+40 || b.f.calls < 8*perMinute {
			t.Errorf("%d calls in 10 min", b.f.calls)
		}
	})
}
