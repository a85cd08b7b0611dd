package registration

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
	labscenario "rtmtgrab/internal/lab/scenario"
	"rtmtgrab/internal/testrace"
)

// A loss is a way to have less of the same logs: it changes sources, of which it says what they
// lack, and their texts.
type loss struct {
	name string
	of   func(*rand.Rand, *labscenario.Played, *Source, []byte) []byte
}

// lacking is a loss of a span of some logs, which is said.
func lacking(name string, of func(*rand.Rand, *labscenario.Played, *Source) (labscenario.Span, bool)) loss {
	return loss{name, func(rng *rand.Rand, p *labscenario.Played, s *Source, text []byte) []byte {
		hole, ok := of(rng, p, s)
		if !ok {
			return text
		}
		s.Complete = false
		s.Missing = append(slices.Clone(s.Missing), evidence.Span{Since: hole.Since, Until: hole.Until, Reason: evidence.ReasonUnreachable})
		return labscenario.Punch(text, p.Clocks[s.Host], hole)
	}}
}

func gone(name string, of func(*Source) bool) loss {
	return lacking(name, func(_ *rand.Rand, p *labscenario.Played, s *Source) (labscenario.Span, bool) {
		return labscenario.Span{Since: p.Since.Add(-time.Hour), Until: p.Until.Add(time.Hour)}, of(s)
	})
}

// atInfo is a loss of the records at DEBUG.
func atInfo(name string, of func(s *Source, at, middle time.Time) bool) loss {
	return loss{name, func(rng *rand.Rand, p *labscenario.Played, s *Source, text []byte) []byte {
		middle := p.Since.Add(time.Duration(rng.Float64() * float64(p.Until.Sub(p.Since))))
		return onlyRecords(text, func(at time.Time, r []byte) bool {
			return !of(s, at, middle) || !bytes.Contains(r[:min(len(r), 300)], []byte(`Level="DEBUG`))
		})
	}}
}

func onlyRecords(text []byte, keep func(at time.Time, r []byte) bool) []byte {
	var out []byte
	for _, r := range lab.SplitRecords(text) {
		if at, ok := stampOf(r); !ok || keep(at, r) {
			out = append(out, r...)
		}
	}
	return out
}

func losses() []loss {
	return []loss{
		gone("nothing of expc02", func(s *Source) bool { return s.Host == "expc02" }),
		gone("nothing of expe01", func(s *Source) bool { return s.Host == "expe01" }),
		gone("nothing of Cs", func(s *Source) bool { return s.Role == "C" }),
		gone("nothing of messages", func(s *Source) bool { return s.Family == "messages" }),
		atInfo("INFO from some time on", func(_ *Source, at, middle time.Time) bool { return at.After(middle) }),
		atInfo("INFO up to some time", func(_ *Source, at, middle time.Time) bool { return at.Before(middle) }),
		atInfo("Cs at INFO", func(s *Source, _, _ time.Time) bool { return s.Role == "C" }),
		atInfo("Es at INFO", func(s *Source, _, _ time.Time) bool { return s.Role == "E" }),
		atInfo("all at INFO", func(*Source, time.Time, time.Time) bool { return true }),
		lacking("holes", func(rng *rand.Rand, p *labscenario.Played, s *Source) (labscenario.Span, bool) {
			from := p.Since.Add(time.Duration(rng.Float64() * float64(p.Until.Sub(p.Since))))
			return labscenario.Span{Since: from, Until: from.Add(time.Duration(5+rng.IntN(240)) * time.Second)}, rng.IntN(2) == 0 && s.Family != "messages"
		}),
		lacking("the last minute", func(_ *rand.Rand, p *labscenario.Played, s *Source) (labscenario.Span, bool) {
			return labscenario.Span{Since: p.Until.Add(-time.Minute), Until: p.Until.Add(time.Hour)}, true
		}),
		{"the end of the last record", func(rng *rand.Rand, p *labscenario.Played, s *Source, text []byte) []byte {
			s.Complete, s.Missing = false, nil
			return text[:max(0, len(text)-1-rng.IntN(1500))]
		}},
		{"one record in ten, which nobody says", func(rng *rand.Rand, p *labscenario.Played, s *Source, text []byte) []byte {
			s.Complete, s.Missing = false, nil
			return onlyRecords(text, func(time.Time, []byte) bool { return rng.IntN(10) > 0 })
		}},
		{"every second record, which nobody says", func(rng *rand.Rand, p *labscenario.Played, s *Source, text []byte) []byte {
			s.Complete, s.Missing = false, nil
			return onlyRecords(text, func(time.Time, []byte) bool { return rng.IntN(2) > 0 })
		}},
	}
}

// saysLess are verdicts beside which another one, of fewer records, says less and nothing else.
var saysLess = map[[2]string]bool{{VerdictPartial, PhoneCameBack}: true, {VerdictRecovered, PhoneRegistered}: true, {VerdictRecovered, PhoneCameBack}: true}

// TestLessIsNotOtherwise: of less of the same logs nothing else is certain, and nobody is blamed
// who had no part in it.
func TestLessIsNotOtherwise(t *testing.T) {
	testrace.Whole(t)
	t.Parallel()
	always := []string{"late-12s", "edge-end", "cucm-failover", "cucm-failback", "silent-hole", "silent-504", "lost-e"}
	for i, sc := range labscenario.Scenarios() {
		if i%(6*Every()) != 2 && !slices.Contains(always, sc.Name) && Every() != 1 {
			continue
		}
		t.Run(sc.Name, func(t *testing.T) {
			t.Parallel()
			p := play(t, sc)
			s, texts, o := textsOf(t, p)
			all := analyzeTexts(t, s, texts, o)
			for _, l := range losses() {
				rng := rand.New(rand.NewPCG(uint64(i), 9))
				s2, t2 := slices.Clone(s), slices.Clone(texts)
				for k := range s2 {
					t2[k] = l.of(rng, p, &s2[k], t2[k])
				}
				less := analyzeTexts(t, s2, t2, o)
				checkLies(t, p, less)
				checkLess(t, l.name, all, less)
				if t.Failed() {
					return
				}
			}
		})
	}
}

func checkLess(t *testing.T, name string, all, less *Report) {
	t.Helper()
	for _, ph := range less.Phones {
		j := slices.IndexFunc(all.Phones, func(x Phone) bool { return x.MAC == ph.MAC })
		if j < 0 {
			t.Errorf("%s: there is a new phone, %s", name, ph.MAC)
			continue
		}
		was := all.Phones[j]
		if ph.VerdictConfidence == Certain && was.VerdictConfidence == Certain && ph.Verdict != was.Verdict && !saysLess[[2]string{was.Verdict, ph.Verdict}] {
			t.Errorf("%s: %s is %s, certain: %s\nwith all: %s", name, ph.Device, ph.Verdict, ph.Summary, was.Summary)
		}
		if was.At == nil || ph.At == nil || was.At.Sub(*ph.At).Abs() > 5*time.Second {
			continue // it is about another REGISTER
		}
		if ph.Cause == CauseRefused && ph.CauseConfidence != CannotTell && was.Cause != CauseRefused {
			t.Errorf("%s: %s was refused, %s: %s\nwith all: %s", name, ph.Device, ph.CauseConfidence, ph.Summary, was.Summary)
		}
		if ph.CauseConfidence == Certain && (was.CauseConfidence != Certain || was.Cause != ph.Cause) {
			t.Errorf("%s: %s is %s, certain: %s\nwith all: %s", name, ph.Device, ph.Cause, ph.Summary, was.Summary)
		}
	}
}
