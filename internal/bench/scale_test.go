//go:build linux

package bench

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	scaleSite  = 4                // hosts of a site
	scaleWarm  = 3 * time.Minute  // for the logins: on a machine that is too busy some do not come to their end
	scaleWait  = 15 * time.Minute // for what comes of an alert
	scaleAlone = 3                // alerts of single sites, one after the other
)

// scaleStorms is how many sites have an alert at once, one after the other.
var scaleStorms = numbersOf("GRAB_BENCH_SITES", 1, 25, 250)

// scaleIdle is for how long the idle watch is looked at: every host is proven once.
var scaleIdle = time.Duration(bytesOf("GRAB_BENCH_IDLE", 60)) * time.Second

// BenchmarkScale: one collector with 40, 400 and 1,000 warm hosts of the laboratory, which is a
// process of its own, over real SSH and IMAP on loopback. What the collector takes while nothing happens, and
// when 1, 25 and 250 sites have an incident at once: until all files of a site are held, until
// they are copied, and until its bundle is sealed. GRAB_BENCH_HOSTS, say 40,400,
// is other sizes, GRAB_BENCH_SITES, say 1,25, other storms, GRAB_BENCH_IDLE how many seconds nothing happens.
//
// Goals: 1,000 hosts in 256 MiB and 3 % of a core, 250 incidents in 512 MiB; and held does not
// take longer with more sites until the processors are full.
func BenchmarkScale(b *testing.B) {
	r := newRig(b, 0)
	if profiles != "" {
		r.buildProfiled(b)
	}
	s := &scaling{}
	for _, hosts := range numbersOf("GRAB_BENCH_HOSTS", 40, 400, 1000) {
		s.run(b, r, hosts)
	}
	s.print()
}

func numbersOf(name string, usual ...int) []int {
	if s := os.Getenv(name); s != "" {
		usual = nil
		for _, f := range strings.Split(s, ",") {
			n, err := strconv.Atoi(f)
			if err != nil || n <= 0 {
				panic(fmt.Sprintf("%s: %q is no number above zero", name, f))
			}
			usual = append(usual, n)
		}
	}
	return usual
}

// scaling is the tables of BenchmarkScale.
type scaling struct {
	idle   []idleRow
	storms []stormRow
}

type idleRow struct {
	hosts       int
	proven      int           // of them
	warm        time.Duration // until all were proven
	warming     time.Duration // CPU until then
	rss         int64
	cpu, span   time.Duration
	load        string
	descriptors int
}

type stormRow struct {
	hosts, sites, alerts int
	begun, held          []time.Duration // after the mail, of each incident
	copied, sealed       []time.Duration
	missing              int // incidents that did not come so far
	peak                 int64
	cpu, children        time.Duration // of the watch and of what it started
	lab                  time.Duration // CPU of the laboratory
	until                time.Duration // that the CPU is of: until the last was copied
	cpuCopied            time.Duration
	load                 string
}

// run measures one size.
func (s *scaling) run(b *testing.B, r *rig, hosts int) {
	dir := r.fresh()
	defer os.RemoveAll(dir)
	lab := startLaboratory(b, dir, hosts)
	began := time.Now()
	w := startWatch(b, r.grab, dir, lab.plan)
	row := idleRow{hosts: hosts}
	waitUntil(scaleWarm, func() bool {
		row.proven = w.proven(r.grab, began)
		time.Sleep(time.Duration(hosts-row.proven) * 5 * time.Millisecond) // asking costs CPU
		return row.proven == hosts
	})
	row.warm = time.Since(began)
	row.warming, _ = w.cpu()
	s.idle = append(s.idle, w.idle(row))
	fmt.Fprintf(os.Stderr, "%d hosts: %s\n", hosts, s.idle[len(s.idle)-1])
	all := hosts / scaleSite
	for i, sites := range scaleStorms {
		if i > 0 && all <= scaleStorms[i-1] {
			continue // it would be the same again
		}
		times := 1
		if sites == 1 {
			times = min(scaleAlone, all)
		}
		row := w.storm(lab, i, min(sites, all), times)
		row.hosts = hosts
		s.storms = append(s.storms, row)
		fmt.Fprintf(os.Stderr, "%d hosts: %s\n", hosts, row)
	}
	w.mu.Lock()
	if w.log.Len() > 0 {
		b.Logf("%d hosts, it warned:\n%.4000s", hosts, w.log.String())
	}
	w.mu.Unlock()
	w.stop()
	lab.stop()
}

// waitUntil waits for something, or goes on without it: the figures tell.
func waitUntil(most time.Duration, ok func() bool) {
	for deadline := time.Now().Add(most); !ok() && time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
	}
}

// idle looks at the watch while nothing happens.
func (w *watch) idle(row idleRow) idleRow {
	w.tb.Helper()
	time.Sleep(scaleIdle) // the first proofs are over, and the second ones have found their times
	before, _ := w.cpu()
	began := time.Now()
	if profiles != "" {
		w.profile(fmt.Sprintf("idle-%d.cpu", row.hosts), fmt.Sprintf("profile?seconds=%.0f", scaleIdle.Seconds()))
	}
	time.Sleep(time.Until(began.Add(scaleIdle)))
	after, _ := w.cpu()
	row.cpu, row.span, row.load = after-before, time.Since(began), load()
	row.rss, _ = w.memory()
	w.profile(fmt.Sprintf("idle-%d.heap", row.hosts), "heap")
	w.profile(fmt.Sprintf("idle-%d.allocs", row.hosts), fmt.Sprintf("allocs?seconds=%.0f", scaleIdle.Seconds()))
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", w.cmd.Process.Pid))
	must(w.tb, err)
	row.descriptors = len(fds)
	return row
}

// storm has alerts of so many sites at once, repeated with other sites.
func (w *watch) storm(lab *laboratory, run, sites, times int) (row stormRow) {
	w.tb.Helper()
	row = stormRow{sites: sites, alerts: times}
	w.clearPeak()
	defer w.profileGrowth(fmt.Sprintf("storm-%d", sites))()
	if profiles != "" {
		var cpu sync.WaitGroup
		defer cpu.Wait()
		cpu.Go(func() { w.profile(fmt.Sprintf("storm-%d.cpu", sites), "profile?seconds=30") })
	}
	for n := range times {
		w.once(lab, run, n*sites, (n+1)*sites, &row)
	}
	_, row.peak = w.memory()
	row.load = load()
	return row
}

// once delivers the alerts of the sites from, to and waits until all are sealed.
func (w *watch) once(lab *laboratory, run, from, to int, row *stormRow) {
	w.tb.Helper()
	own, kids := w.cpu()
	others := lab.cpu()
	began := time.Now()
	_, err := fmt.Fprintf(lab.parts[0].in, "storm %d %d %d\n", from, to, run)
	must(w.tb, err)
	lab.parts[0].says("delivered")
	copied := func(s *siteSteps) time.Time { return s.copied }
	waitUntil(scaleWait, func() bool { return w.all(from, to, copied, began) == to-from })
	row.until += time.Since(began)
	ownCopied, _ := w.cpu()
	othersCopied := lab.cpu()
	row.cpuCopied, row.lab = row.cpuCopied+ownCopied-own, row.lab+othersCopied-others
	sealed := func(s *siteSteps) time.Time { return s.sealed }
	waitUntil(scaleWait, func() bool { return w.all(from, to, sealed, began) == to-from })
	ownSealed, kidsSealed := w.cpu()
	row.cpu, row.children = row.cpu+ownSealed-own, row.children+kidsSealed-kids
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := from; i < to; i++ {
		s := w.steps[fmt.Sprintf("s%03d", i)]
		if s == nil || s.held.Before(began) || s.copied.Before(began) || s.sealed.Before(began) {
			row.missing++
			continue
		}
		row.begun, row.held = append(row.begun, s.begun.Sub(began)), append(row.held, s.held.Sub(began))
		row.copied, row.sealed = append(row.copied, s.copied.Sub(began)), append(row.sealed, s.sealed.Sub(began))
	}
}

func load() string {
	b, _ := os.ReadFile("/proc/loadavg")
	one, _, _ := strings.Cut(string(b), " ")
	return one
}

func (r idleRow) String() string {
	return fmt.Sprintf("| %d of %d | %s | %s | %s | %s | %.0f KiB | %.2f %% of a core | %d | %s |", r.proven, r.hosts, seconds(r.warm), seconds(r.warming), sizeText(r.rss), seconds(r.cpu),
		float64(r.rss)/1024/float64(r.hosts), 100*r.cpu.Seconds()/r.span.Seconds(), r.descriptors, r.load)
}

func (r stormRow) String() string {
	if len(r.held) == 0 {
		return fmt.Sprintf("| %d | %d | none was sealed within %v |", r.hosts, r.sites, scaleWait)
	}
	return fmt.Sprintf("| %d | %d | %s, %s | %s, %s | %s, %s | %s | %s | %s | %s | %s | %.2f | %s | %d | %s |", r.hosts, r.sites, seconds(quantile(r.begun, 50)), seconds(quantile(r.begun, 99)), seconds(quantile(r.held, 50)), seconds(quantile(r.held, 99)),
		seconds(quantile(r.copied, 50)), seconds(quantile(r.copied, 99)), seconds(quantile(r.sealed, 99)), sizeText(r.peak), seconds(r.cpuCopied), seconds(r.lab), seconds(r.until),
		(r.cpuCopied+r.lab).Seconds()/r.until.Seconds(), seconds(r.cpu+r.children-r.cpuCopied), r.missing, r.load)
}

// quantile is the value that so many percent do not exceed.
func quantile(all []time.Duration, percent int) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[(len(sorted)*percent+99)/100-1]
}

// print tells the figures and how they grow.
func (s *scaling) print() {
	fmt.Printf("\n### 12. One collector, many hosts: while nothing happens\n\n| hosts proven | after | CPU until then | memory | CPU in a minute | memory a host | CPU | files open | load |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range s.idle {
		fmt.Println(r)
	}
	for i := 1; i < len(s.idle); i++ {
		a, c := s.idle[i-1], s.idle[i]
		fmt.Printf("\nFrom %d to %d hosts (%.1f times): %.2f times the memory, %.0f KiB for each further host; %.2f times the CPU.\n", a.hosts, c.hosts, float64(c.hosts)/float64(a.hosts),
			float64(c.rss)/float64(a.rss), float64(c.rss-a.rss)/1024/float64(c.hosts-a.hosts), c.cpu.Seconds()/a.cpu.Seconds())
	}
	fmt.Printf("\n### 13. One collector, many incidents at once\n\n| hosts | sites | incident begun: median, p99 | held: median, p99 | copied: median, p99 | sealed: p99 | memory, most | CPU until copied: grab | laboratory | time until copied | cores in use | CPU after that, reports and all | not sealed | load |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range s.storms {
		fmt.Println(r)
	}
	for i := 1; i < len(s.storms); i++ {
		a, c := s.storms[i-1], s.storms[i]
		if a.hosts == c.hosts && len(a.held) > 0 && len(c.held) > 0 {
			fmt.Printf("\n%d hosts, from %d to %d sites (%.0f times): held p99 %.2f times, copied p99 %.2f times, CPU until copied %.2f times for each site.\n", c.hosts, a.sites, c.sites, float64(c.sites)/float64(a.sites),
				quantile(c.held, 99).Seconds()/quantile(a.held, 99).Seconds(), quantile(c.copied, 99).Seconds()/quantile(a.copied, 99).Seconds(),
				c.cpuCopied.Seconds()/float64(c.sites)/(a.cpuCopied.Seconds()/float64(a.sites*a.alerts)))
		}
	}
}
