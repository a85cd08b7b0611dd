package channel

import (
	"errors"
	"testing"
	"time"

	"rtmtgrab/internal/leap/leaptest"
)

// TestOutboxOutlivesALeap: notices that wait are not too old because the clock is years ahead for a while.
func TestOutboxOutlivesALeap(t *testing.T) {
	w := &way{}
	w.set(func(Notice) error { return errors.New("down") })
	o := box(t, t.TempDir(), w)
	if err := o.Add(note(KindProblems, "something")); err != nil {
		t.Fatal(err)
	}
	for _, by := range []time.Duration{26280 * time.Hour, 0} {
		o.now = func() time.Time { return leaptest.Leapt(time.Now(), by) }
		if _, _, there := o.head(); !there {
			t.Fatalf("with a clock that leapt by %v it is dropped", by)
		}
	}
}
