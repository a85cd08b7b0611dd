package owner

import (
	"context"
	"fmt"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/testserver"
)

// TestFar: an incident of many alerts is claimed on a hub that is far away, though that takes many round trips.
func TestFar(t *testing.T) {
	t.Parallel()
	s, js := fleetOf(t)
	line, err := testserver.Start(s.URL[len("tls://"):], 100*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { line.Close() })
	a, _ := pair(t, s)
	a.url = "tls://" + line.Addr()
	a.start(t.TempDir())
	until(t, "it is connected", func() bool { return a.hub.Load().Down() == nil })
	var alerts []evidence.Alert
	for i := range 60 {
		x := alert(fmt.Sprint("n", i))
		alerts = append(alerts, x)
		publish(t, js, x)
		if _, err := a.j.Add(context.Background(), x, []byte("mail"), false, x.Time); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.j.Decide(time.Now()); err != nil {
		t.Fatal(err)
	}
	once(t, alerts, a.st)
	if l, err := a.st.List(); err != nil || len(l) != 1 {
		t.Errorf("%d incidents, %v", len(l), err)
	}
}
