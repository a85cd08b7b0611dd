package manifest

import (
	"fmt"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// What an open incident does not have yet is to come; what it will never have keeps its
// reason, and so does everything of one that is frozen.
func TestToCome(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	min := func(n int) time.Time { return incidenttest.T0.Add(time.Duration(n) * time.Minute) }
	asked := evidence.NewWindow(min(0), min(20))
	in := incident.Incident{Key: "k", ID: "k", Site: "hq", Hosts: incidenttest.Sites[0].Hosts, Families: []string{"network_log"}, Asked: asked}
	if err := st.Create(in.Key); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		reason string
		want   string // of a host whose log was missing minutes 0 to 3 and from 14 on, at a look that began in minute 15
	}{
		"rotated":     {evidence.ReasonRotated, "0-3 rotated_or_never_written, 14-20 to_come"},
		"unreachable": {evidence.ReasonUnreachable, "0-3 rotated_or_never_written, 14-15 unreachable, 15-20 to_come"},
		"refused":     {evidence.ReasonLogin, "0-3 rotated_or_never_written, 14-20 login_refused"},
	} {
		missing := []evidence.Span{{Since: min(0), Until: min(3), Reason: evidence.ReasonRotated}, {Since: min(14), Until: min(20), Reason: c.reason}}
		row := evidence.Host{Host: "expc01", Files: []evidence.File{{Family: "network_log", Coverage: evidence.Partial, Missing: missing}}, Coverage: evidence.Partial}
		if err := st.SaveHost(in.Key, "expc01", incident.HostState{Result: row, Judged: asked, Attempts: []incident.Attempt{{Began: min(15)}}}); err != nil {
			t.Fatal(err)
		}
		m, err := Of(st, in)
		if err != nil {
			t.Fatal(err)
		}
		if got := spansOf(m.Hosts[0]); got != c.want || m.Coverage != evidence.Partial {
			t.Errorf("%s: %s, %s\nwant %s", name, m.Coverage, got, c.want)
		}
		if got := spansOf(m.Hosts[1]); got != "0-20 to_come" {
			t.Errorf("%s: a host that was not asked lacks %s", name, got)
		}
		frozen := in
		frozen.Frozen = true
		stopped := frozen
		stopped.Stopped = min(16)
		if m, err = Of(st, stopped); err != nil || spansOf(m.Hosts[0]) != c.want {
			t.Errorf("%s: stopped by hand it lacks %s, %v", name, spansOf(m.Hosts[0]), err)
		}
		if m, err = Of(st, frozen); err != nil || spansOf(m.Hosts[0]) == c.want && c.reason != evidence.ReasonLogin {
			t.Errorf("%s: frozen it lacks %s, %v", name, spansOf(m.Hosts[0]), err)
		}
	}
}

func spansOf(h evidence.Host) (s string) {
	for _, m := range h.Files[0].Missing {
		if s != "" {
			s += ", "
		}
		s += fmt.Sprintf("%d-%d %s", m.Since.Sub(incidenttest.T0)/time.Minute, m.Until.Sub(incidenttest.T0)/time.Minute, m.Reason)
	}
	return s
}
