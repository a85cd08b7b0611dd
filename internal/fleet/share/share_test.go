package share

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/fetch"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/incident/runner"
)

// TestBorrow: of a host that one collector does not reach its bundle has all that the other has copied,
// who ended meanwhile; the manifest says whose it is. When the other is back and its incident is sealed,
// nothing is left on the hub.
func TestBorrow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1500) // several parts
	a, b := w.rig("dmz-a", true, "expc01", "expe01"), w.rig("dmz-b", true, "expc01")
	a.begin()
	until(t, "it is lent whole", func() bool { return a.stands() && lentWhole(w, b, "expe01") && lentWhole(w, b, "expc01") })
	a.stop() // it is gone
	b.begin()
	b.act.Store(runner.ActSeal)
	until(t, "the other has sealed", b.sealed)
	m := b.manifest()
	if m.Coverage != evidence.Complete {
		t.Errorf("%s: %+v", m.Coverage, m.Hosts)
	}
	theirs, _ := a.row("expe01")
	for _, h := range m.Hosts {
		for i, f := range h.Files {
			for _, s := range f.Sources {
				if want := map[string]string{"expe01": "dmz-a"}[h.Host]; s.Collector != want {
					t.Errorf("%s was read by %q", h.Host, s.Collector)
				}
			}
			if h.Host == "expe01" && (f.SHA256 != theirs.Files[i].SHA256 || f.Bytes < partSize) {
				t.Errorf("%s: %d bytes, the other has %d", f.Family, f.Bytes, theirs.Files[i].Bytes)
			}
		}
		if said := slices.ContainsFunc(h.Notes, func(n string) bool { return strings.Contains(n, "were read by collector dmz-a") }); said != (h.Host == "expe01") {
			t.Errorf("%s: %q", h.Host, h.Notes)
		}
	}
	if got := b.slice("expe01", "messages"); !strings.Contains(got, `n="<60>"`) {
		t.Errorf("%d bytes", len(got))
	}
	until(t, "what it lent itself is removed", func() bool { return len(w.there("dmz-b")) == 0 })
	if len(w.there("dmz-a")) == 0 {
		t.Error("somebody has removed what is another's")
	}
}

// lentWhole reports whether a host's window is lent by another collector, as b finds it.
func lentWhole(w *world, b *rig, host string) bool {
	x, err := b.lender.borrower(w.t.Context(), b.hub.Load(), "hq", b.lender.others("hq"))
	if err != nil {
		return false
	}
	for _, key := range w.there("dmz-a") {
		if !strings.Contains(key, ".lent.") || !strings.HasSuffix(key, "."+host) {
			continue
		}
		d, _, err := x.read(w.t.Context(), "dmz-a", key)
		return err == nil && d.Done && d.Row.Coverage == evidence.Complete
	}
	return false
}

// TestRemoved: what was lent goes when the incident is sealed, what a life before left too.
func TestRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10)
	a, b := w.rig("dmz-a", true, "expc01", "expe01"), w.rig("dmz-b", true)
	kv, err := w.js.KeyValue(t.Context(), fleet.ShareBucket)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{fleet.PartKey("dmz-a", "hq", strings.Repeat("0", 2*idSize), 0), fleet.LentKey("dmz-a", "hq", "gone", "expc01")} {
		if _, err := kv.Put(t.Context(), key, []byte("of an earlier life")); err != nil {
			t.Fatal(err)
		}
	}
	a.begin()
	until(t, "it is lent, and nothing else is there", func() bool {
		list := w.there("dmz-a")
		return lentWhole(w, b, "expe01") && lentWhole(w, b, "expc01") && !slices.ContainsFunc(list, func(k string) bool { return strings.Contains(k, "gone") || strings.Contains(k, "0000000000") })
	})
	a.act.Store(runner.ActSeal)
	until(t, "it is sealed", a.sealed)
	until(t, "it is removed", func() bool { return len(w.there("dmz-a")) == 0 })
}

// TestNotShared: who does not lend puts nothing there, takes nothing, and removes what it lent before; to
// whom does not, nothing is lent.
func TestNotShared(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10)
	a, b := w.rig("dmz-a", true, "expc01", "expe01"), w.rig("dmz-b", false, "expc01")
	kv, err := w.js.KeyValue(t.Context(), fleet.ShareBucket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), fleet.LentKey("dmz-b", "hq", "gone", "expc01"), []byte("of before")); err != nil {
		t.Fatal(err)
	}
	a.begin()
	b.begin()
	until(t, "both stand by", func() bool { return a.stands() && b.stands() })
	until(t, "what was lent before is gone", func() bool { return len(w.there("dmz-b")) == 0 })
	b.act.Store(runner.ActSeal)
	until(t, "it is sealed", b.sealed)
	if m := b.manifest(); m.Coverage != evidence.Partial || len(w.there("dmz-a")) > 0 {
		t.Errorf("%s, %q", m.Coverage, w.there("dmz-a"))
	}
}

// TestHubAway: without the hub each has its own copy, and is sealed.
func TestHubAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10)
	b := w.rig("dmz-b", true, "expc01")
	w.rig("dmz-a", true)
	w.nats.Stop()
	b.begin()
	b.act.Store(runner.ActSeal)
	until(t, "it is sealed", b.sealed)
	m := b.manifest()
	if m.Coverage != evidence.Partial || m.Hosts[0].Coverage != evidence.Complete {
		t.Errorf("%+v", m)
	}
}

// TestRefused: what is not what it has to be is not taken, and that is said; all else is.
func TestRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 200)
	a, b := w.rig("dmz-a", true, "expc01", "expe01"), w.rig("dmz-b", true)
	a.begin()
	b.begin()
	until(t, "both stand by", func() bool { return a.stands() && b.stands() && lentWhole(w, b, "expe01") && lentWhole(w, b, "expc01") })
	a.stop()
	kv, err := w.js.KeyValue(t.Context(), fleet.ShareBucket)
	if err != nil {
		t.Fatal(err)
	}
	in := b.incident()
	values := map[string][]byte{}
	for _, key := range w.there("dmz-a") {
		e, err := kv.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		values[key] = e.Value()
	}
	restore := func() {
		for key, v := range values {
			if _, err := kv.Put(t.Context(), key, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	to, stranger := []string{must(b.lender.Keys()).Public().Recipient}, must(newKeys())
	own := must(a.lender.Keys())
	each := func(part string, change func(key string, v []byte) []byte) func() {
		return func() {
			for key, v := range values {
				if strings.Contains(key, part) {
					if _, err := kv.Put(t.Context(), key, change(key, bytes.Clone(v))); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	packed := func(k *Keys, key string, plain []byte) []byte { return must(k.pack("acme", key, plain, to)) }
	for name, c := range map[string]struct {
		spoil func()
		said  string
	}{
		"nothing was changed":      {func() {}, ""},
		"a document was changed":   {each(".lent.", func(_ string, v []byte) []byte { v[len(v)-1]++; return v }), "not signed"},
		"a signature was changed":  {each(".lent.", func(_ string, v []byte) []byte { v[len(magic)]++; return v }), "not signed"},
		"a document of a stranger": {each(".lent.", func(key string, v []byte) []byte { return packed(stranger, key, []byte("{}")) }), "not signed"},
		"it is encrypted to others": {each(".lent.", func(key string, v []byte) []byte {
			return must(own.pack("acme", key, []byte("{}"), []string{stranger.Public().Recipient}))
		}), "not encrypted to this collector"},
		"of another tenant":          {each(".lent.", func(key string, v []byte) []byte { return must(own.pack("other", key, []byte("{}"), to)) }), "not signed"},
		"a document of another host": {each(".lent.", func(key string, v []byte) []byte { return values[strings.Replace(key, "expe01", "expc01", 1)] }), "not signed"},
		"no document":                {each(".lent.", func(key string, v []byte) []byte { return packed(own, key, []byte("[")) }), "cannot be read"},
		"a document without end":     {each(".lent.", func(key string, v []byte) []byte { return packed(own, key, bytes.Repeat([]byte(" "), docSize+1)) }), "larger than anything"},
		"a part was changed":         {each(".part.", func(_ string, v []byte) []byte { v[len(v)-1]++; return v }), "not signed"},
		"a part is empty":            {each(".part.", func(string, []byte) []byte { return nil }), "not signed"},
		"a part without end":         {each(".part.", func(key string, v []byte) []byte { return packed(own, key, bytes.Repeat([]byte("x"), partSize+1)) }), "larger than anything"},
		"a part that is shorter":     {each(".part.", func(key string, v []byte) []byte { return packed(own, key, []byte("x")) }), "it has 1 bytes"},
		"other bytes": {each(".part.", func(key string, v []byte) []byte {
			plain := must(must(b.lender.Keys()).open("acme", key, v, own.Public(), partSize))
			return packed(own, key, bytes.ReplaceAll(plain, []byte("INFO"), []byte("LIES")))
		}), "another hash"},
		"parts that are gone": {func() {
			for key := range values {
				if strings.Contains(key, ".part.") {
					kv.Purge(t.Context(), key)
				}
			}
		}, "did not come"},
	} {
		restore()
		c.spoil()
		g := must(b.puller("hq", "expe01", t.TempDir()))
		row, asked := b.row("expe01")
		before := heap()
		row, err := b.lender.Borrow(t.Context(), in, g, row, asked)
		if used := heap() - before; used > 40<<20 {
			t.Errorf("%s: %d MiB of memory", name, used>>20)
		}
		g.Close()
		if c.said == "" {
			if err != nil || row.Coverage != evidence.Complete {
				t.Errorf("%s: %s, %v", name, row.Coverage, err)
			}
			continue
		}
		if err == nil || row.Coverage != evidence.Lost || !strings.Contains(err.Error(), c.said) || !strings.Contains(err.Error(), "dmz-a") || !slices.ContainsFunc(row.Notes, func(n string) bool { return strings.Contains(n, c.said) }) {
			t.Errorf("%s: %s, %v, %q", name, row.Coverage, err, row.Notes)
		}
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestFull: a hub without room costs what is lent, which is said once, and it goes on when there is room;
// nothing is left there that nobody can find.
func TestFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20)
	info, err := w.js.Stream(t.Context(), "KV_"+fleet.ShareBucket)
	if err != nil {
		t.Fatal(err)
	}
	c := info.CachedInfo().Config
	c.MaxBytes = 3000
	if _, err := w.js.UpdateStream(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	a, b := w.rig("dmz-a", true, "expc01", "expe01"), w.rig("dmz-b", true)
	a.begin()
	until(t, "it is said", func() bool { return a.logged.has("no more room for what is lent") })
	if since, err := a.lender.Full(); since.IsZero() || !errors.Is(err, errFull) {
		t.Errorf("since %v: %v", since, err)
	}
	until(t, "it is copied all the same", a.stands)
	until(t, "no part is there without a document", func() bool {
		return len(w.there("dmz-a")) == 0 || slices.ContainsFunc(w.there("dmz-a"), func(k string) bool { return strings.Contains(k, ".lent.") })
	})
	c.MaxBytes = 64 << 20
	if _, err := w.js.UpdateStream(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	until(t, "it is lent", func() bool { return lentWhole(w, b, "expe01") && lentWhole(w, b, "expc01") })
	if !a.logged.has("has room again") || strings.Count(a.logged.b.String(), "cannot be lent") != 1 {
		t.Error("that there is no room is not said once, and once that there is")
	}
	if since, err := a.lender.Full(); !since.IsZero() || err != nil {
		t.Errorf("there is room again, and still: since %v, %v", since, err)
	}

	// Who lends no more, by another configuration, has nothing to complain of.
	no := &Lender{Place: func() Place { return Place{Tenant: "acme", Name: "dmz-c"} }, Log: a.lender.Log}
	no.sayFull(true)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	no.Run(ended, a.hub.Load())
	if since, err := no.Full(); err != nil {
		t.Errorf("it lends no more: since %v, %v", since, err)
	}
}

// TestClocks: of a collector whose clock is an hour ahead what it has counts where it was.
func TestClocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10)
	a, b := w.rig("dmz-a", true, "expc01", "expe01"), w.rig("dmz-b", true)
	a.ahead = time.Hour // its window is an hour earlier
	a.begin()
	b.begin()
	until(t, "both stand by", func() bool { return a.stands() && b.stands() && len(w.there("dmz-a")) > 0 })
	b.act.Store(runner.ActSeal)
	until(t, "it is sealed", b.sealed)
	for _, h := range b.manifest().Hosts {
		if h.Coverage != evidence.Lost {
			t.Errorf("%+v", h)
		}
	}
}

// TestSlow: what does not come in time is not waited for.
func TestSlow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10)
	w.rig("dmz-a", true) // it lends, and never puts anything there
	b := w.rig("dmz-b", true)
	b.begin()
	until(t, "it stands by", b.stands)
	until(t, "it is connected", func() bool { return b.hub.Load().Down() == nil })
	row, asked := b.row("expe01")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	got, err := b.lender.Borrow(ctx, b.incident(), must(b.puller("hq", "expe01", t.TempDir())), row, asked)
	if err != nil || got.Coverage != evidence.Lost || ctx.Err() != nil {
		t.Errorf("%+v, %v, %v", got, err, ctx.Err())
	}
}

// TestKeys: they are made once, are nobody else's to read, and are shown nowhere; damaged ones are said
// and not replaced.
func TestKeys(t *testing.T) {
	dir := t.TempDir()
	k := must(KeysIn(incidenttest.Store(t, dir))())
	again := must(KeysIn(incidenttest.Store(t, dir))())
	if *k.Public() != *again.Public() {
		t.Error("other keys after a restart")
	}
	path := filepath.Join(dir, "fleet", "share.key")
	if i, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && i.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", i, err)
	}
	for _, form := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(form, k) + fmt.Sprintf(form, *k); strings.Contains(s, "SECRET") || strings.Contains(s, fmt.Sprintf("%x", k.signer.Seed())) {
			t.Errorf("%s shows a secret: %s", form, s)
		}
	}
	if err := os.WriteFile(path, []byte(`{"identity":"AGE-SECRET-KEY-1ZZZ","seed":"00"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := KeysIn(incidenttest.Store(t, dir))(); err == nil || strings.Contains(err.Error(), "ZZZ") || !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
}

// FuzzLent: whatever is read of a document, no read leaves a part, and what is asked of a piece is what comes.
func FuzzLent(f *testing.F) {
	d := lent{Collector: "dmz-a", Site: "hq", Incident: "k", Host: "expc01", Pieces: []piece{{Piece: fetch.Piece{Family: "network_log", Name: "n", Offset: 7, Length: 30}, ID: strings.Repeat("0a", idSize), Parts: []int64{10, 20}}}}
	for _, p := range [][]int64{{10, 20}, {30}, {-1, 31}, {0, 30}, {1 << 62, 1 << 62, 30}, nil} {
		d.Pieces[0].Parts = p
		f.Add(must(json.Marshal(d)), int64(3), int64(28))
	}
	f.Fuzz(func(t *testing.T, plain []byte, from, to int64) {
		d, err := parse(fleet.LentKey("dmz-a", "hq", "k", "expc01"), plain)
		if err != nil {
			return
		}
		for _, p := range d.Pieces {
			var n int64
			for _, c := range p.cuts(from, to) {
				if c.from < 0 || c.to > c.size || c.from >= c.to || c.size > partSize || c.part < 0 || c.part >= len(p.Parts) {
					t.Fatalf("%+v of %+v", c, p)
				}
				n += c.to - c.from
			}
			if want := max(0, min(to, p.Length)-max(from, 0)); n != want {
				t.Fatalf("%d bytes, want %d", n, want)
			}
		}
	})
}

// FuzzValue: what was not packed for this place by this collector is not opened, and nothing panics.
func FuzzValue(f *testing.F) {
	a, b := must(newKeys()), must(newKeys())
	value := must(a.pack("acme", "k", []byte("text"), []string{b.Public().Recipient}))
	f.Add(value)
	f.Add([]byte(magic))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, v []byte) {
		plain, err := b.open("acme", "k", v, a.Public(), partSize)
		if same := bytes.Equal(v, value); same != (err == nil) || same && string(plain) != "text" {
			t.Errorf("%q, %v", plain, err)
		}
		if err != nil && !errors.Is(err, errForeign) && !errors.Is(err, errClosed) && !errors.Is(err, errLarge) {
			t.Error(err)
		}
	})
}
