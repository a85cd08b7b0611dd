package registration

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/mra"
	labscenario "rtmtgrab/internal/lab/scenario"
	"rtmtgrab/internal/testrace"
)

func scenario(t *testing.T, name string) *labscenario.Played {
	t.Helper()
	all := labscenario.Scenarios()
	return play(t, all[slices.IndexFunc(all, func(s labscenario.Scenario) bool { return s.Name == name })])
}

func contents(t *testing.T, s Source) []byte {
	t.Helper()
	r, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func with(s Source, text []byte) Source {
	s.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
	return s
}

func says(t *testing.T, r *Report, what string) {
	t.Helper()
	if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, what) }) {
		t.Errorf("no note says %q:\n%s", what, strings.Join(r.Notes, "\n"))
	}
}

// phonesOf is what is said of the phones, without places.
func essenceOfPhones(r *Report) string {
	essence(r)
	return essence(&Report{Verdict: r.Verdict, Summary: r.Summary, Phones: r.Phones})
}

// TestKnownBeside: what is known beside the logs counts.
func TestKnownBeside(t *testing.T) {
	testrace.Whole(t)
	t.Parallel()
	p := scenario(t, "late")
	s, o := sources(p, true)
	affected := p.Site.Devices()[1]
	plain := analyze(t, s, o)
	if d := plain.Phones[0].Device; d != affected {
		t.Errorf("the first phone is %s", d)
	}

	o.PhonesNamed = []string{"7052", "SEP000000000001"}
	r := analyze(t, s, o)
	if !r.Phones[0].Named || r.Phones[0].Numbers[0] != "7052" || r.Phones[1].Device != affected {
		t.Errorf("the order is %s %s", r.Phones[0].Device, r.Phones[1].Device)
	}
	says(t, r, "SEP000000000001, which was asked for")

	o.PhonesNamed, o.Peers = nil, []string{"10.0.30.9"}
	r = analyze(t, s, o)
	if ph := r.Phones[0]; ph.Verdict != VerdictPartial || ph.VerdictConfidence == Certain || ph.CauseConfidence != CannotTell {
		t.Errorf("with an unconfigured peer: %s %s %s", ph.Verdict, ph.VerdictConfidence, ph.CauseConfidence)
	}
	says(t, r, "10.0.30.9")

	o.Peers, o.Grace = nil, time.Hour
	if ph := analyze(t, s, o).Phones[0]; ph.BeyondGraceS == nil || *ph.BeyondGraceS > -3000 {
		t.Errorf("with an hour of grace: %v", deref(ph.BeyondGraceS))
	}

	o.Grace, o.Hops = 0, 120
	r = analyze(t, s, o)
	says(t, r, "not shown one by one")
	hops := 0
	for _, tr := range r.Phones[0].Transactions {
		hops += len(tr.Hops)
	}
	if hops < 50 || hops > 120 {
		t.Errorf("%d hops of the affected phone are shown", hops)
	}

	o.Hops = 0
	for i := range s {
		s[i].Host, s[i].Role = "", ""
	}
	r = analyze(t, s, o)
	if ph := r.Phones[0]; ph.Device != affected || ph.Verdict != VerdictPartial || ph.LateAt != "before E" || !slices.ContainsFunc(r.Files, func(f File) bool { return f.Role == "C" }) {
		t.Errorf("without hosts and roles: %s %s late at %q, %+v", ph.Device, ph.Verdict, ph.LateAt, r.Files[0])
	}
}

// TestSameRecords: a log given twice, and one whose INFO and DEBUG records stand in two
// files, tell the same as the log itself.
func TestSameRecords(t *testing.T) {
	testrace.Whole(t)
	t.Parallel()
	p := scenario(t, "late-12s")
	s, o := sources(p, true)
	want := essenceOfPhones(analyze(t, s, o))
	twice := slices.Clone(s)
	for _, x := range s {
		x.File = "copy of " + x.File
		twice = append(twice, x)
	}
	if got := essenceOfPhones(analyze(t, twice, o)); got != want {
		t.Errorf("twice:\n%s\nonce:\n%s", got, want)
	}
	var split []Source
	for _, x := range s {
		var info, debug []byte
		for _, rec := range lab.SplitRecords(contents(t, x)) {
			if bytes.Contains(rec, []byte(`Level="DEBUG`)) {
				debug = append(debug, rec...)
			} else {
				info = append(info, rec...)
			}
		}
		y := x
		y.File += ".debug"
		split = append(split, with(x, info), with(y, debug))
	}
	if got := essenceOfPhones(analyze(t, split, o)); got != want {
		t.Errorf("in two files:\n%s\nin one:\n%s", got, want)
	}
}

// TestClocks: with measured offsets times are the collector's.
func TestClocks(t *testing.T) {
	testrace.Whole(t)
	t.Parallel()
	p := scenario(t, "late-clocks")
	s, o := sources(p, true)
	for i := range s {
		d := p.Clocks[s[i].Host]
		s[i].ClockOffset = &d
	}
	r := analyze(t, s, o)
	says(t, r, "as was measured")
	var came mra.Happening
	for _, h := range p.Site.Happened() {
		if h.What == mra.CameBack {
			came = h
		}
	}
	ph := r.Phones[0]
	if ph.At == nil || ph.At.Sub(came.Sent).Abs() > time.Second {
		t.Fatalf("it came back at %v, and is said to have at %v", came.Sent, ph.At)
	}
	for _, tr := range ph.Transactions {
		for i, h := range tr.Hops {
			if i > 0 && h.Time.Before(tr.Hops[i-1].Time) || h.DelayMS != nil && (*h.DelayMS < 0 || *h.DelayMS > 1000) {
				t.Fatalf("hops out of order: %+v", tr.Hops)
			}
		}
	}
}

// TestUnreadable: a log that breaks off is said, and makes nothing certain.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	p := scenario(t, "late")
	s, o := sources(p, true)
	for i := range s {
		if text := contents(t, s[i]); s[i].Host == "expc01" && s[i].Family == "network_log" {
			s[i].Open = func() (io.ReadCloser, error) {
				return io.NopCloser(io.MultiReader(bytes.NewReader(text[:len(text)/2]), failing{})), nil
			}
		}
	}
	r := analyze(t, s, o)
	says(t, r, "the disk is gone")
	for _, ph := range r.Phones {
		if ph.VerdictConfidence == Certain {
			t.Errorf("%s is %s, certain", ph.Device, ph.Verdict)
		}
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

// TestNothing: no logs, empty logs and logs without REGISTERs are said.
func TestNothing(t *testing.T) {
	t.Parallel()
	for _, s := range [][]Source{nil, {{Host: "expc01", Role: "C"}}, {with(Source{Host: "expc01", Role: "C", Complete: true}, []byte("no record\n"))}} {
		r := analyze(t, s, Options{})
		if r.Verdict != VerdictUnknown || len(r.Phones) != 0 {
			t.Errorf("of nothing: %s", r.Summary)
		}
		says(t, r, "on-premises")
	}
}
