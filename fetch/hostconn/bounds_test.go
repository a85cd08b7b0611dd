package hostconn

import (
	"testing"
	"time"
)

// What a host says of its time is bounded where it is read.
func TestForeignTimes(t *testing.T) {
	for _, s := range []string{"253402300800", "253370764800.000000000", "-1", "9223372036854775807", "-9223372036854775808.5", "1e9"} {
		if at, _, err := parseDate(s); err == nil {
			t.Errorf("date %q is %v", s, at)
		}
	}
	for s, want := range map[string]time.Time{"1772460847": time.Unix(1772460847, 5e8), "1772460847.000000001": time.Unix(1772460847, 1), "1772460847.-00000001": time.Unix(1772460847, 5e8)} {
		if at, _, err := parseDate(s); err != nil || !at.Equal(want) {
			t.Errorf("date %q is %v, %v", s, at, err)
		}
	}
}
