package sight

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
)

func scrape(f *Figures) string {
	w := httptest.NewRecorder()
	f.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

// TestFigures: Prometheus hears of a fleet who is up and what was found out; of a hub that does not
// answer only that.
func TestFigures(t *testing.T) {
	t.Parallel()
	s := newTenant(t)
	h := s.connect("looks")
	a, b := s.begin("dmz-a"), s.begin("dmz-b")
	for _, m := range []*member{a, b} {
		until(t, "it is heard", func() bool { return s.presence(h, m.Name()).State == fleet.Here })
	}
	for i, cause := range []string{"tcp_dropped", "tcp_dropped", "", "something new"} {
		v, _ := json.Marshal(fleet.Verdict{Incident: fmt.Sprint(i), Site: "hq", Collector: "dmz-a", Revision: 1, At: time.Now(), Coverage: "complete", Cause: cause})
		if _, err := h.Stream.Publish(t.Context(), fleet.EventSubject("hq"), v); err != nil {
			t.Fatal(err)
		}
	}
	b.kill()
	until(t, "one is silent", func() bool { return s.presence(h, "dmz-b").State == fleet.Silent })
	text := scrape(&Figures{Hub: func() (*hub.Hub, error) { return h, nil }})
	for _, line := range []string{
		"grab_fleet_hub_up 1", "grab_fleet_works 0",
		`grab_fleet_collector_up{collector="dmz-a"} 1`, `grab_fleet_collector_up{collector="dmz-b"} 0`,
		`grab_fleet_site_collectors_ready{site="hq"} 1`,
		`grab_fleet_verdicts{cause="tcp_dropped",coverage="complete",site="hq"} 2`,
		`grab_fleet_verdicts{cause="none",coverage="complete",site="hq"} 1`,
		`grab_fleet_verdicts{cause="other",coverage="complete",site="hq"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%s is missing in\n%s", line, text)
		}
	}
	away := scrape(&Figures{Hub: func() (*hub.Hub, error) { return nil, errors.New("away") }})
	if !strings.Contains(away, "grab_fleet_hub_up 0\n") || strings.Contains(away, "collector_up") {
		t.Error(away)
	}
}

// TestCounted: however many sites and causes strangers name, the lines are bounded.
func TestCounted(t *testing.T) {
	var list []fleet.Verdict
	for i := range 4 * maxLabels {
		list = append(list, fleet.Verdict{Site: fmt.Sprint(i), Cause: fmt.Sprint(i), Coverage: "partial"})
	}
	if n := counted(list); len(n) != maxLabels+1 || n[[3]string{others, others, "partial"}] != 3*maxLabels {
		t.Errorf("%d", len(n))
	}
}
