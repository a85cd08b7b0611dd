//go:build linux

package bench

import (
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"
)

// A table is what is printed, in Markdown. In each group of one round trip the
// first row is grab's, and the others are measured against it.
type table struct {
	title string
	more  []string
	rows  []row
}

type row struct {
	trip time.Duration
	m    measured
	more []string
}

func newTable(title string, more ...string) *table { return &table{title: title, more: more} }

func (t *table) add(trip time.Duration, m measured, more ...string) {
	t.rows = append(t.rows, row{trip, m, more})
	fmt.Fprintf(os.Stderr, "%4v %-18s %8s %9s\n", trip, m.what, seconds(m.time), sizeText(m.bytes))
}

func (t *table) print() {
	var b strings.Builder
	fmt.Fprintf(&b, "\n### %s\n\n", t.title)
	w := tabwriter.NewWriter(&b, 0, 0, 1, ' ', 0)
	fmt.Fprintf(w, "| round trip\t| program\t| time\t| times grab's\t| bytes\t| times grab's\t| CPU\t| memory\t")
	for _, h := range t.more {
		fmt.Fprintf(w, "| %s\t", h)
	}
	fmt.Fprintf(w, "|\n%s|\n", strings.Repeat("|---\t", 8+len(t.more)))
	var own measured
	for i, r := range t.rows {
		if i == 0 || t.rows[i-1].trip != r.trip {
			own = r.m
		}
		fmt.Fprintf(w, "| %v\t| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t", r.trip, r.m.what, seconds(r.m.time), ratio(float64(r.m.time), float64(own.time)),
			sizeText(r.m.bytes), ratio(float64(r.m.bytes), float64(own.bytes)), seconds(r.m.cpu), sizeText(r.m.rss))
		for _, c := range r.more {
			fmt.Fprintf(w, "| %s\t", c)
		}
		fmt.Fprintf(w, "|\n")
	}
	w.Flush()
	fmt.Println(b.String())
	t.summarize()
}

func ratio(a, b float64) string {
	if b == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", a/b)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func sizeText(n int64) string {
	if n < 1<<30 {
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
}
