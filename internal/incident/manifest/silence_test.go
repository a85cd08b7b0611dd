package manifest

import (
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/growth"
)

var silenceAt = time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC)

// silenceBook is a book in which both logs of h always grew, and network_log stopped a
// quarter of an hour ago; h's clock leapt ahead five minutes ago if that is wanted.
func silenceBook(t *testing.T, leap bool) *growth.Book {
	b, err := growth.Open(atomicfile.JSON[growth.State]{Path: filepath.Join(t.TempDir(), "growth.json")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 120 {
		at := silenceAt.Add(time.Duration(i-120) * time.Minute)
		b.Observe("h", at, map[string]growth.Mark{"network_log": {Size: int64(min(i, 105))}, "messages": {Size: int64(i)}})
		offset := time.Duration(0)
		if leap && i > 115 {
			offset = time.Hour
		}
		b.Measured("h", growth.Clock{At: at, Offset: offset})
	}
	return b
}

// silenceManifest has a row of h: network_log without records, messages with some.
func silenceManifest(missing ...evidence.Span) evidence.Manifest {
	w := evidence.NewWindow(silenceAt.Add(-20*time.Minute), silenceAt)
	in := w.Since.Add(time.Minute)
	m := evidence.Manifest{Asked: w, Hosts: []evidence.Host{{Host: "h", Files: []evidence.File{
		{Family: "network_log", Missing: missing, Coverage: evidence.Judge(w, missing)},
		{Family: "messages", Records: 5, Bytes: 5, First: &in, Last: &in, Coverage: evidence.Complete}}}}}
	return m
}

func TestJudgeSilence(t *testing.T) {
	silent := silenceManifest()
	JudgeSilence(&silent, nil, silenceBook(t, false))
	f := silent.Hosts[0].Files[0]
	if silent.Coverage != evidence.Partial || f.Coverage != evidence.Partial || len(f.Missing) != 1 || f.Missing[0].Reason != evidence.ReasonSilent || len(silent.Notes) != 0 || silent.Hosts[0].Files[1].Coverage != evidence.Complete {
		t.Errorf("%+v", silent)
	}

	// A retry keeps what was judged, whatever is known by then, until there are records.
	again := silenceManifest()
	JudgeSilence(&again, &silent, nil)
	if again.Coverage != evidence.Partial || len(again.Hosts[0].Files[0].Missing) != 1 {
		t.Errorf("%+v", again)
	}
	found := silenceManifest()
	found.Hosts[0].Files[0].First, found.Hosts[0].Files[0].Last = found.Hosts[0].Files[1].First, found.Hosts[0].Files[1].Last
	JudgeSilence(&found, &silent, silenceBook(t, false))
	if found.Coverage != evidence.Complete || len(found.Notes) != 0 {
		t.Errorf("%+v", found)
	}

	// Without a history it is complete, with a note, and stays so.
	noted := silenceManifest()
	JudgeSilence(&noted, nil, nil)
	later := silenceManifest()
	JudgeSilence(&later, &noted, silenceBook(t, false))
	for _, m := range []evidence.Manifest{noted, later} {
		if m.Coverage != evidence.Complete || len(m.Notes) != 1 || m.Notes[0] != "network_log of h has no record in the window; it is not known whether it should" {
			t.Errorf("%+v", m)
		}
	}

	// What is known to be missing stays missing for its own reason; what is lost is lost.
	w := silent.Asked
	part := silenceManifest(evidence.Span{Since: w.Since.Add(time.Minute), Until: w.Since.Add(3 * time.Minute), Reason: evidence.ReasonRotated})
	JudgeSilence(&part, nil, silenceBook(t, false))
	reasons := ""
	for _, s := range part.Hosts[0].Files[0].Missing {
		reasons += s.Reason + " " + s.Until.Sub(s.Since).String() + ","
	}
	if reasons != "silent 1m0s,rotated_or_never_written 2m0s,silent 17m0s," {
		t.Error(reasons)
	}
	lost := silenceManifest(evidence.Span{Since: w.Since, Until: w.Until, Reason: evidence.ReasonUnreachable})
	JudgeSilence(&lost, nil, silenceBook(t, false))
	if f := lost.Hosts[0].Files[0]; f.Coverage != evidence.Lost || len(f.Missing) != 1 {
		t.Errorf("%+v", f)
	}
}

// A clock that leapt within the window leaves open what was logged on the other side.
func TestJudgeLeap(t *testing.T) {
	for used, want := range map[int64]string{0: "5m0s", 3600_000: "16m0s"} {
		m := silenceManifest()
		m.Hosts[0].ClockOffsetMS = &used
		at := m.Asked.Since.Add(time.Minute + time.Duration(used)*time.Millisecond)
		m.Hosts[0].Files[1].First, m.Hosts[0].Files[1].Last = &at, &at
		JudgeSilence(&m, nil, silenceBook(t, true))
		f := m.Hosts[0].Files[1]
		if len(f.Missing) != 1 || f.Missing[0].Reason != evidence.ReasonSilent || f.Missing[0].Until.Sub(f.Missing[0].Since).String() != want || m.Coverage != evidence.Partial {
			t.Errorf("cut by %d ms: %+v", used, f)
		}
	}
}
