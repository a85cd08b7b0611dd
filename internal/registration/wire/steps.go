package wire

import (
	"cmp"
	"slices"
	"time"

	"rtmtgrab/internal/registration/logs"
)

// A Step is when the clock of a host was set by more than stepFrom: from one of its
// records on all stamps are shifted.
type Step struct {
	Host   logs.Text
	At     int64 // stamp of the first message after it
	By     int64 // ns by which the clock was set forward
	source int32
	offset int64 // of that message
	faint  bool  // its own stamps do not show it
}

// before reports whether the step comes before a message of its host.
func (s *Step) before(m *logs.Message) bool {
	if p := m.Place(); p.Source == s.source && s.By < 0 {
		return p.Offset >= s.offset
	}
	return m.At >= s.At // of a clock that was set forward no stamp comes twice, whatever file it stands in
}

// A Shift is a shift of two clocks against each other of which it cannot be told whose
// it was.
type Shift struct {
	C, E *logs.Host // one of them may be CUCM, which is none of the logs' hosts
	At   int64      // about when
	By   int64      // ns, C against E
}

// A sample is by how much a clock was ahead of another one at some time.
type sample struct{ at, ahead int64 }

const (
	stepFrom  = int64(2500 * time.Millisecond) // a Date header has whole seconds
	sameLevel = int64(1500 * time.Millisecond)
	stays     = int64(30 * time.Second)  // so long a shift must last at least
	lookAhead = int64(120 * time.Second) // and so far it is watched
	few       = 3                        // samples make a level
)

// levelShift finds the first place at which the samples, in time order, leave one level
// for another and stay there. A burst that was held up comes back: it is none.
func levelShift(s []sample) (at, by int64, ok bool) {
	var level []int64
	for i := range s {
		if len(level) >= few {
			old := Median(slices.Clone(level[max(0, len(level)-15):]))
			if d := s[i].ahead - old; abs(d) > stepFrom {
				if now, ok := settles(s[i:]); ok && abs(now-old) > stepFrom {
					return s[i].at, now - old, true
				}
				continue
			}
		}
		level = append(level, s[i].ahead)
	}
	return 0, 0, false
}

// settles is the level on which the samples begin and stay.
func settles(s []sample) (int64, bool) {
	var with []int64
	var last int64
	n := 0
	for _, x := range s {
		if x.at-s[0].at > lookAhead && n >= few {
			break
		}
		n++
		if abs(x.ahead-s[0].ahead) <= sameLevel {
			with, last = append(with, x.ahead), x.at
		}
	}
	if len(with) < few || len(with)*5 < n*4 || last-s[0].at < stays {
		return 0, false
	}
	return Median(with), true
}

// A dated is an answer of CUCM and by how much its host's clock is ahead of CUCM's Date.
type dated struct {
	m      *logs.Message
	sample sample
}

// stepsByDate finds the steps of each host's clock against the Date headers of CUCM's
// answers, which all peers log. What all peers show at once is CUCM's own; what may be
// either's comes back as a Shift.
func stepsByDate(l *logs.Logs, lines []*Timeline) ([]Step, []Shift) {
	var found []Step
	dates := map[logs.Text]int64{} // of the step, by CUCM's clock
	answers := datedAnswers(l, lines)
	for h, most := range answers {
		if s, at, ok := stepOf(lines, h, most); ok {
			found, dates[h] = append(found, s), at
		}
	}
	slices.SortFunc(found, func(x, y Step) int { return cmp.Compare(l.Texts.Of(x.Host), l.Texts.Of(y.Host)) })
	var out []Step
	for _, s := range found {
		if !ofCUCM(s, found, dates, len(answers)) {
			out = append(out, s)
		}
	}
	if len(answers) > 1 || len(out) == 0 {
		return out, nil
	}
	return alone(l, lines, out[0])
}

// datedAnswers are, for each host that shows enough of them, the answers of the node of
// which it shows most, in CUCM's order.
func datedAnswers(l *logs.Logs, lines []*Timeline) map[logs.Text][]dated {
	all := map[logs.Text]map[logs.Text][]dated{} // by host and node
	for _, t := range lines {
		for _, at := range t.Attempts {
			for _, s := range []logs.Stage{logs.FromCUCM, logs.IntoE} {
				m := at.At[s]
				if m == nil || m.Date == 0 || m.Is(logs.Own) {
					continue
				}
				if all[m.Host] == nil {
					all[m.Host] = map[logs.Text][]dated{}
				}
				date := m.Date * int64(time.Second)
				all[m.Host][m.To] = append(all[m.Host][m.To], dated{m, sample{date, m.At - date}})
			}
		}
	}
	out := map[logs.Text][]dated{}
	for h, nodes := range all {
		var most []dated
		for _, ds := range nodes {
			if len(ds) > len(most) || len(ds) == len(most) && len(ds) > 0 && l.Texts.Of(ds[0].m.To) < l.Texts.Of(most[0].m.To) {
				most = ds
			}
		}
		if len(most) >= 2*few {
			slices.SortFunc(most, func(x, y dated) int {
				return cmp.Or(cmp.Compare(x.sample.at, y.sample.at), cmp.Compare(x.m.Place().Source, y.m.Place().Source), cmp.Compare(x.m.Place().Offset, y.m.Place().Offset))
			})
			out[h] = most
		}
	}
	return out
}

// stepOf is the step that a host's answers show, and when it was by CUCM's clock.
func stepOf(lines []*Timeline, h logs.Text, answers []dated) (s Step, at int64, ok bool) {
	samples := make([]sample, len(answers))
	for i, d := range answers {
		samples[i] = d.sample
	}
	at, by, ok := levelShift(samples)
	if !ok {
		return s, 0, false
	}
	i := slices.IndexFunc(samples, func(s sample) bool { return s.at == at && abs(s.ahead-samples[0].ahead) > stepFrom })
	s, jump := boundary(lines, h, answers[max(0, i-1)].m, answers[max(0, i)].m, by)
	s.faint = by > 0 && (jump < by*9/10 || jump < usualGap(lines, h)*3/2) || by < 0 && jump > by/4
	return s, at, true
}

// ofCUCM reports whether a step is CUCM's own: all peers show the same at the same time.
func ofCUCM(s Step, all []Step, dates map[logs.Text]int64, measured int) bool {
	same := 0
	for _, o := range all {
		if abs(o.By-s.By) <= sameLevel && abs(dates[o.Host]-dates[s.Host]) <= lookAhead {
			same++
		}
	}
	return same == measured && measured > 1
}

// alone judges a step that only one host can show: another host's hops confirm it or
// not, or else its own stamps. If neither tells, either clock may have been set.
func alone(l *logs.Logs, lines []*Timeline, s Step) ([]Step, []Shift) {
	for k, hops := range hopsOf(l, lines, &Clocks{}) {
		if o := offsets(hops); (k[0].ID == s.Host || k[1].ID == s.Host) && len(o) >= 2*few {
			if _, _, ok := levelShift(o); !ok {
				return nil, nil // CUCM's own
			}
			return []Step{s}, nil
		}
	}
	if !s.faint {
		return []Step{s}, nil
	}
	either := Shift{C: l.ByName[s.Host], E: &logs.Host{Name: "CUCM"}, At: s.At, By: s.By}
	if either.C.Role == "E" {
		either.C, either.E = either.E, either.C
	}
	return nil, []Shift{either}
}

// usualGap is the longest time but one between two messages of a host.
func usualGap(lines []*Timeline, h logs.Text) int64 {
	var at []int64
	for _, t := range lines {
		for _, a := range t.Attempts {
			for _, m := range a.Messages {
				if m.Host == h {
					at = append(at, m.At)
				}
			}
		}
	}
	slices.Sort(at)
	var most, second int64
	for i := 1; i < len(at); i++ {
		d := at[i] - at[i-1]
		switch {
		case d > most:
			most, second = d, most
		case d > second:
			second = d
		}
	}
	return second
}

// lies reports whether a message of their host lies between two others: by its stamp where the
// clock was set forward, and else by where it stands in the file.
func lies(m, last, next *logs.Message, by int64) bool {
	if by > 0 {
		return m.At >= last.At && m.At <= next.At
	}
	p, from, to := m.Place(), last.Place(), next.Place()
	return p.Source == to.Source && p.Offset <= to.Offset && (p.Source != from.Source || p.Offset >= from.Offset)
}

// boundary is the first message after a step, which lies between two answers of CUCM,
// and by how much the host's stamps jump there.
func boundary(lines []*Timeline, h logs.Text, last, next *logs.Message, by int64) (Step, int64) {
	var between []*logs.Message
	for _, t := range lines {
		for _, at := range t.Attempts {
			for _, m := range at.Messages {
				if m.Host == h && lies(m, last, next, by) {
					between = append(between, m)
				}
			}
		}
	}
	place := func(m *logs.Message) int64 { return m.Place().Offset }
	if by > 0 { // so its stamps tell the order, in several files too
		place = func(m *logs.Message) int64 { return m.At }
	}
	slices.SortFunc(between, func(x, y *logs.Message) int { return cmp.Compare(place(x), place(y)) })
	at, most := next, int64(0)
	for i, m := range between {
		if i > 0 {
			if d := m.At - between[i-1].At; by > 0 && d > most || by < 0 && d < most {
				most = d
			}
		}
		if abs(m.At-next.At) <= Slow && place(m) < place(at) { // what was answered at once belongs to the answer
			at = m
		}
	}
	return Step{Host: h, At: at.At, source: at.Place().Source, offset: at.Place().Offset, By: by}, most
}
