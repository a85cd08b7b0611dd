//go:build linux

package chaos

import (
	"math/rand/v2"
	"time"

	"rtmtgrab/internal/testserver"
)

// fleetTroubles is what goes wrong: somebody is killed with kill -9 every few seconds, and beside that
// there is one trouble that lasts for a while.
type fleetTroubles struct {
	*fleetRig
	rng   *rand.Rand
	began time.Time
	count map[string]int
	last  trouble
	next  time.Time // when there may be another that lasts
}

// A trouble lasts until it is over.
type trouble struct {
	what  string
	until time.Time
	end   func()
}

// killEvery is how long there is between two kills, on average.
const killEvery = 3 * time.Second

func (tr *fleetTroubles) run(done <-chan struct{}) {
	tr.began = time.Now()
	kill := tr.began.Add(tr.upTo(killEvery))
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		tr.upgrade()
		tr.lasting()
		if time.Now().After(kill) {
			tr.kill()
			kill = time.Now().Add(killEvery/2 + tr.upTo(killEvery))
		}
	}
}

func (tr *fleetTroubles) upTo(d time.Duration) time.Duration {
	return time.Duration(tr.rng.Int64N(int64(d)))
}

// upgrade has the collectors be the newer program one after the other, each stopped as a service manager
// does it, or at its next start after a kill.
func (tr *fleetTroubles) upgrade() {
	for i, m := range tr.all {
		if m.binary == tr.builds.newer || time.Since(tr.began) < tr.plan.span*time.Duration(i+1)/time.Duration(len(tr.all)+1) {
			continue
		}
		tr.count["upgrade"]++
		m.binary = tr.builds.newer
		if tr.last.what == "" {
			m.stop()
			m.start()
		}
	}
}

// kill kills somebody who has no other trouble, and starts it again.
func (tr *fleetTroubles) kill() {
	switch who := tr.rng.IntN(6); {
	case who < 4:
		m := tr.all[who%len(tr.all)]
		if tr.last.what == "pause "+m.name {
			return
		}
		tr.count["kill"]++
		m.alive()
		m.kill()
		time.Sleep(tr.upTo(time.Second))
		m.start()
	case who == 4 && len(tr.hubs) > 1 && tr.last.what != "hub" && tr.last.what != "server":
		tr.count["kill server"]++
		h := tr.hubs[tr.rng.IntN(len(tr.hubs))]
		h.Kill()
		time.Sleep(tr.upTo(time.Second))
		h.Start()
	case who == 5 && tr.last.what != "bucket":
		tr.count["kill bucket"]++
		tr.bucket.Kill()
		tr.bucket.Start()
	}
}

// lasting ends the trouble that is over, and begins another some time later.
func (tr *fleetTroubles) lasting() {
	now := time.Now()
	switch {
	case tr.last.what != "" && now.After(tr.last.until):
		tr.last.end()
		tr.last = trouble{}
		tr.next = now.Add(tr.upTo(2 * killEvery))
	case tr.last.what == "" && now.After(tr.next):
		long := tr.plan.long/4 + tr.upTo(tr.plan.long)
		if tr.rng.IntN(3) == 0 {
			long = tr.plan.long
		}
		tr.last = tr.begin()
		tr.last.until = now.Add(min(long, tr.plan.long))
	}
}

func (tr *fleetTroubles) begin() trouble {
	m, h := tr.all[tr.rng.IntN(len(tr.all))], tr.hubs[tr.rng.IntN(len(tr.hubs))]
	kinds := []string{"pause", "cut", "hub", "bucket"}
	if len(tr.hubs) > 1 {
		kinds = append(kinds, "server", "server", "paused server")
	}
	what := kinds[tr.rng.IntN(len(kinds))]
	tr.count[what]++
	switch what {
	case "pause":
		m.pause()
		return trouble{what: "pause " + m.name, end: m.resume}
	case "cut":
		m.cut(true)
		return trouble{what: what, end: func() { m.cut(false) }}
	case "bucket":
		tr.bucket.Stop()
		return trouble{what: what, end: tr.bucket.Start}
	case "hub":
		return tr.without(tr.hubs...)
	case "server":
		return tr.without(h)
	}
	h.Pause()
	return trouble{what: "server", end: h.Resume}
}

// without stops servers of the hub.
func (tr *fleetTroubles) without(servers ...*testserver.NATS) trouble {
	for _, s := range servers {
		s.Kill()
	}
	return trouble{what: "hub", end: func() {
		for _, s := range servers {
			s.Start()
		}
	}}
}

// calm ends all trouble.
func (tr *fleetTroubles) calm() {
	if tr.last.what != "" {
		tr.last.end()
	}
	tr.last = trouble{}
}
