//go:build linux

package bench

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/testserver"
)

// Waits of BenchmarkFleet, in which what does not come is counted.
const (
	fleetJoin  = 10 * time.Minute
	fleetStorm = 10 * time.Minute
)

// BenchmarkFleet: 50 collectors and 1,000 sites, two collectors a site, on one server of a hub and on three.
// The collectors are in this process, with stores, journals and all they have of a fleet; their hosts answer at once.
// What they and the servers take while nothing happens, and when 250 sites have an alert at once which one of
// the two has seen: until both hold, and until each alert is in exactly one index.
// GRAB_BENCH_SITES, GRAB_BENCH_COLLECTORS, GRAB_BENCH_ALERTS, GRAB_BENCH_SERVERS, say 1,3, and GRAB_BENCH_IDLE are other sizes.
func BenchmarkFleet(b *testing.B) {
	sites, collectors := int(bytesOf("GRAB_BENCH_SITES", 1000)), int(bytesOf("GRAB_BENCH_COLLECTORS", 50))
	for _, servers := range numbersOf("GRAB_BENCH_SERVERS", 1, 3) {
		b.Run(fmt.Sprint(servers), func(b *testing.B) { newFleetBench(b, sites, collectors, servers).run() })
	}
}

type fleetBench struct {
	b     *testing.B
	hubs  []*testserver.NATS
	sites []incident.Site
	all   []*fleetMember
	of    [][]*fleetMember // by site
}

func newFleetBench(b *testing.B, sites, collectors, servers int) *fleetBench {
	f := &fleetBench{b: b, sites: fleetSites(sites), of: make([][]*fleetMember, sites)}
	if servers == 3 {
		f.hubs = testserver.StartNATSCluster(b, testserver.NATSOptions{})
	} else {
		f.hubs = []*testserver.NATS{testserver.StartNATS(b, testserver.NATSOptions{})}
	}
	f.ensure()
	reach := make([][]incident.Site, collectors)
	var who [][2]int
	for i, s := range f.sites {
		pair := [2]int{i % collectors, (i + 1 + i/collectors) % collectors}
		if pair[0] == pair[1] {
			pair[1] = (pair[0] + 1) % collectors
		}
		who = append(who, pair)
		for _, c := range pair {
			reach[c] = append(reach[c], s)
		}
	}
	dir := b.TempDir()
	for c := range collectors {
		name := fmt.Sprintf("dmz-%03d", c)
		f.all = append(f.all, newFleetMember(b, filepath.Join(dir, name), name, reach[c], testserver.URLs(f.hubs), testserver.Trust(f.hubs)))
	}
	for i, pair := range who {
		f.of[i] = []*fleetMember{f.all[pair[0]], f.all[pair[1]]}
	}
	return f
}

func (f *fleetBench) ensure() {
	h, err := hub.Open(hub.Options{Servers: testserver.URLs(f.hubs), TLS: testserver.Trust(f.hubs)})
	must(f.b, err)
	defer h.Close()
	must(f.b, h.Wait(f.b.Context()))
	waitUntil(2*time.Minute, func() bool {
		ctx, cancel := context.WithTimeout(f.b.Context(), 10*time.Second) // nobody answers without a leader
		defer cancel()
		err = hub.Ensure(ctx, h.Stream, len(f.hubs))
		return err == nil
	})
	must(f.b, err)
}

func (f *fleetBench) run() {
	began, at := time.Now(), f.look()
	for _, m := range f.all {
		m.start()
	}
	waitUntil(fleetJoin, f.joined)
	f.say("joining", time.Since(began), at, f.look())
	time.Sleep(scaleIdle) // what is done once is over
	began, at = time.Now(), f.look()
	time.Sleep(scaleIdle)
	f.say("idle", time.Since(began), at, f.look())
	f.storm(min(int(bytesOf("GRAB_BENCH_ALERTS", 250)), len(f.sites)))
	for _, m := range f.all {
		m.stop()
	}
}

// joined: each knows of all, and hears of its sites.
func (f *fleetBench) joined() bool {
	for _, m := range f.all {
		if len(m.x.Directory.Entries()) < 2*len(f.sites) || len(m.x.State().Deaf) > 0 {
			return false
		}
	}
	h := f.all[0].m.Hub()
	ctx, cancel := context.WithTimeout(f.b.Context(), 10*time.Second)
	defer cancel()
	s, err := h.Stream.Stream(ctx, fleet.AlertStream)
	return err == nil && s.CachedInfo().State.Consumers >= f.consumers()
}

// storm has so many sites have an alert each, at once.
func (f *fleetBench) storm(n int) {
	began, at := time.Now(), f.look()
	ids := map[string]bool{}
	for i := range n {
		count, now := 1, time.Now()
		a := evidence.Alert{ID: incidenttest.AlertID(fmt.Sprint("storm", i)), Name: "PartiallyRegisteredPhone", Cluster: f.sites[i].Clusters[0], Node: "cucm01", Count: &count, Time: now, TimeFrom: evidence.TimeFromDate}
		ids[a.ID] = true
		f.of[i][i%2].see(a)
	}
	seen := time.Since(began)
	var own, other []time.Duration
	waitUntil(fleetStorm, func() bool {
		own, other = nil, nil
		for i := range n {
			for k, m := range f.of[i] {
				at := m.heldAt(f.sites[i].Name)
				switch {
				case at.Before(began):
				case k == i%2:
					own = append(own, at.Sub(began))
				default:
					other = append(other, at.Sub(began))
				}
			}
		}
		return len(own) == n && len(other) == n
	})
	held := f.look()
	settled, twice := 0, 0
	waitUntil(fleetStorm, func() bool {
		homes, open := map[string]int{}, 0
		for _, m := range f.all {
			list, o := m.sealed()
			open += o
			for _, id := range list {
				homes[id]++
			}
		}
		settled, twice = 0, 0
		for id := range ids {
			if homes[id] == 1 {
				settled++
			} else if homes[id] > 1 {
				twice++
			}
		}
		return settled == n && open == 0
	})
	f.print("storm of %d sites, all seen after %s: held by who saw it after %s (median), %s (last); by the other after %s, %s; %d of %d in exactly one index after %s, %d in more; not held: %d", n, seconds(seen),
		seconds(quantile(own, 50)), seconds(quantile(own, 100)), seconds(quantile(other, 50)), seconds(quantile(other, 100)), settled, n, seconds(time.Since(began)), twice, 2*n-len(own)-len(other))
	f.say("storm, until held", held.when.Sub(began), at, held)
	f.say("storm, all of it", time.Since(began), at, f.look())
	if settled != n {
		f.b.Errorf("%d of %d alerts are in exactly one index, %d in more", settled, n, twice)
	}
}

// A fleetLook is what was used until a moment.
type fleetLook struct {
	when            time.Time
	in, out         int64 // bytes on the wire, of all collectors
	inMsgs, outMsgs uint64
	cpu             []time.Duration // of each server
	rss, peak       int64           // of the largest
	members         time.Duration   // CPU of this process
	stored          int64           // bytes on the disk of the first server
}

func (f *fleetBench) look() (l fleetLook) {
	l.when = time.Now()
	for _, m := range f.all {
		h := m.m.Hub()
		if h == nil {
			continue
		}
		s := h.Conn.Stats()
		l.in, l.out, l.inMsgs, l.outMsgs = l.in+m.line.in.Load(), l.out+m.line.out.Load(), l.inMsgs+s.InMsgs, l.outMsgs+s.OutMsgs
	}
	for _, h := range f.hubs {
		own, _ := cpuOf(f.b, h.Pid())
		rss, peak := memoryOf(f.b, h.Pid())
		l.cpu, l.rss, l.peak = append(l.cpu, own), max(l.rss, rss), max(l.peak, peak)
	}
	l.members, _ = cpuOf(f.b, os.Getpid())
	err := filepath.WalkDir(f.hubs[0].Dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				l.stored += info.Size()
			}
		}
		return nil
	})
	must(f.b, err)
	return l
}

func (f *fleetBench) say(what string, span time.Duration, a, z fleetLook) {
	n, s := float64(len(f.all)), span.Seconds()
	cpu := ""
	for i := range z.cpu {
		cpu += fmt.Sprintf(" %.1f", 100*(z.cpu[i]-a.cpu[i]).Seconds()/s)
	}
	f.print("%s, %d collectors, %d sites, %d servers, %.0f s: of each collector %.1f messages/s and %.0f bytes/s from the hub, %.1f and %.0f to it, %.2f %% of a core; servers%s %% of a core each, %s resident, %s at most; on the first one's disk %s; load %s",
		what, len(f.all), len(f.sites), len(f.hubs), s, float64(z.inMsgs-a.inMsgs)/n/s, float64(z.in-a.in)/n/s, float64(z.outMsgs-a.outMsgs)/n/s, float64(z.out-a.out)/n/s, 100*(z.members-a.members).Seconds()/n/s,
		cpu, sizeText(z.rss), sizeText(z.peak), sizeText(z.stored), load())
}

// print says it at once, for a run takes minutes.
func (f *fleetBench) print(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

// consumers is how many there are once all have joined: each collector hears of all its sites, each site has
// an owner.
func (f *fleetBench) consumers() int { return len(f.all) + len(f.sites) }
