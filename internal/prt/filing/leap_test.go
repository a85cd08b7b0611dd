package filing

import (
	"log/slog"
	"testing"
	"time"

	"rtmtgrab/internal/leap/leaptest"
	"rtmtgrab/internal/prt"
)

// TestLeapKeepsReports: a report that waits for its incident is not too old because the clock is years
// ahead for a while.
func TestLeapKeepsReports(t *testing.T) {
	d := newDesk(t)
	d.send(phone, "report")
	d.end()
	box, err := prt.OpenBox(d.st.Dir)
	if err != nil {
		t.Fatal(err)
	}
	by := time.Duration(0)
	f := newFiler(d.st, box, nil, slog.New(slog.DiscardHandler), func() time.Time { return leaptest.Leapt(time.Now(), by) })
	for _, by = range []time.Duration{0, 26280 * time.Hour, 0} {
		if f.look(t.Context(), 24*time.Hour); len(box.Waiting()) != 1 {
			t.Fatalf("with a clock that leapt by %v it is gone", by)
		}
	}
}
