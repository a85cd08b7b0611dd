package evidence

import (
	"encoding/json"
	"math"
	"testing"
	"time"
)

// What is believed can be written as JSON, whatever seconds somebody sends.
func TestBelievable(t *testing.T) {
	for _, sec := range []int64{0, 1, 1772460847, 253370764799, 253370764800, 253402300800, -1, -62135596800, 1 << 32, 1 << 40, 1 << 62, math.MaxInt64, math.MinInt64, math.MaxInt64 - 62135596800} {
		at := time.Unix(sec, 0)
		if got, want := Believable(at), sec >= 0 && sec < 253370764800; got != want {
			t.Errorf("%d: %v", sec, got)
		}
		if _, err := json.Marshal(BoundedTime(at).UTC()); err != nil {
			t.Errorf("%d: %v", sec, err)
		}
	}
	for _, y := range []int{1, 1677, 1970, 2026, 2262, 2263, 9998} {
		at := time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC)
		if n := Nanos(at); (n > 0) != (y > 1970) || y > 1700 && y < 2262 && n != at.UnixNano() {
			t.Errorf("year %d: %d", y, n)
		}
	}
}
