package copyqueue

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// slowest is the line below which a single read lasts so long that a peer that answers cannot be
// told from a sick one: two megabits a second.
const slowest = piece / 4

// A tally sums up storms of one kind.
type tally struct {
	storms, queue, come   int     // storms; those in which the queue loses, and first come
	offline, lost, others float64 // MiB that are lost
}

func (y *tally) add(offline float64, queue, come outcome) {
	y.storms++
	if y.offline += offline / piece; queue.lost > 0 {
		y.queue++
	}
	if y.lost += queue.lost / piece; come.lost > 0 {
		y.come++
	}
	y.others += come.lost / piece
}

func (y *tally) String() string {
	return fmt.Sprintf("%d storms; the queue loses in %d, first come in %d; MiB lost: offline %.0f, the queue %.0f (%.2f times), first come %.0f (%.2f times)",
		y.storms, y.queue, y.come, y.offline, y.lost, y.lost/max(y.offline, 1), y.others, y.others/max(y.offline, 1))
}

// TestStorms: next to nothing is lost where the offline schedule loses nothing with a
// seventh of the line and a few reads to spare: the queue does not know what the line carries nor what is to come.
// What is lost in overload is told, and is less than if who came first were first. All 1,000 storms with
// GRAB_LONG=1, others than the usual ones from GRAB_STORMS_FROM on.
func TestStorms(t *testing.T) {
	storms := 30
	if os.Getenv("GRAB_LONG") != "" {
		storms = 1000
	}
	from, _ := strconv.ParseUint(os.Getenv("GRAB_STORMS_FROM"), 10, 32)
	var fits, edge, slow, overload tally
	for seed := from; seed < from+uint64(storms); seed++ {
		s := newStorm(seed)
		var queue, come outcome
		synctest.Test(t, func(t *testing.T) { queue = s.run(t.Context(), &Queue{}, false) })
		synctest.Test(t, func(t *testing.T) { come = s.run(t.Context(), &Queue{}, true) })
		kind, offline := &fits, s.offline()
		switch {
		case offline > 0:
			kind = &overload
		case s.tight().offline() > 0:
			kind = &edge
		case s.line < slowest:
			kind = &slow
		case queue.lost > 0:
			t.Logf("storm %d: the queue loses %.0f MiB of %.0f where the offline schedule loses nothing; the line carries %.2f MiB/s, %.2f times as much as is needed", seed, queue.lost/piece, s.bytes(s.jobs)/piece, s.line/piece, s.spare)
		}
		kind.add(offline, queue, come)
	}
	t.Logf("room to spare: %v", &fits)
	t.Logf("just enough (within a seventh, or a few reads): %v", &edge)
	t.Logf("room to spare, on a line of less than 2 Mbit/s: %v", &slow)
	t.Logf("overload: %v", &overload)
	if fits.queue > 1+fits.storms/200 || fits.lost > fits.others/100 {
		t.Error("the queue loses what it has the time for")
	}
	if fits.storms < storms/4 || overload.storms < storms/8 || fits.come == 0 {
		t.Error("the storms show little: too few fit, or are too much, or first come loses nothing")
	}
	if overload.lost > 0.6*overload.others {
		t.Error("in overload the queue is hardly better than first come")
	}
}

// Somebody who loses bytes within a minute overtakes gigabytes that stay for hours, by
// whatever kind of claim: they go on when he has ended.
func TestOvertakes(t *testing.T) {
	for name, until := range map[string]time.Duration{"held": 0, "hours": 5 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			l := &wire{rate: 10 * piece, hosts: map[int]float64{}, at: began}
			q := &Queue{}
			var all sync.WaitGroup
			for host := range 20 {
				l.change(func() { l.hosts[host] = 10 * piece })
				c := Claim{Host: fmt.Sprint(host), Site: fmt.Sprint(host), Alert: began}
				if until > 0 {
					c.Deadline = began.Add(until)
				}
				all.Go(func() { l.copy(t.Context(), q, c, &job{host: host, bytes: 1024 * piece}, func() {}) })
			}
			time.Sleep(time.Minute)
			l.change(func() { l.hosts[20] = 10 * piece })
			late := &job{host: 20, bytes: 400 * piece}
			c := Claim{Host: "late", Site: "late", Alert: time.Now(), Deadline: time.Now().Add(time.Minute)}
			start := time.Now()
			l.copy(t.Context(), q, c, late, func() {})
			if took := time.Since(start); took >= time.Minute { // 40 s by itself; a twentieth of the line: 13 min
				t.Errorf("%s: 400 MiB took %v over a line of 10 MiB/s", name, took)
			}
			all.Wait()
		})
	}
}

// Sites whose bytes are safe get on while others, more than the line can take, are always
// about to lose theirs: each gets something within a bound.
func TestNobodyStarves(t *testing.T) {
	const rate, safe = 20 * piece, 10
	synctest.Test(t, func(t *testing.T) {
		l := &wire{rate: rate, hosts: map[int]float64{}, at: time.Now()}
		for host := range 200 {
			l.hosts[host] = rate
		}
		q, ended := &Queue{}, make(chan struct{})
		var flood, calm sync.WaitGroup
		for host := range 100 {
			flood.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-ended:
						return
					default:
					}
					l.copy(t.Context(), q, Claim{Host: fmt.Sprint(host), Site: fmt.Sprint(host), Deadline: time.Now().Add(time.Minute)}, &job{host: host, bytes: 64 * piece}, func() {})
				}
			})
		}
		// a crumb for each is due after so many bytes of the others, and is copied itself
		const bound = time.Duration(safe*share*crumb/rate*1.5) * time.Second
		for n := range safe {
			host := 100 + n
			calm.Go(func() {
				last := time.Now()
				l.copy(t.Context(), q, Claim{Host: fmt.Sprint(host), Site: fmt.Sprint(host), Alert: last}, &job{host: host, bytes: 20 * piece}, func() {
					if waited := time.Since(last); waited > bound {
						t.Errorf("site %d waited %v for a read, the bound is %v", host, waited, bound)
					}
					last = time.Now()
				})
			})
		}
		calm.Wait()
		close(ended)
		flood.Wait()
	})
}
