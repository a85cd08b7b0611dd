package bundle

import (
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
)

// One reason stands once with all its hosts, however many logs it is true of; what is to
// come is not called missing.
func TestDescribeFolds(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	since := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	m := evidence.Manifest{Incident: "i", Asked: evidence.NewWindow(since, since.Add(20*time.Minute))}
	m.Window = m.Asked
	early, late := evidence.Span{Since: since, Until: since.Add(time.Minute), Reason: evidence.ReasonRotated}, evidence.Span{Since: since.Add(5 * time.Minute), Until: m.Asked.Until, Reason: evidence.ReasonToCome}
	for _, host := range []string{"expc01", "expc02", "expe01", "expe02"} {
		h := evidence.Host{Host: host, Error: "no route"}
		for _, f := range []string{"network_log", "messages", "developer_log"} {
			h.Files = append(h.Files, evidence.File{Family: f, Coverage: evidence.Partial, Missing: []evidence.Span{early, late}})
		}
		h.Conclude()
		m.Hosts = append(m.Hosts, h)
	}
	m.Hosts[3].Files[2].Missing = []evidence.Span{late}
	m.Conclude()
	var b strings.Builder
	if err := Describe(&b, m, zone); err != nil {
		t.Fatal(err)
	}
	said := b.String()
	for _, want := range []string{
		"Coverage  partial so far\n",
		"\nTo come\n  until 2026-03-02 07:20:00 EST (12:20:00 UTC): expc01, expc02, expe01, expe02 (network_log, messages, developer_log)\n",
		"\n  expc01, expc02, expe01, expe02: no route\n",
		"\n    2026-03-02 07:00:00 to 07:01:00 EST (12:00:00 to 12:01:00 UTC), 1 min: expc01, expc02, expe01 (network_log, messages, developer_log); expe02 (network_log, messages)\n",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in\n%s", want, said)
		}
	}
	if n := strings.Count(said, evidence.ReasonRotated); n != 1 {
		t.Errorf("the reason stands %d times in\n%s", n, said)
	}
	if strings.Contains(said, evidence.ReasonToCome) {
		t.Errorf("what is to come is a reason:\n%s", said)
	}
}
