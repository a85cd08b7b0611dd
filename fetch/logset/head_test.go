package logset

import (
	"strings"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
)

// opened is a file of a world as a Holder opens it.
func opened(t *testing.T, w *fetchtest.World, c *conntest.Hook, name string) *File {
	h, err := c.Open(t.Context(), w.Path(name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	f := &File{Info: Info{Name: name}, Handle: h}
	if err := f.look(0); err != nil {
		t.Fatal(err)
	}
	f.ShowFirst(time.UTC)
	return f
}

// A file that is copied and truncated while its head is read, for it has grown, is not what was held.
func TestTruncatedWhileLookedAt(t *testing.T) {
	w := fetchtest.NewWorld(t)
	w.Put("network_log", w.Text(10*time.Second, 9*time.Second), 0)
	stats := 0
	c := &conntest.Hook{OnStat: func(*conntest.HookHandle) {
		if stats++; stats == 3 { // opened, found grown, looked at
			w.Put("network_log", w.Text(5*time.Minute, 0), 0)
		}
	}}
	f := opened(t, w, c, "network_log")
	w.Grow("network_log", w.Text(9*time.Second, 7*time.Second), 0)
	if err := f.Refresh(); err != nil || !f.Stale {
		t.Errorf("%v, after %d looks it is stale: %v", err, stats, f.Stale)
	}
}

// However short a file is when it is opened first, it is known by enough of it when it has grown, and little is kept
// where little is enough.
func TestHeadGrows(t *testing.T) {
	for _, begin := range []int{0, 30, 100, 511, 512, 600, 5000} {
		for _, heading := range []int{0, 250, 400, 3000, 6000} {
			w := fetchtest.NewWorld(t)
			all := strings.Repeat("=", heading) + "\n" + w.Text(5*time.Minute, 0)
			w.Put("network_log", all[:begin], 0)
			f := opened(t, w, &conntest.Hook{}, "network_log")
			for size := begin; size < 20_000; size += 1 + size/3 {
				w.Put("network_log", all[:size], 0)
				if err := f.Refresh(); err != nil || f.Stale {
					t.Fatalf("%d bytes, then %d: %v, stale %v", begin, size, err, f.Stale)
				}
				f.ShowFirst(time.UTC)
			}
			want := hostconn.HeadSize
			if heading < headKept/2 {
				want = headKept
			}
			if string(f.Head) != all[:want] || !f.headWhole() {
				t.Errorf("%d bytes first, a heading of %d: %d bytes of its head, want %d", begin, heading, len(f.Head), want)
			}
			if f.First.IsZero() != (heading > hostconn.HeadSize) {
				t.Errorf("%d bytes first, a heading of %d: the first record is of %v", begin, heading, f.First)
			}
		}
	}
}

// What was known by a long head of it is known by a short one, and the other way round.
func TestHeadsOfTwoLengths(t *testing.T) {
	w := fetchtest.NewWorld(t)
	for name, age := range map[string]time.Duration{"network_log.1": 20 * time.Minute, "network_log": 10 * time.Minute} {
		w.Put(name, w.Text(age, age-10*time.Minute), age-10*time.Minute)
	}
	c := &conntest.Hook{}
	f, other, long := opened(t, w, c, "network_log"), opened(t, w, c, "network_log.1"), opened(t, w, c, "network_log")
	if err := long.look(0); err != nil || len(long.Head) != hostconn.HeadSize || len(f.Head) != headKept {
		t.Fatalf("%v, heads of %d and %d bytes", err, len(long.Head), len(f.Head))
	}
	if !sameFile(f, long) || !sameFile(long, f) || sameFile(other, long) || sameFile(long, other) {
		t.Error("the length of the heads decides")
	}
}
