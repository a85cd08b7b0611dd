package handover

import (
	"testing"
	"testing/synctest"
	"time"
)

// What waits of an incident that goes is given up, what is under way is not, and of others nothing
// is touched.
func TestWithdraw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		to := &fake{slow: time.Minute}
		b.begin(destination("share", to))
		first := b.add(b.bundle(1, 1), "share")
		time.Sleep(30 * time.Second)
		second := b.add(b.bundle(2, 1), "share")
		third := b.add(b.bundle(3, 1), "share")
		if !Withdraw(b.Engine, keyOf(first), "others have it") {
			t.Error("what is under way was not said to be")
		}
		if Withdraw(b.Engine, keyOf(second), "others have it") {
			t.Error("what waits is said to have begun")
		}
		b.until(second, Dropped)
		b.until(first, Done)
		b.until(third, Done)
		if to.made() != 2 {
			t.Errorf("%d attempts", to.made())
		}
		if j, there, err := b.Engine.Store.Ended(second); err != nil || !there || j.Error != "others have it" {
			t.Errorf("%+v, %v", j, err)
		}
	})
}
