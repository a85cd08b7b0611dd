package expressway

import (
	"testing"
	"time"
)

func TestUTCDay(t *testing.T) {
	for day := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 10000; day = day.AddDate(0, 0, 13) {
		y, m, d := day.Date()
		if got := utcDay(y, int(m), d); got != day {
			t.Fatalf("%v, want %v", got, day)
		}
	}
	for y := 1999; y < 2105; y++ {
		for _, md := range [][2]int{{1, 1}, {2, 28}, {3, 1}, {12, 31}} {
			if got, want := utcDay(y, md[0], md[1]), time.Date(y, time.Month(md[0]), md[1], 0, 0, 0, 0, time.UTC); got != want {
				t.Fatalf("%v, want %v", got, want)
			}
		}
	}
	if got, want := utcDay(2024, 2, 29), time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC); got != want {
		t.Fatalf("%v, want %v", got, want)
	}
}
