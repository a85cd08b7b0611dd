package registration

import (
	"bytes"
	"compress/gzip"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/cucmtrace"
	"rtmtgrab/internal/lab/mra"
	labscenario "rtmtgrab/internal/lab/scenario"
	"rtmtgrab/internal/registration/judge"
	"rtmtgrab/internal/testrace"
)

// withTraces lets the CUCM nodes of a scenario trace, which changes nothing else of it.
func withTraces(sc labscenario.Scenario, sip bool) labscenario.Scenario {
	zone := time.FixedZone("EST", -5*3600)
	sc.Site.SDL = &mra.SDLConfig{Zone: zone, Every: 20 * time.Second, NoSIP: !sip, Clock: map[string]time.Duration{"cucm01.example.com": 1300 * time.Millisecond}}
	return sc
}

// traces are those of a scenario's nodes, as they were fetched: whole.
func traces(t *testing.T, p *labscenario.Played) []TraceSource {
	t.Helper()
	var out []TraceSource
	for _, node := range p.Site.Nodes() {
		for _, f := range p.Site.TraceFiles(node) {
			if f.Kind != mra.SDL {
				continue
			}
			stored, err := p.Site.ReadTrace(node, f.Path)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, TraceSource{Node: node, File: "cucm/" + node + "/" + f.Name(), Kind: "sdl", Packed: true, Complete: true, Place: cucmtrace.Place{Modified: f.Modified},
				Open: func() (io.ReadCloser, error) { return gzip.NewReader(bytes.NewReader(stored)) }})
		}
	}
	return out
}

var sureness = map[string]int{"": 0, CannotTell: 1, Likely: 2, Certain: 3}

// checkHeard: with CUCM's own record the report is never less certain, what it says otherwise it
// calls a contradiction or knew not before, and it is the truth.
func checkHeard(t *testing.T, p *labscenario.Played, without, with *Report) {
	t.Helper()
	for _, b := range without.Phones {
		i := slices.IndexFunc(with.Phones, func(ph Phone) bool { return slices.Equal(ph.CallIDs, b.CallIDs) })
		if i < 0 {
			t.Errorf("%s is no longer in the report", b.Device)
			continue
		}
		a := with.Phones[i]
		told := len(a.Contradictions) > 0
		better := b.Verdict == VerdictUnknown || a.Verdict == VerdictPartial && (b.Verdict == PhoneCameBack || b.VerdictConfidence != Certain)
		switch {
		case a.Verdict != b.Verdict && !told && !better:
			t.Errorf("%s: %s (%s) without CUCM's record, %s (%s) with it, and no contradiction is told", a.Device, b.Verdict, b.VerdictConfidence, a.Verdict, a.VerdictConfidence)
		case sureness[a.VerdictConfidence] < sureness[b.VerdictConfidence] && !told:
			t.Errorf("%s: %s is less certain: %s, was %s", a.Device, a.Verdict, a.VerdictConfidence, b.VerdictConfidence)
		case a.Cause == b.Cause && sureness[a.CauseConfidence] < sureness[b.CauseConfidence]:
			t.Errorf("%s: %s is less certain: %s, was %s", a.Device, a.Cause, a.CauseConfidence, b.CauseConfidence)
		case a.Cause != b.Cause && !told && b.Cause != CauseUnknown && b.Cause != "":
			t.Errorf("%s: the cause is %s instead of %s, and no contradiction is told", a.Device, a.Cause, b.Cause)
		}
	}
	for i, device := range p.Site.Devices() {
		j := slices.IndexFunc(with.Phones, func(ph Phone) bool { return ph.Device == device || ph.Device == "" && ph.MAC == p.Site.MACs()[i] })
		if j < 0 {
			continue
		}
		a := with.Phones[j]
		checkStanding(t, p, i, a)
		checkDrop(t, p, device, a)
	}
}

// checkStanding: a phone is called partial if and only if it is, by CUCM's last alarm on it.
func checkStanding(t *testing.T, p *labscenario.Played, i int, a Phone) {
	t.Helper()
	if p.Sets(i).HA {
		return // of two registrations one may be partial
	}
	var last mra.Happening
	var since time.Time // of what it is at the end
	some := func(h mra.Happening) bool { return h.Lines > 0 && h.Lines < h.All }
	for _, h := range p.Site.Happened() {
		if h.Device == a.Device && h.What != mra.Refused {
			if some(h) != some(last) || h.NewReg {
				since = h.Time
			}
			last = h
		}
	}
	partial := some(last)
	if partial && since.After(p.Since.Add(time.Second)) && a.Verdict != VerdictPartial {
		t.Errorf("%s is partially registered (%d of %d lines, %s), and is called %s (%s): %v", a.Device, last.Lines, last.All, last.What, a.Verdict, a.VerdictConfidence, a.CUCMEvents)
	}
	if !partial && last.Lines > 0 && a.Verdict == VerdictPartial && a.VerdictConfidence == Certain {
		t.Errorf("%s has all its %d lines, and is called partial, certain: %s", a.Device, last.All, a.Summary)
	}
}

// checkDrop: CUCM's alarms are told as they were, at the times of the Expressways.
func checkDrop(t *testing.T, p *labscenario.Played, device string, a Phone) {
	t.Helper()
	if len(p.Clocks) > 0 || steps(p) {
		return
	}
	for _, h := range p.Site.Happened() {
		if h.Device != device || h.What != mra.Dropped || h.Time.Before(p.Since) || h.Time.After(p.Until.Add(-time.Second)) {
			continue
		}
		if !slices.ContainsFunc(a.CUCMEvents, func(e CUCMEvent) bool {
			return e.What == "unregistered" && e.Reason != 0 && e.Time.Sub(h.Time).Abs() < 2*time.Second && strings.HasPrefix(h.CUCM, e.Node)
		}) {
			t.Errorf("%s was dropped at %s by %s, which is not told: %v", device, h.Time, h.CUCM, a.CUCMEvents)
		}
	}
}

// hearing is one case of CUCM's record against what Expressways' logs suggest.
type hearing struct {
	phone   int
	verdict string
	cause   string
	sure    string // of the cause
	says    string // a statement holds this
	against string // a contradiction holds this; empty: there is none
}

// TestHeard: what CUCM's own record says counts more than what was inferred, and where the two
// differ the report says so.
func TestHeard(t *testing.T) {
	testrace.Whole(t)
	t.Parallel()
	late := mra.Event{Kind: mra.LateKeepAlive, Phone: 1}
	cases := []struct {
		name  string
		steps []labscenario.Step
		level string
		want  hearing
	}{
		{"late", []labscenario.Step{{After: 15 * time.Minute, Event: late}}, "DEBUG",
			hearing{phone: 1, verdict: VerdictPartial, cause: CauseLate, sure: Certain, says: "dropped it at "}},
		{"late, at INFO", []labscenario.Step{{After: 15 * time.Minute, Event: late}}, "INFO",
			hearing{phone: 1, verdict: VerdictPartial, cause: CauseLate, sure: Certain, says: "reason 13, KeepAliveTimeout"}},
		{"connection", []labscenario.Step{{After: 15 * time.Minute, Event: mra.Event{Kind: mra.DropTCP, Phone: 1}}}, "DEBUG",
			hearing{phone: 1, verdict: VerdictPartial, cause: CauseTCP, sure: Certain, says: "reason 6, ConnectivityError"}},
		{"connection, at INFO", []labscenario.Step{{After: 15 * time.Minute, Event: mra.Event{Kind: mra.DropTCP, Phone: 1}}}, "INFO",
			hearing{phone: 1, verdict: VerdictPartial, cause: CauseTCP, sure: Certain, says: "reason 6, ConnectivityError"}},
		{"deaf", []labscenario.Step{{After: 12 * time.Minute, Event: mra.Event{Kind: mra.Deaf, Phone: 1, For: 3 * time.Minute, Code: 408}}}, "DEBUG",
			hearing{phone: 1, says: "arrived at cucm01", against: "to which Expressway-C has no answer, arrived at"}},
		{"silent", []labscenario.Step{{After: 12 * time.Minute, Event: mra.Event{Kind: mra.SilentDrop, Phone: 1, For: 4 * time.Minute, Code: 408, Close: "Connection timed out"}}}, "DEBUG",
			hearing{phone: 1, says: "never arrived at cucm01"}},
		{"slow", []labscenario.Step{{After: 12 * time.Minute, Event: mra.Event{Kind: mra.Slow, Phone: 1, For: 9 * time.Second}}}, "DEBUG",
			hearing{phone: 1, verdict: PhoneRegistered, says: "CUCM itself took 9.0 s to answer"}},
		{"held up on the wire", []labscenario.Step{{After: 15 * time.Minute, Event: mra.Event{Kind: mra.DelayKeepAlive, Phone: 1, Where: "CUCM", For: 40 * time.Second}}}, "DEBUG",
			hearing{phone: 1, verdict: VerdictPartial, cause: CauseLate, sure: Certain, says: "from Expressway-C to CUCM"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := play(t, withTraces(labscenario.Scenario{Name: "heard", Level: c.level, Steps: c.steps}, true))
			s, o := sources(p, true)
			o.Alerts = nil
			o.Traces = traces(t, p)
			r := analyze(t, s, o)
			device := p.Site.Devices()[c.want.phone]
			i := slices.IndexFunc(r.Phones, func(ph Phone) bool { return ph.Device == device || ph.MAC == p.Site.MACs()[c.want.phone] })
			if i < 0 {
				t.Fatalf("%s is not in the report", device)
			}
			checkHearing(t, r.Phones[i], c.want)
			checkLadder(t, r.Phones[i])
		})
	}
}

func checkHearing(t *testing.T, ph Phone, w hearing) {
	t.Helper()
	said := ""
	for _, s := range ph.Statements {
		said += s.Confidence + ": " + s.Text + "\n"
	}
	against := strings.Join(ph.Contradictions, "\n")
	if w.verdict != "" && (ph.Verdict != w.verdict || ph.VerdictConfidence != Certain) {
		t.Errorf("%s (%s), want %s, certain", ph.Verdict, ph.VerdictConfidence, w.verdict)
	}
	if w.cause != "" && (ph.Cause != w.cause || ph.CauseConfidence != w.sure) {
		t.Errorf("%s (%s), want %s, %s", ph.Cause, ph.CauseConfidence, w.cause, w.sure)
	}
	if !strings.Contains(said, w.says) {
		t.Errorf("nothing says %q", w.says)
	}
	if (w.against == "") != (against == "") || !strings.Contains(against, w.against) {
		t.Errorf("contradictions %q, want %q", against, w.against)
	}
	if t.Failed() {
		t.Logf("%s\n%s", ph.Summary, said)
	}
}

// checkLadder: every answered keep-alive has its last column from CUCM itself.
func checkLadder(t *testing.T, ph Phone) {
	t.Helper()
	n := 0
	for _, tr := range ph.Transactions {
		if tr.AtCUCM == nil || tr.AtCUCM.Arrived == nil {
			continue
		}
		n++
		if !slices.ContainsFunc(tr.Hops, func(h Hop) bool { return h.Node != "" && h.From == AtCUCM && h.To == AtCUCM && len(h.Proofs) == 1 }) {
			t.Errorf("no hop of %s %d is CUCM's own", tr.CallID, tr.CSeq)
		}
		if d := tr.AtCUCM.DelayMS; d == nil || *d < -1 || tr.Kind == KindKeepAlive && tr.Code == 200 && *d > 41_000 {
			t.Errorf("%s %d took %v ms to CUCM", tr.CallID, tr.CSeq, deref(d))
		}
	}
	if n < 5 {
		t.Errorf("%d transactions were joined", n)
	}
}

// TestAlarmsAlone: without the trace of SIP messages the alarms join by device and time, and
// nothing becomes more than likely by them.
func TestAlarmsAlone(t *testing.T) {
	t.Parallel()
	sc := labscenario.Scenario{Name: "alarms", Steps: []labscenario.Step{{After: 15 * time.Minute, Event: mra.Event{Kind: mra.LateKeepAlive, Phone: 1}}}}
	p := play(t, withTraces(sc, false))
	s, o := sources(p, true)
	o.Alerts = nil
	before := analyze(t, s, o)
	o.Traces = traces(t, p)
	r := analyze(t, s, o)
	i := slices.IndexFunc(r.Phones, func(ph Phone) bool { return ph.Device == p.Site.Devices()[1] })
	ph := r.Phones[i]
	if ph.Cause != CauseLate || ph.CauseConfidence != Likely || len(ph.CUCMEvents) == 0 {
		t.Errorf("%s (%s), %v", ph.Cause, ph.CauseConfidence, ph.CUCMEvents)
	}
	for _, st := range ph.Statements {
		if strings.HasPrefix(st.Text, "CUCM's own record") && st.Confidence != judge.Likely {
			t.Errorf("%s: %s", st.Confidence, st.Text)
		}
	}
	checkHeard(t, p, before, r)
	if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, "SIP Call Processing Trace is off") }) {
		t.Errorf("nothing says that the trace shows no SIP: %q", r.Notes)
	}
}

// edited are traces in which one text stands for another of the same length or not.
func edited(t *testing.T, in []TraceSource, from, to string) []TraceSource {
	t.Helper()
	out := slices.Clone(in)
	for i := range out {
		f, err := out[i].Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(f)
		if err != nil && err != io.ErrUnexpectedEOF {
			t.Fatal(err)
		}
		text = bytes.ReplaceAll(text, []byte(from), []byte(to))
		out[i].Packed = false
		out[i].Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
	}
	return out
}

// TestTraceFlood: a trace in which one REGISTER stands a hundred thousand times, and as many
// alarms about one device, costs no more than its bounds.
func TestTraceFlood(t *testing.T) {
	testrace.Whole(t)
	t.Parallel()
	p := play(t, withTraces(labscenario.Scenario{Name: "flood"}, true))
	s, o := sources(p, true)
	o.Traces = traces(t, p)
	f, err := o.Traces[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(f)
	i := bytes.Index(text, []byte("Incoming SIP"))
	begin := bytes.LastIndexByte(text[:i], '\n') + 1
	end := begin + bytes.Index(text[begin:], []byte("|SdlSig"))
	end = bytes.LastIndexByte(text[:end], '\n') + 1
	alarm := "00004050.003 |" + string(text[begin+14:begin+26]) + " |AlarmErr |AlarmClass: CallManager, AlarmName: EndPointUnregistered, AlarmParameters: DeviceName:" + p.Site.Devices()[0] + ", Reason:%d,\n"
	var flood bytes.Buffer
	flood.Write(text[:begin])
	for n := range 30_000 {
		flood.Write(text[begin:end])
		flood.WriteString(strings.Replace(alarm, "%d", strconv.Itoa(n%900+1), 1))
	}
	o.Traces[0].Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(flood.Bytes())), nil }
	o.Traces[0].Packed = false
	r := analyze(t, s, o)
	for _, ph := range r.Phones {
		if len(ph.CUCMEvents) > maxEvents {
			t.Errorf("%s has %d alarms", ph.Device, len(ph.CUCMEvents))
		}
		for _, tr := range ph.Transactions {
			if len(tr.Hops) > maxOwn+200 {
				t.Errorf("%s %d has %d hops", tr.CallID, tr.CSeq, len(tr.Hops))
			}
		}
	}
}
