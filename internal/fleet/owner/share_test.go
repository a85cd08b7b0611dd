package owner

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	grabs "rtmtgrab/fetch"
	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/share"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/incident/runner"
)

// A lending is what two rigs share.
type lending struct {
	dirs    map[string]string // of hosts' logs
	entries []fleet.Entry
}

// lent has hosts with logs of the last minutes.
func lent(t *testing.T) *lending {
	l := &lending{dirs: map[string]string{}}
	for _, h := range incidenttest.Sites[0].Hosts {
		dir := t.TempDir()
		for _, family := range incidenttest.Sites[0].Families {
			var b strings.Builder
			for at := time.Now().UTC().Add(-2 * time.Minute); at.Before(time.Now()); at = at.Add(time.Second) {
				b.WriteString(at.Format("2006-01-02T15:04:05.000-07:00") + " " + h.Name + " tvcs: UTCTime=\"" + strings.Replace(at.Format("2006-01-02 15:04:05.000"), ".", ",", 1) + "\" Module=\"network.sip\" Level=\"INFO\":  of " + family + "\n")
			}
			if err := os.WriteFile(filepath.Join(dir, family), []byte(b.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		l.dirs[h.Name] = dir
	}
	return l
}

// joins has a rig ask the hosts that it reaches, lend, and borrow.
func (l *lending) joins(r *rig, st *incident.Store, reaches ...string) {
	ring := share.KeysIn(st)
	k, err := ring()
	if err != nil {
		r.t.Fatal(err)
	}
	l.entries = append(l.entries, fleet.Entry{Site: "hq", Collector: r.name, Lends: k.Public()})
	r.pull = func(host, dir string) runner.Puller {
		return asks{&grabs.Grab{Dir: dir, Host: hostconn.Host{Name: host, Dir: l.dirs[host], Families: incidenttest.Sites[0].Families, Dial: func(context.Context) (hostconn.Conn, error) {
			if !slices.Contains(reaches, host) {
				return nil, errors.New("no way there")
			}
			return folder{}, nil
		}}}}
	}
	r.lender = &share.Lender{Place: func() share.Place { return share.Place{Tenant: "acme", Name: r.name, Lends: true} }, Entries: func(string) []fleet.Entry { return l.entries },
		Hub: r.hub.Load, Keys: ring, Quick: quick}
}

type asks struct{ *grabs.Grab }

func (a asks) Pass(ctx context.Context, q runner.Pass) (evidence.Host, error) {
	return a.Grab.Pass(ctx, q.Asked, q.Held)
}

// A folder is a connection to one.
type folder struct{}

func (folder) List(_ context.Context, dir string) (list []hostconn.Entry, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if i, err := e.Info(); err == nil {
			list = append(list, hostconn.Entry{Name: e.Name(), Size: i.Size(), MTime: i.ModTime().Truncate(time.Second), Regular: true})
		}
	}
	return list, err
}

func (folder) Open(_ context.Context, name string) (hostconn.Handle, error) {
	f, err := os.Open(name)
	return handle{f}, err
}
func (folder) Clock(context.Context) (offset, doubt time.Duration, err error) { return 0, 0, nil }
func (folder) HostKey() string                                                { return "SHA256:folder" }
func (folder) Close(bool)                                                     {}

type handle struct{ *os.File }

func (h handle) Stat() (int64, time.Time, error) {
	i, err := h.File.Stat()
	if err != nil {
		return 0, time.Time{}, err
	}
	return i.Size(), i.ModTime().Truncate(time.Second), nil
}

// TestShare: the owner is cut off from the hub while it makes the bundle of two hosts, of which the
// other reaches one: the other's bundle has both whole, and the first, when it is back, gives way, for
// it has nothing more.
func TestShare(t *testing.T) {
	t.Parallel()
	s, js := fleetOf(t)
	a, b := pair(t, s)
	l := lent(t)
	dir := t.TempDir()
	l.joins(a, incidenttest.FastStore(t, dir), "expc01", "expe01")
	bdir := t.TempDir()
	l.joins(b, incidenttest.FastStore(t, bdir), "expc01")
	sealing, killed := make(chan struct{}), make(chan struct{})
	a.sealing = sync.OnceFunc(func() { close(sealing); <-killed })
	a.start(dir)
	x := alert("n1")
	publish(t, js, x)
	a.take(x)
	<-sealing
	b.start(bdir)
	b.take(x)
	until(t, "the other stands by", func() bool {
		open := b.j.Open()
		return len(open) == 1 && open[0].Fleet.Stands() == "standing by: dmz-a seals it"
	})
	kv, err := js.KeyValue(t.Context(), fleet.ShareBucket)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the owner has lent what it has", func() bool {
		list, err := kv.ListKeysFiltered(t.Context(), "dmz-a.hq.lent.*.expe01")
		if err != nil {
			return false
		}
		n := 0
		for range list.Keys() {
			n++
		}
		return n == 1
	})
	a.hub.Load().Close()
	until(t, "the other has sealed", func() bool { in, _ := index(t, b.st); return in[x.ID] == 1 })
	close(killed)
	a.stop()
	a.start(dir)
	once(t, []evidence.Alert{x}, a.st, b.st)
	if n := len(removals(t, a.st)); n != 1 {
		t.Errorf("the one that was cut off did not give way: %d", n)
	}
	keys, err := b.st.Keys()
	if err != nil || len(keys) != 1 {
		t.Fatal(keys, err)
	}
	m, err := b.st.ManifestFile(keys[0], 1).Read()
	if err != nil || m.Coverage != evidence.Complete {
		t.Fatalf("%s, %v: %+v", m.Coverage, err, m.Hosts)
	}
	for _, h := range m.Hosts {
		for _, f := range h.Files {
			for _, s := range f.Sources {
				if want := map[string]string{"expe01": "dmz-a"}[h.Host]; s.Collector != want || f.Records < 15 {
					t.Errorf("%s/%s: %d records, read by %q", h.Host, f.Family, f.Records, s.Collector)
				}
			}
		}
	}
	until(t, "nothing is left of it on the hub", func() bool {
		list, err := kv.ListKeys(t.Context())
		if err != nil {
			return false
		}
		left := 0
		for range list.Keys() {
			left++
		}
		return left == 0
	})
}
