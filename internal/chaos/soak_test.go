package chaos

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/testrace"
)

// A sample is what the process has of a few things that must not grow.
type sample struct {
	goroutines int
	heap       uint64
	handles    int // that the peers count
}

// Hours of virtual time, with alerts and hosts that fall sick and get well: what the
// process needs levels off. GRAB_SOAK_DAYS is how many days of 24 hours, one after the
// other; those that GRAB_SOAK_DIR/days says are done are not done again.
func TestSoak(t *testing.T) {
	days, _ := strconv.Atoi(os.Getenv("GRAB_SOAK_DAYS"))
	if days == 0 {
		soak(t, 0, testrace.Smaller(4, 2))
		return
	}
	note := filepath.Join(os.Getenv("GRAB_SOAK_DIR"), "days")
	b, _ := os.ReadFile(note)
	done, _ := strconv.Atoi(string(b))
	for day := done; day < days && !t.Failed(); day++ {
		soak(t, uint64(day), 24)
		if err := os.WriteFile(note, []byte(strconv.Itoa(day+1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func soak(t *testing.T, seed uint64, hours int) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(seed, 24))
		peers := map[string]*memPeer{}
		var sites []incident.Site
		for i := range 5 {
			s := incident.Site{Name: fmt.Sprintf("site%d", i), Clusters: []string{fmt.Sprintf("c%d", i)}, TimeZone: "UTC", Families: []string{"network_log"}}
			for j := range 2 {
				name := fmt.Sprintf("h%d-%d", i, j)
				peers[name] = newMemPeer(name, healthy, 0)
				s.Hosts = append(s.Hosts, incident.HostRef{Name: name, Role: "C", Address: name + ":22"})
			}
			sites = append(sites, s)
		}
		var sealed atomic.Int64
		journal, stop := watch(t, dir, sites, peers, func(runner.SealJob) { sealed.Add(1) })

		var samples []sample
		alerts := 0
		for range hours {
			for _, p := range peers {
				p.fall(sicknesses[r.IntN(len(sicknesses))], r.Int64N(200_000))
				if r.IntN(3) > 0 {
					p.fall(healthy, 0)
				}
			}
			for range 6 { // an alert in ten minutes, of any site
				time.Sleep(time.Duration(r.IntN(600)) * time.Second)
				alert(t, journal, alarm{r.IntN(len(sites)), time.Duration(alerts)})
				alerts++
			}
			time.Sleep(25 * time.Minute) // all is sealed
			samples = append(samples, take(peers))
		}
		stop()
		for _, p := range peers {
			p.close()
		}
		if int(sealed.Load()) < hours {
			t.Errorf("%d bundles of %d alerts", sealed.Load(), alerts)
		}
		t.Logf("day %d: %d h, %d alerts, %d bundles, %v", seed, hours, alerts, sealed.Load(), samples)
		level(t, samples)
	})
}

func take(peers map[string]*memPeer) (s sample) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s.goroutines, s.heap = runtime.NumGoroutine(), m.HeapAlloc
	for _, p := range peers {
		p.mu.Lock()
		s.handles += p.now
		p.mu.Unlock()
	}
	return s
}

// level fails the test if what is needed at rest grows from the first half to the second.
func level(t *testing.T, samples []sample) {
	half := len(samples) / 2
	most := func(of []sample) (m sample) {
		for _, s := range of {
			m.goroutines, m.heap, m.handles = max(m.goroutines, s.goroutines), max(m.heap, s.heap), max(m.handles, s.handles)
		}
		return m
	}
	a, b := most(samples[:half]), most(samples[half:])
	if b.goroutines > a.goroutines+20 || b.heap > a.heap*3/2+8<<20 || b.handles > a.handles+2*segments {
		t.Errorf("at rest: %+v in the first half, %+v in the second", a, b)
	}
}
