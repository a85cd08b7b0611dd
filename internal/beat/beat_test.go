package beat

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// Waits that begin at any time end together, each about as long as it was to be.
func TestOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ends := map[time.Time]int{}
		for range 1000 {
			time.Sleep(rand.N(20 * time.Millisecond))
			d := 15*time.Second + rand.N(2*time.Second)
			got := On(d)
			if diff := (got - d).Abs(); diff > length/2 {
				t.Fatalf("%v became %v", d, got)
			}
			ends[time.Now().Add(got)]++
		}
		for at := range ends {
			if at.Nanosecond() != 0 {
				t.Errorf("a wait ends at %v", at)
			}
		}
		if len(ends) > 30 { // they began within 20 s, and last between 15 and 17
			t.Errorf("1000 waits end at %d times", len(ends))
		}
		if d := 9 * time.Second; On(d) != d {
			t.Errorf("%v became %v", d, On(d))
		}
	})
}

// Who waits again and again for a minute does so for a minute on average, however long what he
// does meanwhile lasts, as long as that is short.
func TestOnEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		for range 60 {
			time.Sleep(On(time.Minute))
			time.Sleep(50 * time.Millisecond)
		}
		if took := time.Since(began); (took - time.Hour).Abs() > 2*time.Second {
			t.Errorf("60 minutes took %v", took)
		}
	})
}
