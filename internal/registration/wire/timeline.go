package wire

import (
	"cmp"
	"slices"
	"time"

	"rtmtgrab/internal/registration/logs"
)

// A Timeline is what was said under one Call-ID about one CUCM node.
type Timeline struct {
	Call, To logs.Text  // Call-ID, and host in To
	Attempts []*Attempt // by Begin
	Txns     []*Txn     // by Sent
}

// longest is how long one attempt may take, with all repetitions (64 times T1).
const longest = int64(64 * time.Second)

// join sorts the messages and makes attempts of them, grouped by timeline.
func join(l *logs.Logs, msgs []*logs.Message) []*Timeline {
	slices.SortFunc(msgs, func(x, y *logs.Message) int {
		return cmp.Or(cmp.Compare(x.Call, y.Call), cmp.Compare(x.To, y.To), cmp.Compare(x.CSeq, y.CSeq), cmp.Compare(x.At, y.At),
			cmp.Compare(l.Stage(x), l.Stage(y)), cmp.Compare(x.Code, y.Code), cmp.Compare(x.Hash, y.Hash), cmp.Compare(x.Place().Source, y.Place().Source), cmp.Compare(x.Place().Offset, y.Place().Offset))
	})
	var out []*Timeline
	var line *Timeline
	from := 0
	for i := 1; i <= len(msgs); i++ {
		if i < len(msgs) && sameAttempt(msgs[from:i], msgs[i]) {
			continue
		}
		m := msgs[from]
		if line == nil || line.Call != m.Call || line.To != m.To {
			line = &Timeline{Call: m.Call, To: m.To}
			out = append(out, line)
		}
		line.Attempts = append(line.Attempts, newAttempt(l, msgs[from:i:i]))
		from = i
	}
	return out
}

// sameAttempt reports whether a message goes with those before it. The times of one
// peer are compared, for the clocks of two may differ.
func sameAttempt(of []*logs.Message, m *logs.Message) bool {
	if f := of[0]; f.Call != m.Call || f.To != m.To || f.CSeq != m.CSeq {
		return false
	}
	if again := startsAgain(of, m); again {
		return false
	}
	for _, o := range of {
		if o.Host == m.Host {
			return m.At-o.At <= longest || !m.Is(logs.Request)
		}
	}
	return true
}

// startsAgain reports whether a REGISTER is no repetition, though it has the same
// Call-ID and CSeq: it has another branch, and the peer had answered the one before for
// good. A phone that restarts may begin at the same number.
func startsAgain(of []*logs.Message, m *logs.Message) bool {
	if !m.Is(logs.Request) || m.Is(logs.Sent) || m.Branch == 0 {
		return false
	}
	answered, same := false, false
	for _, o := range of {
		if o.Host != m.Host {
			continue
		}
		answered = answered || !o.Is(logs.Request) && o.Is(logs.Sent) && o.Code >= 200 && m.At-o.At > int64(time.Second)
		same = same || o.Is(logs.Request) && (o.Branch == m.Branch || o.Branch == 0)
	}
	return answered && !same
}

// Begins is when the timeline first tried to register, by the reference clock; 0: it only
// keeps alive at a secondary CUCM.
func (l *Timeline) Begins() int64 {
	for _, t := range l.Txns {
		if t.Kind != KindSecondary {
			return t.Sent
		}
	}
	return 0
}
