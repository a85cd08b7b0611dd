//go:build linux

package chaos

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

func fromEnv(name string, usual int) int {
	if s := os.Getenv(name); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			panic(fmt.Sprintf("%s: %q is no number", name, s))
		}
		return n
	}
	return usual
}

// TestChaos delivers mails while connections are cut, stalled, slowed down and
// garbled, the server is restarted and the mailbox renumbered, mails are expunged
// by someone else, and the watcher is killed. Afterwards it is left alone until
// all is dealt with, and the store is compared with what was sent.
func TestChaos(t *testing.T) {
	t.Parallel()
	mails, seed := fromEnv("GRAB_CHAOS_MAILS", 250), uint64(fromEnv("GRAB_CHAOS_SEED", 1))
	span := time.Duration(fromEnv("GRAB_CHAOS_SECONDS", 15)) * time.Second
	rng := rand.New(rand.NewPCG(seed, 5))
	sent := compose(rng, mails)
	r := newRig(t)
	r.startWatch()
	began := time.Now()
	done := make(chan struct{})
	go func() { // ends when all mails are delivered
		defer close(done)
		for i, m := range sent.order {
			if wait := time.Until(began.Add(span * time.Duration(i) / time.Duration(len(sent.order)))); wait > 0 {
				time.Sleep(wait)
			}
			r.deliver(m)
		}
	}()
	tr := &troubles{rig: r, rng: rand.New(rand.NewPCG(seed, 6)), count: map[string]int{}}
	tr.run(done)
	<-done
	r.calm()
	r.settle(sent)
	r.stopWatch()
	a := r.account(sent)
	t.Logf("%d mails, %d alerts, %v of trouble %v; then %s\naccounted: %v; incidents %d; largest watcher %d MiB",
		len(sent.order), len(sent.alerts), time.Since(began).Round(time.Second), tr.count, r.settled.Round(time.Second), a.by, a.incidents, r.peak>>20)
}
