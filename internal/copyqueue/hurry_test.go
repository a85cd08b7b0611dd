package copyqueue

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A slow host needs most of its time until its deadline. It goes on while many others, whose bytes are
// overwritten sooner, have time to spare, and costs them little of the line.
func TestSlowHostGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		l := &wire{rate: 5 * piece, hosts: map[int]float64{0: piece / 4}, at: began}
		q := &Queue{}
		var all sync.WaitGroup
		slow := &job{host: 0, bytes: 24 * piece} // 96 s of its host, and 120 it has
		all.Go(func() {
			l.copy(t.Context(), q, Claim{Host: "slow", Site: "slow", Deadline: began.Add(2 * time.Minute)}, slow, func() {})
		})
		var ended []time.Duration
		var mu sync.Mutex
		for host := range 20 {
			l.change(func() { l.hosts[host+1] = 5 * piece })
			c := Claim{Host: string(rune('a' + host)), Site: string(rune('a' + host)), Deadline: began.Add(100*time.Second + time.Duration(host)*time.Millisecond)}
			all.Go(func() {
				time.Sleep(10 * time.Second)
				l.copy(t.Context(), q, c, &job{host: host + 1, bytes: 14 * piece}, func() {}) // all: 280 MiB, 56 s of the line
				mu.Lock()
				defer mu.Unlock()
				ended = append(ended, time.Since(began))
			})
		}
		all.Wait()
		if took := time.Since(began); took > 2*time.Minute {
			t.Errorf("the slow host ended after %v, its bytes were overwritten after 2 min", took)
		}
		for _, at := range ended {
			if at > 100*time.Second {
				t.Errorf("another ended after %v, its bytes were overwritten after 100 s", at)
			}
		}
	})
}

// Two that want the same host wait for the same peer: while the first of them waits for an answer for
// long the other one has no place beside it, and whoever wants another host does.
func TestSameHostWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &Queue{}
		soon := time.Now().Add(time.Hour)
		first := q.Join(Claim{Host: "h", Site: "s", Deadline: soon})
		defer first.Leave()
		if err := first.Wait(t.Context(), piece); err != nil {
			t.Fatal(err)
		}
		time.Sleep(longest + stalled)
		for _, c := range []Claim{{Host: "h", Site: "s"}, {Host: "h", Site: "s", Deadline: soon.Add(time.Hour)}} {
			turn := q.Join(c)
			if turn.ask(piece) == nil {
				t.Errorf("%+v copies beside one whose peer is slow", c)
			}
			turn.Leave()
		}
		for _, c := range []Claim{{Host: "i", Site: "t"}, {Host: "h", Site: "s", Deadline: time.Now().Add(time.Minute)}} {
			turn := q.Join(c)
			if turn.ask(piece) != nil {
				t.Errorf("%+v waits for one whose peer is slow", c)
			}
			turn.Leave()
		}
	})
}
