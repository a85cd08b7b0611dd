package owner

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/fleet/owner/claims"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/testserver"
)

// fleetOf is a hub, and what asks it.
func fleetOf(t *testing.T) (*testserver.NATS, jetstream.JetStream) {
	t.Helper()
	s := testserver.StartNATS(t, testserver.NATSOptions{})
	h, err := hub.Open(hub.Options{Servers: []string{s.URL}, TLS: s.ClientTLS()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	if err := errors.Join(h.Wait(t.Context()), hub.Ensure(t.Context(), h.Stream, 1)); err != nil {
		t.Fatal(err)
	}
	return s, h.Stream
}

func pair(t *testing.T, s *testserver.NATS) (a, b *rig) {
	a = &rig{t: t, name: "dmz-a", others: []string{"dmz-b"}, url: s.URL, tls: s.ClientTLS()}
	b = &rig{t: t, name: "dmz-b", others: []string{"dmz-a"}, url: s.URL, tls: s.ClientTLS()}
	return a, b
}

// TestPair: of the incidents of two collectors one seals each, the other gives way; what the owner
// did not hear of the other seals.
func TestPair(t *testing.T) {
	t.Parallel()
	s, js := fleetOf(t)
	a, b := pair(t, s)
	a.start(t.TempDir())
	b.start(t.TempDir())
	var alerts []evidence.Alert
	for i := range 12 {
		x := alert(fmt.Sprint("n", i))
		alerts = append(alerts, x)
		publish(t, js, x)
		a.take(x)
		b.take(x)
		time.Sleep(20 * time.Millisecond)
	}
	once(t, alerts, a.st, b.st)
	if n := len(removals(t, a.st)) + len(removals(t, b.st)); n == 0 {
		t.Error("nobody gave way")
	}
	for i, r := range []*rig{a, b, a, b} { // what one of them did not hear of
		x := alert(fmt.Sprint("m", i))
		alerts = append(alerts, x)
		publish(t, js, x)
		r.take(x)
	}
	once(t, alerts, a.st, b.st)
	kv, err := js.KeyValue(t.Context(), fleet.ClaimBucket)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "all is answered for, and claims say so", func() bool {
		cons, err := js.Consumer(t.Context(), fleet.AlertStream, fleet.OwnConsumer("hq"))
		if err != nil {
			return false
		}
		info, err := cons.Info(t.Context())
		if err != nil || info.NumAckPending+int(info.NumPending) > 0 {
			return false
		}
		for _, x := range alerts {
			claim, there, err := claims.ClaimOf(t.Context(), readKV{kv}, "hq", x.ID)
			if err != nil || !there || claim.Sealed.IsZero() || claim.Coverage != evidence.Complete {
				return false
			}
		}
		return true
	})
	info, err := js.Consumer(t.Context(), fleet.AlertStream, fleet.OwnConsumer("hq"))
	if err != nil || info.CachedInfo().Config.PriorityPolicy != jetstream.PriorityPolicyPinned || info.CachedInfo().Config.PriorityGroups[0] != fleet.OwnGroup {
		t.Errorf("%+v, %v", info, err)
	}
}

type readKV struct{ jetstream.KeyValue }

func (b readKV) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	return kv{b.KeyValue, func() {}}.Get(ctx, key)
}
func (b readKV) Create(context.Context, string, []byte) (uint64, error) {
	return 0, errors.ErrUnsupported
}
func (b readKV) Update(context.Context, string, []byte, uint64) (uint64, error) {
	return 0, errors.ErrUnsupported
}

// TestTakeover: an owner that ends while it makes the bundle is followed by the other, with its
// own copy; when it is back, it gives way.
func TestTakeover(t *testing.T) {
	t.Parallel()
	s, js := fleetOf(t)
	a, b := pair(t, s)
	dir := t.TempDir()
	sealing, killed := make(chan struct{}), make(chan struct{})
	a.sealing = sync.OnceFunc(func() { close(sealing); <-killed })
	a.start(dir)
	x := alert("n1")
	publish(t, js, x)
	a.take(x)
	<-sealing
	b.start(t.TempDir())
	b.take(x)
	until(t, "the other stands by", func() bool {
		open := b.j.Open()
		return len(open) == 1 && open[0].Fleet.Stands() == "standing by: dmz-a seals it"
	})
	a.hub.Load().Close() // it is dead to the hub, and does not know it
	until(t, "the other has sealed", func() bool { in, _ := index(t, b.st); return in[x.ID] == 1 })
	close(killed)
	a.stop()
	a.start(dir)
	once(t, []evidence.Alert{x}, a.st, b.st)
	if len(removals(t, a.st)) != 1 {
		t.Error("the one that was dead did not give way")
	}
	kv, err := js.KeyValue(t.Context(), fleet.EpochBucket)
	if err != nil {
		t.Fatal(err)
	}
	e, err := kv.Get(t.Context(), fleet.Token("hq"))
	if err != nil {
		t.Fatal(err)
	}
	var epoch fleet.Epoch
	if err := json.Unmarshal(e.Value(), &epoch); err != nil || epoch.Number < 2 {
		t.Errorf("%+v, %v", epoch, err)
	}
}

// TestNoHub: each seals for itself, says so, and it is put together: the better is kept beside the
// other where it was second.
func TestNoHub(t *testing.T) {
	t.Parallel()
	for _, better := range []bool{false, true} {
		t.Run(fmt.Sprint("better ", better), func(t *testing.T) {
			t.Parallel()
			noHub(t, better)
		})
	}
}

func noHub(t *testing.T, better bool) {
	s, js := fleetOf(t)
	a, b := pair(t, s)
	if better {
		a.lacks = 10 * time.Second
	}
	s.Stop()
	a.start(t.TempDir())
	b.start(t.TempDir())
	x := alert("n1")
	for _, r := range []*rig{a, b} {
		r.take(x)
	}
	for _, r := range []*rig{a, b} {
		until(t, "it is sealed alone", func() bool {
			l, err := r.st.List()
			return err == nil && len(l) == 1 && l[0].Unclaimed
		})
	}
	if better {
		b.stop() // a is the first to claim
	}
	s.Start()
	until(t, "the hub is back", func() bool { _, err := js.AccountInfo(t.Context()); return err == nil })
	publish(t, js, x)
	if better {
		until(t, "a has claimed", func() bool { _, settled := index(t, a.st); return settled })
		b.start(b.st.Dir)
	}
	once(t, []evidence.Alert{x}, a.st, b.st)
	keptBoth := len(removals(t, a.st))+len(removals(t, b.st)) == 0
	if keptBoth != better {
		t.Errorf("the better one was second: %v; both are kept: %v", better, keptBoth)
	}
	if l, err := b.st.List(); better && (err != nil || len(l) != 1 || len(l[0].SupplementOf) != 1) {
		t.Errorf("%+v, %v", l, err)
	}
}

// TestSupplement: the copy that has more is kept, and both say so.
func TestSupplement(t *testing.T) {
	t.Parallel()
	s, js := fleetOf(t)
	a, b := pair(t, s)
	a.lacks = 10 * time.Second
	a.start(t.TempDir())
	x := alert("n1")
	publish(t, js, x)
	a.take(x)
	until(t, "a has sealed", func() bool { in, settled := index(t, a.st); return settled && in[x.ID] == 1 })
	b.start(t.TempDir())
	b.take(x)
	until(t, "b supplements", func() bool {
		l, err := b.st.List()
		return err == nil && len(l) == 1 && l[0].State == incident.Sealed && len(l[0].SupplementOf) == 1 && l[0].SupplementOf[0].Collector == "dmz-a"
	})
	until(t, "a knows it", func() bool {
		l, err := a.st.List()
		return err == nil && len(l) == 1 && len(l[0].Supplements) == 1 && l[0].Supplements[0].Collector == "dmz-b"
	})
	if in, _ := index(t, a.st); in[x.ID] != 1 {
		t.Errorf("%v", in)
	}
}

// TestAloneSite: where nobody else watches a site, nothing is asked of the hub.
func TestAloneSite(t *testing.T) {
	t.Parallel()
	s, js := fleetOf(t)
	a, _ := pair(t, s)
	a.others = nil
	a.start(t.TempDir())
	x := alert("n1")
	a.take(x)
	until(t, "it is sealed", func() bool { in, _ := index(t, a.st); return in[x.ID] == 1 })
	kv, err := js.KeyValue(t.Context(), fleet.ClaimBucket)
	if err != nil {
		t.Fatal(err)
	}
	if keys, err := kv.Keys(t.Context()); !errors.Is(err, jetstream.ErrNoKeysFound) {
		t.Errorf("%v, %v", keys, err)
	}
	if _, err := js.Consumer(t.Context(), fleet.AlertStream, fleet.OwnConsumer("hq")); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Error(err)
	}
}

// TestUnmet: two that did not know of each other yet have each sealed an alert; once they do, one has it.
func TestUnmet(t *testing.T) {
	t.Parallel()
	s, js := fleetOf(t)
	a, b := pair(t, s)
	x := alert("n1")
	for _, r := range []*rig{a, b} {
		r.alone.Store(true)
		r.start(t.TempDir())
		r.take(x)
		until(t, "it is sealed", func() bool { in, _ := index(t, r.st); return in[x.ID] == 1 })
	}
	publish(t, js, x)
	a.alone.Store(false)
	b.alone.Store(false)
	until(t, "one gives way", func() bool { return len(removals(t, a.st))+len(removals(t, b.st)) == 1 })
	once(t, []evidence.Alert{x}, a.st, b.st)
}

// TestUnfit: a collector whose clock is wrong seals what nobody else does, and leaves the site to the other
// as soon as that is there.
func TestUnfit(t *testing.T) {
	t.Parallel()
	s, js := fleetOf(t)
	a, b := pair(t, s)
	a.unfit.Store(true)
	a.start(t.TempDir())
	x := alert("n1")
	publish(t, js, x)
	a.take(x)
	until(t, "who is there alone seals, whatever its clock", func() bool { in, _ := index(t, a.st); return in[x.ID] == 1 })
	b.start(t.TempDir())
	alerts := []evidence.Alert{x}
	for others := 0; others < 3; {
		y := alert(fmt.Sprint("m", len(alerts)))
		alerts = append(alerts, y)
		publish(t, js, y)
		a.take(y)
		b.take(y)
		until(t, "it is sealed", func() bool {
			in, _ := index(t, a.st)
			other, _ := index(t, b.st)
			return in[y.ID]+other[y.ID] == 1
		})
		in, _ := index(t, b.st)
		switch in[y.ID] {
		case 1:
			others++
		default:
			if others > 0 || len(alerts) > 40 { // at first it has the epoch that it took when it was alone
				t.Fatal("the one whose clock is wrong has sealed although the other is there")
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	once(t, alerts, a.st, b.st)
}

// TestPaused: an owner whose process is stopped in the middle of sealing, and goes on later, finds
// that its epoch is over.
func TestPaused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no process can be stopped there")
	}
	t.Parallel()
	s, js := fleetOf(t)
	_, b := pair(t, s)
	x := alert("n1")
	text, err := json.Marshal(child{s.URL, s.CA, t.TempDir(), x})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), "OWNER_TEST_CHILD="+string(text))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	publish(t, js, x)
	if _, err := out.Read(make([]byte, 1)); err != nil { // it is sealing
		t.Fatal(err)
	}
	signal(t, cmd.Process, false)
	b.start(t.TempDir())
	b.take(x)
	until(t, "the other has sealed", func() bool { in, _ := index(t, b.st); return in[x.ID] == 1 })
	signal(t, cmd.Process, true)
	var c child
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	st := &incident.Store{Dir: c.Dir}
	once(t, []evidence.Alert{x}, st, b.st)
	if len(removals(t, st)) != 1 {
		t.Error("the one that was stopped did not give way")
	}
}

// A child is what TestPaused has another process do.
type child struct {
	URL   string
	CA    []byte
	Dir   string
	Alert evidence.Alert
}

func TestChild(t *testing.T) {
	var c child
	if text := os.Getenv("OWNER_TEST_CHILD"); text == "" {
		t.Skip("it is a part of TestPaused")
	} else if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(c.CA)
	r := &rig{t: t, name: "dmz-a", others: []string{"dmz-b"}, url: c.URL, tls: &tls.Config{RootCAs: pool}}
	r.sealing = sync.OnceFunc(func() {
		os.Stdout.WriteString("s")
		time.Sleep(time.Second) // it is stopped here
	})
	r.start(c.Dir)
	r.take(c.Alert)
	time.Sleep(2 * time.Minute)
}
