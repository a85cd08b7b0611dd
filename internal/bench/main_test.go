//go:build linux

package bench

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// summary is one row for each measurement of a run, and took how long each benchmark
// ran, with making its logs.
var summary, took strings.Builder

// TestMain prints at the end, in one table, what was measured.
func TestMain(m *testing.M) {
	code := m.Run()
	if summary.Len() > 0 {
		fmt.Printf("\n### Summary\n\n| what | round trip | grab | best rival | its time | best rival / grab |\n|---|---|---|---|---|---|\n%s", summary.String())
	}
	if took.Len() > 0 {
		fmt.Printf("\n| benchmark | took |\n|---|---|\n%s", took.String())
	}
	os.Exit(code)
}

// summarize adds a row for each round trip of the table: grab's first time against the
// rival that was the fastest.
func (t *table) summarize() {
	for from := 0; from < len(t.rows); {
		to := from + 1
		for to < len(t.rows) && t.rows[to].trip == t.rows[from].trip {
			to++
		}
		own, best := t.rows[from].m, measured{what: "-"}
		for _, r := range t.rows[from+1 : to] {
			if r.m.what != own.what && (best.time == 0 || r.m.time < best.time) {
				best = r.m
			}
		}
		its, times := "-", "-"
		if best.time > 0 {
			its, times = seconds(best.time), ratio(float64(best.time), float64(own.time))
		}
		fmt.Fprintf(&summary, "| %s | %v | %s | %s | %s | %s |\n", t.title, t.rows[from].trip, seconds(own.time), best.what, its, times)
		from = to
	}
}

// clock notes how long a benchmark runs.
func clock(tb testing.TB) {
	began := time.Now()
	tb.Cleanup(func() {
		fmt.Fprintf(&took, "| %s | %.0f s |\n", strings.TrimPrefix(tb.Name(), "Benchmark"), time.Since(began).Seconds())
	})
}
