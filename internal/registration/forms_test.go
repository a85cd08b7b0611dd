package registration_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab/mra"
	"rtmtgrab/internal/lab/scenario"
	"rtmtgrab/internal/registration"
	"rtmtgrab/internal/testrace"
)

const lieCameLate = `(?i)\b(it|keep-alive|REGISTER) came (too )?late\b|reached CUCM too late`

// TestForms: each scenario again with a hole in the log that matters, at INFO, and as
// the folder and the bundle that a person has. What is missing takes certainty away;
// how the logs come changes nothing.
func TestForms(t *testing.T) {
	testrace.Whole(t)
	t.Parallel()
	for i, sc := range scenario.Scenarios() {
		if i%registration.Every() != 0 {
			continue
		}
		t.Run(sc.Name, func(t *testing.T) {
			t.Parallel()
			p := registration.PlayScenario(t, sc)
			if len(sc.Holes)+len(sc.Edits)+len(sc.LeaveOut) == 0 && sc.Level != "INFO" {
				checkHole(t, p)
			}
			switch i % 3 {
			case 0:
				checkFolder(t, p)
			case 1:
				checkBundle(t, p)
			}
			if sc.Level != "INFO" && len(sc.Edits) == 0 && i%2 == 0 {
				checkInfo(t, sc)
			}
		})
	}
}

// checkHole punches a hole into the log of the C that a phone came back through, from
// after its last success to just before it came back; without such a phone, into three
// minutes of the first C's.
func checkHole(t *testing.T, p *scenario.Played) {
	phone, host, hole := critical(p)
	s, o := registration.SourcesOf(p, true)
	for i := range s {
		if s[i].Host == host {
			punch(t, p, &s[i], hole)
		}
	}
	r := registration.AnalyzeThem(t, s, o)
	registration.CheckLies(t, p, r)
	if phone < 0 {
		if r.Verdict == registration.VerdictHealthy {
			t.Errorf("healthy, with a hole in the log of %s: %s", host, r.Summary)
		}
		return
	}
	if r.Verdict == registration.VerdictHealthy {
		t.Errorf("with a hole in the log of %s: healthy, and phone %d came back: %s", host, phone, r.Summary)
	}
	ph, ok := find(r, p, phone)
	if !ok {
		return
	}
	said := registration.SentencesOf(t, r, p, phone)
	absent := []string{registration.CauseLate, registration.CauseTCP}
	if slices.Contains(absent, ph.Cause) && ph.CauseConfidence != registration.CannotTell {
		t.Errorf("with a hole in the log of %s over all that could prove it: %s is %s, %s", host, ph.Device, ph.Cause, ph.CauseConfidence)
	}
	if ph.LateByS != nil {
		t.Errorf("with a hole in the log of %s: %s is late by %v", host, ph.Device, *ph.LateByS)
	}
	for _, lie := range []string{registration.LiePhoneLate, lieCameLate} {
		if got, ok := registration.ClaimOf(said, lie); ok {
			t.Errorf("with a hole in the log of %s: %q", host, got)
		}
	}
}

// critical is the first phone that came back by keep-alive inside the logs, the C, and
// the time before; -1: none did.
func critical(p *scenario.Played) (int, string, scenario.Span) {
	for i, device := range p.Site.Devices() {
		var last time.Time
		for _, h := range p.Site.Happened() {
			if h.Device != device || h.Sent.IsZero() {
				continue
			}
			from, to := last.Add(5*time.Second), h.Sent.Add(-100*time.Millisecond)
			if h.What == mra.CameBack && from.After(p.Since) && to.Before(p.Until.Add(-5*time.Second)) && from.Before(to) {
				return i, h.C, scenario.Span{Since: from, Until: to}
			}
			last = h.Time
		}
	}
	middle := p.Since.Add(p.Until.Sub(p.Since) / 2)
	return -1, p.C[0].Name(), scenario.Span{Since: middle, Until: middle.Add(min(3*time.Minute, p.Length/4))}
}

func punch(t *testing.T, p *scenario.Played, s *registration.Source, hole scenario.Span) {
	t.Helper()
	text := read(t, *s)
	text = scenario.Punch(text, p.Clocks[s.Host], hole)
	s.Complete, s.Missing = false, append(s.Missing, registration.ScenarioSpans([]scenario.Span{hole})...)
	s.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
}

func read(t *testing.T, s registration.Source) []byte {
	t.Helper()
	r, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// checkInfo plays the scenario with logs at INFO: what needs bodies is not claimed.
func checkInfo(t *testing.T, sc scenario.Scenario) {
	sc.Level = "INFO"
	p := registration.PlayScenario(t, sc)
	s, o := registration.SourcesOf(p, true)
	r := registration.AnalyzeThem(t, s, o)
	registration.CheckLies(t, p, r)
	if r.BodiesLogged == "yes" || r.Verdict == registration.VerdictPartial || r.Verdict == registration.VerdictRecovered {
		t.Errorf("at INFO: bodies %s, %s: %s", r.BodiesLogged, r.Verdict, r.Summary)
	}
	for _, ph := range r.Phones {
		if ph.Verdict == registration.VerdictPartial || ph.Verdict == registration.VerdictRecovered {
			t.Errorf("at INFO: %s %s is %s", ph.Device, ph.MAC, ph.Verdict)
		}
		if ph.Cause != registration.CauseAuth && ph.Cause != registration.CauseRefused && ph.CauseConfidence == registration.Certain {
			t.Errorf("at INFO: %s is certain of %s", ph.MAC, ph.Cause)
		}
	}
}

func find(r *registration.Report, p *scenario.Played, phone int) (registration.Phone, bool) {
	i := slices.IndexFunc(r.Phones, func(ph registration.Phone) bool {
		return ph.Device == p.Site.Devices()[phone] || ph.Device == "" && ph.MAC == p.Site.MACs()[phone]
	})
	if i < 0 {
		return registration.Phone{}, false
	}
	return r.Phones[i], true
}

// essence is what a report says, without where.
func essence(r *registration.Report) string {
	out := []string{r.Verdict + " " + r.BodiesLogged}
	for _, ph := range r.Phones {
		out = append(out, fmt.Sprintf("%s %s: %s, %s %s %s", ph.Device, ph.MAC, ph.Verdict, ph.Cause, ph.CauseConfidence, ph.LateAt))
	}
	slices.Sort(out[1:])
	return strings.Join(out, "\n")
}

// content is a log's text on disk.
func content(t *testing.T, l scenario.Log) []byte {
	t.Helper()
	text, err := os.ReadFile(l.Path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func window(p *scenario.Played) evidence.Window { return evidence.NewWindow(p.Since, p.Until) }
