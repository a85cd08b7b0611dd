package registration

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/wire"
)

// A group is the phones to which one thing happened.
type group struct {
	phones []*told
	link   *wire.Link
	out    Group
}

// groupKey is what they have in common.
type groupKey struct {
	cause, where string
	link         *wire.Link
	verdict      string // of those whose cause is not one on the way
	c, e         string
	to           logs.Text
}

// groupsOf puts the affected phones together by cause and connection, the worst first.
func groupsOf(w *wire.Wire, all []told) []*group {
	byKey := map[groupKey]*group{}
	var out []*group
	for i := range all {
		t := &all[i]
		if !t.affected() {
			continue
		}
		k := keyOf(w, t)
		g := byKey[k]
		if g == nil {
			g = &group{link: k.link}
			byKey[k] = g
			out = append(out, g)
		}
		g.phones = append(g.phones, t)
	}
	for _, g := range out {
		g.describe(w)
	}
	slices.SortStableFunc(out, func(x, y *group) int {
		return cmp.Or(cmp.Compare(rankOf(x.out.Verdict), rankOf(y.out.Verdict)), -cmp.Compare(len(x.phones), len(y.phones)), compareTimes(x.out.At, y.out.At), cmp.Compare(x.out.Summary, y.out.Summary))
	})
	return out
}

// affected says of whom the report speaks first: of all who did not simply stay
// registered, or of whom nothing is known.
func (t *told) affected() bool {
	switch t.verdict {
	case PhoneRegistered:
		return false
	case PhoneUnregistered:
		return t.reason != nil
	case VerdictUnknown:
		return t.reason != nil && (t.reason.cause != CauseUnknown || t.reason.where != nowhere)
	}
	return true
}

func keyOf(w *wire.Wire, t *told) groupKey {
	k := groupKey{verdict: t.verdict}
	if t.reason == nil {
		return k
	}
	k = groupKey{cause: t.reason.cause, where: t.reason.where, link: t.reason.link}
	if k.link == nil && t.about != nil {
		c, e := t.about.Peers(w.Logs)
		if c != nil && (k.where == atC || k.where == atCtoU || k.where == atEtoC) {
			k.c = c.Name
		}
		if e != nil && (k.where == atE || k.where == atEtoC) {
			k.e = e.Name
		}
		if k.where == atCtoU || k.cause == CauseFailover {
			k.to = t.about.Timeline.To
		}
	}
	switch k.cause {
	case CauseTCP, CauseTraversal, CauseFailover, CauseLate:
	default:
		k.verdict = t.verdict
	}
	return k
}

func compareTimes(x, y *time.Time) int {
	switch {
	case x == nil && y == nil:
		return 0
	case x == nil:
		return 1
	case y == nil:
		return -1
	}
	return x.Compare(*y)
}

// describe fills in what the report says of a group.
func (g *group) describe(w *wire.Wire) {
	o := &g.out
	o.Verdict, o.Confidence, o.Devices, o.Proofs = g.phones[0].verdict, Certain, []string{}, []Proof{}
	earlier := func(at **time.Time, t *time.Time) {
		if t != nil && (*at == nil || t.Before(**at)) {
			*at = t
		}
	}
	for _, t := range g.phones {
		if rankOf(t.verdict) < rankOf(o.Verdict) {
			o.Verdict = t.verdict
		}
		o.Devices = append(o.Devices, t.short())
		when := t.out.At
		if when == nil && t.about != nil {
			when = stamp(t.about.Sent)
		}
		earlier(&o.First, when)
		if when != nil && (o.Last == nil || when.After(*o.Last)) {
			o.Last = when
		}
		earlier(&o.At, t.out.LostAt)
		if t.reason != nil {
			o.Cause, o.Confidence = t.reason.cause, lower(o.Confidence, t.reason.confidence)
		}
	}
	worst := g.worst()
	o.Advice, o.Proofs = worst.out.Advice, list(worst.out.Proofs[:min(len(worst.out.Proofs), 12)])
	g.ends(w)
	o.Summary = sentence(g.event() + "; " + g.outcome())
}

// worst is the first phone with the group's verdict.
func (g *group) worst() *told {
	i := slices.IndexFunc(g.phones, func(t *told) bool { return t.verdict == g.out.Verdict })
	return g.phones[max(i, 0)]
}

// ends are the C and the node, where all phones have them in common.
func (g *group) ends(w *wire.Wire) {
	if g.link != nil {
		g.out.C, g.out.CUCM = w.Texts.Of(g.link.C), g.link.Node()
		return
	}
	for i, t := range g.phones {
		c, node := "", ""
		if t.about != nil {
			node = w.Texts.Of(t.about.Timeline.To)
			if h, _ := t.about.Peers(w.Logs); h != nil {
				c = h.Name
			}
		}
		if i == 0 {
			g.out.C, g.out.CUCM = c, node
		}
		if g.out.C != c {
			g.out.C = ""
		}
		if g.out.CUCM != node {
			g.out.CUCM = ""
		}
	}
}

const secondLayout = "15:04:05 UTC"

// event is what happened, when and where.
func (g *group) event() string {
	r := g.worst().reason
	if r == nil {
		return "for a reason that is not known"
	}
	at := ""
	if g.out.At != nil {
		at = "at " + g.out.At.Format(secondLayout) + " "
	}
	path := ""
	if g.out.C != "" && g.out.CUCM != "" {
		path = " " + g.out.C + " -> " + g.out.CUCM
	}
	switch {
	case r.cause == CauseTCP && r.confidence == CannotTell:
		return "perhaps " + at + "the connection" + path + " was opened anew"
	case r.cause == CauseTCP && r.link != nil && (r.link.Closed == 0 || r.lost != r.link.Closed):
		return strings.Replace(at, "at ", "by ", 1) + "the connection" + path + " had gone silent"
	case r.cause == CauseTCP:
		return at + "the connection" + path + " dropped"
	case r.cause == CauseTraversal:
		return at + "the traversal zone failed"
	case r.cause == CauseFailover:
		return at + "a CUCM node failed or was changed"
	case r.cause == CauseLate && len(g.phones) == 1:
		return "a keep-alive reached CUCM too late" + lateWhere(r.where)
	case r.cause == CauseLate:
		return "keep-alives reached CUCM too late" + lateWhere(r.where)
	case r.cause == CauseUnknown && r.where == nowhere:
		return "for a reason that these logs do not show"
	}
	return at + causeWords(r)
}

func lateWhere(where string) string {
	switch where {
	case nowhere:
		return ""
	case atPhone:
		return ", late already before Expressway-E"
	case atC, atE:
		return ", held up " + strings.Replace(where, "in ", "in Expressway-", 1)
	case atEtoC:
		return ", held up between Expressway-E and -C"
	}
	return ", held up between Expressway-C and CUCM"
}

// outcome counts what became of the phones, and when.
func (g *group) outcome() string {
	n := map[string]int{}
	for _, t := range g.phones {
		n[t.verdict]++
	}
	var parts []string
	for _, v := range ranks {
		if n[v] > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", count(n[v], "phone"), outcomeWords(v, n[v])))
		}
	}
	s := strings.Join(parts, ", ")
	switch f, l := g.out.First, g.out.Last; {
	case f == nil:
		return s
	case l.Sub(*f) < time.Second:
		return s + " at " + f.Format(secondLayout)
	default:
		return s + " between " + f.Format(time.TimeOnly) + " and " + l.Format(secondLayout)
	}
}

func outcomeWords(verdict string, n int) string {
	was := "was"
	if n > 1 {
		was = "were"
	}
	return map[string]string{VerdictPartial: "came back with one line", PhoneCameBack: "came back by keep-alive", PhoneRefused: was + " refused",
		VerdictRecovered: "came back with one line and registered in full later", PhoneUnregistered: "unregistered", VerdictUnknown: "cannot be judged"}[verdict]
}

// maxShares bounds the phones that are named on each other; the group has them all.
const maxShares = 200

// shareOf names, on each phone, the others that one lost connection dropped with it.
func shareOf(all []told) {
	of := map[*wire.Link][]*told{}
	for i := range all {
		if t := &all[i]; t.reason != nil && t.reason.link != nil && t.verdict != PhoneRegistered {
			of[t.reason.link] = append(of[t.reason.link], t)
		}
	}
	for _, ts := range of {
		for _, t := range ts {
			for _, o := range ts[:min(len(ts), maxShares)] {
				if o != t {
					t.out.Shares = append(t.out.Shares, o.short())
				}
			}
			slices.Sort(t.out.Shares)
		}
	}
}
