package registration

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/mra"
	labscenario "rtmtgrab/internal/lab/scenario"
	"rtmtgrab/internal/testrace"
)

var playedUntil = time.Date(2026, 3, 2, 14, 20, 0, 0, time.UTC)

func play(t *testing.T, sc labscenario.Scenario) *labscenario.Played {
	t.Helper()
	p, err := sc.Play(t.Context(), t.TempDir(), playedUntil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// sources are the logs of a scenario; whole says that they are known to be complete.
func sources(p *labscenario.Played, whole bool) ([]Source, Options) {
	var out []Source
	for _, l := range p.Logs() {
		if l.Family == lab.DeveloperLog {
			continue
		}
		missing := spans(l.Missing)
		out = append(out, Source{Missing: missing, Host: l.Host, Role: l.Role, Family: l.Family, File: "hosts/" + l.Host + "/" + l.Family + ".txt", Zone: l.Zone, Complete: whole && len(missing) == 0,
			MTime: p.Until, Open: func() (io.ReadCloser, error) { return os.Open(l.Path) }})
	}
	o := Options{Window: evidence.NewWindow(p.Since, p.Until)}
	if !p.AlertAt.IsZero() {
		o.Alerts = []evidence.Alert{{ID: "1", Name: "PartiallyRegisteredPhone", Time: p.AlertAt, Devices: p.Named()}}
	}
	return out, o
}

// spans are what is missing, as a manifest says it.
func spans(missing []labscenario.Span) []evidence.Span {
	var out []evidence.Span
	for _, m := range missing {
		out = append(out, evidence.Span{Since: m.Since, Until: m.Until, Reason: evidence.ReasonRotated})
	}
	return out
}

func analyze(t *testing.T, s []Source, o Options) *Report {
	t.Helper()
	r, err := Analyze(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestScenarios: what is said of each scenario of the laboratory is among what may be
// said, with logs that are known to be whole and with logs of which that is not known.
func TestScenarios(t *testing.T) {
	t.Parallel()
	for i, sc := range labscenario.Scenarios() {
		if i%played != 0 || testing.Short() && !testrace.On && i%11 != 0 {
			continue
		}
		t.Run(sc.Name, func(t *testing.T) {
			t.Parallel()
			p := play(t, withTraces(sc, true))
			s, o := sources(p, true)
			r := analyze(t, s, o)
			o.Traces = traces(t, p)
			checkHeard(t, p, r, analyze(t, s, o))
			checkWant(t, p, r)
			checkSaid(t, p, r)
			checkLies(t, p, r)
			if t.Failed() || testing.Verbose() {
				t.Logf("%s: %s\n%s", r.Verdict, r.Summary, strings.Join(r.Notes, "\n"))
				for _, ph := range r.Phones {
					t.Logf("%s %s/%s %s/%s late %v at %q\n  %s\n  %s", ph.Device, ph.Verdict, ph.Confidence, ph.Cause, ph.CauseConfidence, deref(ph.LateByS), ph.LateAt, ph.Summary, ph.Advice)
				}
			}
			checkReport(t, p, r)
			if p.Level == "" && len(p.LeaveOut) == 0 && len(p.Clocks) == 0 && len(p.Holes)+len(p.Edits) == 0 && !steps(p) {
				checkTruth(t, p, r)
			}
			if i%3 == 0 {
				s, _ = sources(p, false)
				checkModest(t, p, analyze(t, s, Options{}))
			}
		})
	}
}

// steps reports whether a clock of an Expressway jumps in a scenario.
func steps(p *labscenario.Played) bool {
	return slices.ContainsFunc(p.Steps, func(st labscenario.Step) bool { return st.Event.Kind == mra.ClockStep })
}

func deref(f *float64) any {
	if f == nil {
		return "-"
	}
	return *f
}

// checkWant compares a report with the scenario's table.
func checkWant(t *testing.T, p *labscenario.Played, r *Report) {
	t.Helper()
	w := p.Want
	if len(w.Verdict) > 0 && !slices.Contains(w.Verdict, r.Verdict) {
		t.Errorf("verdict %s, want %v: %s", r.Verdict, w.Verdict, r.Summary)
	}
	if w.Bodies != "" && r.BodiesLogged != w.Bodies {
		t.Errorf("bodies %s, want %s", r.BodiesLogged, w.Bodies)
	}
	said := r.Summary + "\n" + strings.Join(r.Notes, "\n")
	for _, ph := range r.Phones {
		said += "\n" + ph.Summary
	}
	for _, n := range w.Notes {
		if !regexp.MustCompile(n).MatchString(said) {
			t.Errorf("nothing says %s", n)
		}
	}
	for i, device := range p.Site.Devices() {
		j := slices.IndexFunc(r.Phones, func(ph Phone) bool {
			return ph.Device == device || ph.Device == "" && ph.MAC == p.Site.MACs()[i]
		})
		if j < 0 {
			if len(p.LeaveOut) < 2 {
				t.Errorf("%s is not in the report", device)
			}
			continue
		}
		checkPhone(t, r.Phones[j], w.Of(i))
		checkMore(t, r.Phones[j], w.Of(i))
	}
}

func checkPhone(t *testing.T, ph Phone, w labscenario.PhoneWant) {
	t.Helper()
	for _, c := range []struct {
		what, got string
		want      []string
	}{{"verdict", ph.Verdict, w.Verdict}, {"cause", ph.Cause, w.Cause}, {"confidence", ph.VerdictConfidence, w.Confidence}} {
		if c.want != nil && !slices.Contains(c.want, c.got) {
			t.Errorf("%s: %s %q, want %q", ph.Device, c.what, c.got, c.want)
		}
		if slices.Contains(w.Never, c.got) {
			t.Errorf("%s: %s must not be %q", ph.Device, c.what, c.got)
		}
	}
	if slices.Contains(w.Never, ph.LateAt) {
		t.Errorf("%s: late at %q", ph.Device, ph.LateAt)
	}
	if w.LateBy[1] != 0 && (ph.LateByS == nil || *ph.LateByS < w.LateBy[0] || *ph.LateByS > w.LateBy[1]) {
		t.Errorf("%s: late by %v, want %v", ph.Device, deref(ph.LateByS), w.LateBy)
	}
	if w.Shares != 0 && len(ph.Shares) != w.Shares {
		t.Errorf("%s: %d phones went with it, want %d", ph.Device, len(ph.Shares), w.Shares)
	}
}

// checkReport looks at what holds for every report: proofs are where they say, of
// transactions those of the first phones.
func checkReport(t *testing.T, p *labscenario.Played, r *Report) {
	t.Helper()
	texts := map[string][]byte{}
	for _, l := range p.Logs() {
		text, err := os.ReadFile(l.Path)
		if err != nil {
			t.Fatal(err)
		}
		texts["hosts/"+l.Host+"/"+l.Family+".txt"] = text
	}
	seen := map[string]map[int64]bool{}
	check := func(pr Proof) {
		if seen[pr.File] == nil {
			seen[pr.File] = map[int64]bool{}
		}
		if seen[pr.File][pr.Offset] {
			return
		}
		seen[pr.File][pr.Offset] = true
		text := texts[pr.File]
		if pr.Offset < 0 || pr.Offset+pr.Length > int64(len(text)) || pr.Length == 0 || !bytes.Contains(text[pr.Offset:pr.Offset+50], []byte(" "+pr.Host+" ")) ||
			bytes.Count(text[pr.Offset:pr.Offset+pr.Length], []byte("UTCTime=")) > 1 {
			t.Fatalf("no record of %s at %d of %s", pr.Host, pr.Offset, pr.File)
		}
	}
	for i, ph := range r.Phones {
		if (ph.Verdict == VerdictPartial || ph.Verdict == PhoneCameBack || ph.Verdict == VerdictRecovered) && (len(ph.Proofs) < 2 || ph.At == nil) {
			t.Errorf("%s: %s with %d proofs", ph.Device, ph.Verdict, len(ph.Proofs))
		}
		for _, pr := range ph.Proofs {
			check(pr)
		}
		for _, tr := range ph.Transactions[:min(len(ph.Transactions), max(0, 20-10*i))] {
			for _, h := range tr.Hops {
				for _, pr := range h.Proofs {
					check(pr)
				}
			}
		}
	}
}

// checkModest: of logs that are not known to be whole nothing that rests on an absence
// is said.
func checkModest(t *testing.T, p *labscenario.Played, r *Report) {
	t.Helper()
	if r.Verdict == VerdictHealthy {
		t.Errorf("healthy, of logs that may lack anything")
	}
	for _, ph := range r.Phones {
		if ph.VerdictConfidence == Certain && ph.Verdict != VerdictRecovered {
			t.Errorf("%s is %s, certain, of logs that may lack anything", ph.Device, ph.Verdict)
		}
		if ph.Cause == CauseLate && ph.CauseConfidence != CannotTell && ph.LateAt != "between C and CUCM" {
			t.Errorf("%s was late, %s, of logs that may lack anything", ph.Device, ph.CauseConfidence)
		}
	}
}

// checkTruth: every REGISTER that the laboratory knows of is told as it was.
func checkTruth(t *testing.T, p *labscenario.Played, r *Report) {
	t.Helper()
	type key struct {
		call string
		cseq int
	}
	told := map[key]Transaction{}
	for _, ph := range r.Phones {
		for _, tr := range ph.Transactions {
			told[key{tr.CallID, int(tr.CSeq)}] = tr
		}
	}
	kinds := map[string]string{mra.Registered: KindFull, mra.KeptAlive: KindKeepAlive, mra.CameBack: KindKeepAlive, mra.Unregistered: KindUnregister}
	n := 0
	for _, h := range p.Site.Happened() {
		if kinds[h.What] == "" || h.Sent.Before(p.Since.Add(time.Second)) || h.Time.After(p.Until.Add(-time.Second)) {
			continue
		}
		tr, ok := told[key{h.CallID, h.CSeq}]
		if !ok || tr.Kind != kinds[h.What] || tr.NewReg != h.NewReg || tr.Code != 200 || tr.CUCM != h.CUCM || tr.C != h.C || tr.E != h.E {
			t.Fatalf("%+v is told as %+v", h, tr)
		}
		if h.What == mra.KeptAlive && tr.GapS != nil && h.Gap != 0 && (*tr.GapS > h.Gap.Seconds()+1 || *tr.GapS < h.Gap.Seconds()-61) {
			t.Fatalf("%+v has a gap of %v", h, *tr.GapS)
		}
		n++
	}
	if n == 0 && p.Want.Verdict[0] != VerdictUnknown {
		t.Error("nothing could be compared")
	}
}
