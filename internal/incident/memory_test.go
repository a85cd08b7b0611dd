package incident_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// at is minutes after T0.
func at(minutes int) time.Time {
	return incidenttest.T0.Add(time.Duration(minutes) * time.Minute)
}

// incidentAt is an incident of a site, ten minutes around a time.
func incidentAt(minutes int, site, hex string) incident.Incident {
	id := incident.MakeID(at(minutes), site, hex)
	return incident.Incident{Key: id, ID: id, Site: site, Asked: evidence.NewWindow(at(minutes-5), at(minutes+5))}
}

// The many incidents of a site whose name begins with another's do not push that one's out.
func TestBeforeBesideALoudNeighbour(t *testing.T) {
	t.Parallel()
	st := incidenttest.FastStore(t, t.TempDir())
	save := func(in incident.Incident, partial ...evidence.PhoneTime) {
		if err := errors.Join(st.Create(in.Key), st.Save(in), incident.MemoryFile(st, in.Key).Save(evidence.Memory{Partial: partial})); err != nil {
			t.Fatal(err)
		}
	}
	save(incidentAt(0, "hq", "f00000"), evidence.PhoneTime{Device: "a", Verdict: "partial", At: at(0)})
	for i := range 60 {
		save(incidentAt(1+i/2, "hq-far", fmt.Sprintf("%06x", i)))
	}
	if open, err := incident.Before(st, incidentAt(60, "hq", "100000")); err != nil || len(open) != 1 {
		t.Errorf("%+v, %v", open, err)
	}
}

// Phones stay in mind until a bundle shows them registered in full, for a day, at their own
// site; and not beyond a bundle that does not name all that registered.
func TestBefore(t *testing.T) {
	t.Parallel()
	type memory struct {
		minutes       int
		site          string
		partial, over string // devices, a letter each
		cut           bool
	}
	for name, c := range map[string]struct {
		past []memory
		want string
	}{
		"nothing":              {nil, ""},
		"one":                  {[]memory{{0, "hq", "a", "", false}}, "a"},
		"in the same second":   {[]memory{{60, "hq", "a", "", false}}, "a"},
		"registered since":     {[]memory{{0, "hq", "ab", "", false}, {20, "hq", "", "a", false}}, "b"},
		"registered before":    {[]memory{{0, "hq", "", "a", false}, {20, "hq", "a", "", false}}, "a"},
		"another site":         {[]memory{{0, "far", "a", "", false}, {10, "hq-far", "b", "", false}}, ""},
		"too long ago":         {[]memory{{-1500, "hq", "a", "", false}, {-1300, "hq", "b", "", false}}, "b"},
		"not all are named":    {[]memory{{0, "hq", "a", "", false}, {20, "hq", "", "", true}, {30, "hq", "b", "", false}}, "b"},
		"one that came later":  {[]memory{{0, "hq", "a", "", false}, {90, "hq", "b", "a", false}}, "a"},
		"twice, the newest is": {[]memory{{0, "hq", "a", "", false}, {10, "hq", "", "a", false}, {20, "hq", "a", "", false}}, "a"},
	} {
		st := incidenttest.FastStore(t, t.TempDir())
		for _, m := range c.past {
			in := incidentAt(m.minutes, m.site, fmt.Sprintf("%06x", 0xf00000+m.minutes))
			list := func(devices string) (out []evidence.PhoneTime) {
				for _, d := range devices {
					out = append(out, evidence.PhoneTime{Device: string(d), Verdict: "came_back_by_keepalive", At: at(m.minutes)})
				}
				return out
			}
			if err := errors.Join(st.Create(in.Key), st.Save(in)); err != nil {
				t.Fatal(err)
			}
			if err := incident.MemoryFile(st, in.Key).Save(evidence.Memory{Partial: list(m.partial), Over: list(m.over), Cut: m.cut}); err != nil {
				t.Fatal(err)
			}
		}
		open, err := incident.Before(st, incidentAt(60, "hq", "100000"))
		got := ""
		for _, p := range open {
			if got += p.Device; p.At.IsZero() || p.Incident == "" {
				t.Errorf("%s: %+v", name, p)
			}
		}
		if err != nil || got != c.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
	}
}
