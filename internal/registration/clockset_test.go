package registration

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/lab/mra"
	labscenario "rtmtgrab/internal/lab/scenario"
	"rtmtgrab/internal/testrace"
)

var sdlStamp = regexp.MustCompile(`(?m)^(\d{8}\.\d{3} \|)(\d\d:\d\d:\d\d\.\d\d\d)`)

// set are traces of nodes whose clock is set by d when a part of each was written, in percent.
func set(t *testing.T, in []TraceSource, part int, d time.Duration) []TraceSource {
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
		at := len(text) * part / 100
		at += bytes.IndexByte(text[at:], '\n') + 1
		text = slices.Concat(text[:at], sdlStamp.ReplaceAllFunc(text[at:], func(line []byte) []byte {
			m := sdlStamp.FindSubmatch(line)
			was, err := time.Parse("15:04:05.000", string(m[2]))
			if err != nil {
				t.Fatal(err)
			}
			return was.Add(d).AppendFormat(slices.Clone(m[1]), "15:04:05.000")
		}))
		out[i].Packed = false
		out[i].Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
	}
	return out
}

// TestTraceClockSet: of a node whose clock was set within its trace no time is compared. What it
// recorded before is not taken for something later, and Expressways are not held against each
// other by it.
func TestTraceClockSet(t *testing.T) {
	testrace.Whole(t)
	t.Parallel()
	for name, steps := range map[string][]labscenario.Step{
		"nothing":    nil,
		"late":       {{After: 15 * time.Minute, Event: mra.Event{Kind: mra.LateKeepAlive, Phone: 1}}},
		"connection": {{After: 15 * time.Minute, Event: mra.Event{Kind: mra.DropTCP, Phone: 1}}},
	} {
		p := play(t, withTraces(labscenario.Scenario{Name: "set", Level: "DEBUG", Steps: steps}, true))
		s, o := sources(p, true)
		o.Alerts = nil
		before := analyze(t, s, o)
		for _, part := range []int{10, 25, 50, 75} {
			for _, by := range []time.Duration{-time.Hour, time.Hour, -40 * time.Second, 40 * time.Second} {
				o.Traces = set(t, traces(t, p), part, by)
				r := analyze(t, s, o)
				for i, b := range before.Phones {
					a := r.Phones[i]
					if a.Device != b.Device || a.Verdict != b.Verdict || len(a.Contradictions) > 0 || len(a.CUCMEvents) > 0 || !slices.Equal(momentsOf(a), momentsOf(b)) {
						t.Errorf("%s, %s at %d %%: %s is %s, was %s; %q, %v", name, by, part, a.Device, a.Verdict, b.Verdict, a.Contradictions, a.CUCMEvents)
					}
				}
				if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, "The clock of cucm01.example.com was set") }) {
					t.Errorf("%s, %s at %d %%: nothing says that the clock was set: %q", name, by, part, r.Notes)
				}
			}
		}
	}
}

// momentsOf are the times of what the Expressways logged of a phone.
func momentsOf(ph Phone) (out []time.Time) {
	for _, tr := range ph.Transactions {
		out = append(out, tr.At.UTC())
	}
	return out
}
