package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/testrace"
	"rtmtgrab/internal/testsite"
)

// The real program, killed again and again while it removes: whatever is gone has its line, no
// line is there twice, what is pinned stays, and in the end all room is free.
func TestKilledWhileRemoving(t *testing.T) {
	testrace.Without(t)
	t.Parallel()
	const n = 200
	c := many(t, n, 0, os.Link)
	st := &incident.Store{Dir: filepath.Join(c.Dir, "store")}
	keys, err := st.Keys()
	if err != nil || len(keys) != n {
		t.Fatal(len(keys), err)
	}
	pinned := keys[n/2]
	if r := c.grab("pin", pinned); r.code != 0 {
		t.Fatal(r)
	}
	c.Extra = "settle: 10ms\nkeep: {age: 1ms}"
	c.Write()
	lines := func() map[string]int {
		gone := map[string]error{} // looked at before the lines: the watch may be removing more meanwhile
		for _, key := range keys {
			if _, err := os.Stat(filepath.Join(st.Bundles(), key+".zip")); err != nil {
				gone[key] = err
			}
		}
		got := map[string]int{}
		if err := incident.EachRemoved(st, func(r incident.Removal) bool { got[r.Incident]++; return true }); err != nil && !strings.Contains(err.Error(), "damaged") {
			t.Error(err)
		}
		for _, key := range keys {
			if err := gone[key]; (err != nil && got[key] == 0) || got[key] > 1 {
				t.Fatalf("%s: %v, %d lines", key, err, got[key])
			}
		}
		return got
	}
	kills := 0
	for ; kills < 30; kills++ {
		had := len(lines())
		if had == n-1 {
			break
		}
		kill := started(t, c)
		wait := time.Duration(rand.N(int64(40 * time.Millisecond)))
		testsite.Until(t, "something is removed", func() bool { return len(lines()) > had })
		time.Sleep(wait) // anywhere within a step; nothing is judged by how long it was
		kill(os.Kill)
		lines()
	}
	stop := started(t, c)
	testsite.Until(t, "all room is free", func() bool {
		left, _ := os.ReadDir(filepath.Join(st.Dir, "removing"))
		bundles, _ := os.ReadDir(st.Bundles())
		return len(left) == 0 && len(bundles) == 1
	})
	stop(os.Interrupt)
	if got := lines(); len(got) != n-1 || got[pinned] != 0 {
		t.Errorf("%d lines after %d kills", len(got), kills)
	}
	chains, err := filepath.Glob(filepath.Join(st.Dir, "custody", "*.jsonl")) // all bundles are the same one
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		times := 0
		for _, chain := range chains {
			b, _ := os.ReadFile(chain)
			times += strings.Count(string(b), `"act":"removed","later":{"why":"older than keep.age, 1 ms","file":"`+key+`.zip"`)
		}
		if want := 1; key != pinned && times != want {
			t.Errorf("%s: %d times removed in custody", key, times)
		}
	}
	t.Logf("killed %d times", kills)
}
