package registration

import (
	"cmp"
	"slices"
	"time"
)

// A timeline is what was said under one Call-ID about one CUCM node.
type timeline struct {
	call, to text
	attempts []*attempt
	txns     []*txn
}

// longest is how long one attempt may take, with all repetitions (64 times T1).
const longest = int64(64 * time.Second)

// join sorts the messages and makes attempts of them, grouped by timeline.
func join(l *logs, msgs []*message) []*timeline {
	slices.SortFunc(msgs, func(x, y *message) int {
		return cmp.Or(cmp.Compare(x.call, y.call), cmp.Compare(x.to, y.to), cmp.Compare(x.cseq, y.cseq), cmp.Compare(x.at, y.at),
			cmp.Compare(l.stage(x), l.stage(y)), cmp.Compare(x.code, y.code), cmp.Compare(x.hash, y.hash), cmp.Compare(x.place().source, y.place().source), cmp.Compare(x.place().offset, y.place().offset))
	})
	var out []*timeline
	var line *timeline
	from := 0
	for i := 1; i <= len(msgs); i++ {
		if i < len(msgs) && sameAttempt(msgs[from:i], msgs[i]) {
			continue
		}
		m := msgs[from]
		if line == nil || line.call != m.call || line.to != m.to {
			line = &timeline{call: m.call, to: m.to}
			out = append(out, line)
		}
		line.attempts = append(line.attempts, newAttempt(l, msgs[from:i:i]))
		from = i
	}
	return out
}

// sameAttempt reports whether a message goes with those before it. The times of one
// peer are compared, for the clocks of two may differ.
func sameAttempt(of []*message, m *message) bool {
	if f := of[0]; f.call != m.call || f.to != m.to || f.cseq != m.cseq {
		return false
	}
	if again := startsAgain(of, m); again {
		return false
	}
	for _, o := range of {
		if o.host == m.host {
			return m.at-o.at <= longest || !m.is(isRequest)
		}
	}
	return true
}

// startsAgain reports whether a REGISTER is no repetition, though it has the same
// Call-ID and CSeq: it has another branch, and the peer had answered the one before for
// good. A phone that restarts may begin at the same number.
func startsAgain(of []*message, m *message) bool {
	if !m.is(isRequest) || m.is(isSent) || m.branch == 0 {
		return false
	}
	answered, same := false, false
	for _, o := range of {
		if o.host != m.host {
			continue
		}
		answered = answered || !o.is(isRequest) && o.is(isSent) && o.code >= 200 && m.at-o.at > int64(time.Second)
		same = same || o.is(isRequest) && (o.branch == m.branch || o.branch == 0)
	}
	return answered && !same
}

// begins is when the timeline first tried to register.
func (l *timeline) begins() int64 {
	for _, t := range l.txns {
		if t.kind != KindSecondary {
			return t.sent
		}
	}
	return 0
}
