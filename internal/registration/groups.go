package registration

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/human"
	"rtmtgrab/internal/registration/judge"
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
		return cmp.Or(cmp.Compare(judge.Rank(x.out.Verdict), judge.Rank(y.out.Verdict)), -cmp.Compare(len(x.phones), len(y.phones)), compareTimes(x.out.At, y.out.At), cmp.Compare(x.out.Summary, y.out.Summary))
	})
	return out
}

// affected says of whom the report speaks first: of all who did not simply stay
// registered, or of whom nothing is known.
func (t *told) affected() bool {
	switch t.Verdict {
	case PhoneRegistered:
		return false
	case PhoneUnregistered:
		return t.Reason != nil
	case VerdictUnknown:
		return t.Reason != nil && (t.Reason.Cause != CauseUnknown || t.Reason.Where != judge.Nowhere)
	}
	return true
}

func keyOf(w *wire.Wire, t *told) groupKey {
	k := groupKey{verdict: t.Verdict}
	if t.Reason == nil {
		return k
	}
	k = groupKey{cause: t.Reason.Cause, where: t.Reason.Where, link: t.Reason.Link}
	if k.link == nil && t.About != nil {
		c, e := t.About.Peers(w.Logs)
		if c != nil && (k.where == judge.InC || k.where == judge.BetweenCAndCUCM || k.where == judge.BetweenEAndC) {
			k.c = c.Name
		}
		if e != nil && (k.where == judge.InE || k.where == judge.BetweenEAndC) {
			k.e = e.Name
		}
		if k.where == judge.BetweenCAndCUCM || k.cause == CauseFailover {
			k.to = t.About.Timeline.To
		}
	}
	switch k.cause {
	case CauseTCP, CauseTraversal, CauseFailover, CauseLate:
	default:
		k.verdict = t.Verdict
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
	o.Verdict, o.Confidence, o.Devices, o.Proofs = g.phones[0].Verdict, Certain, []string{}, []Proof{}
	earlier := func(at **time.Time, t *time.Time) {
		if t != nil && (*at == nil || t.Before(**at)) {
			*at = t
		}
	}
	for _, t := range g.phones {
		if judge.Rank(t.Verdict) < judge.Rank(o.Verdict) {
			o.Verdict = t.Verdict
		}
		o.Devices = append(o.Devices, t.short())
		when := t.out.At
		if when == nil && t.About != nil {
			when = stamp(t.About.Sent)
		}
		earlier(&o.First, when)
		if when != nil && (o.Last == nil || when.After(*o.Last)) {
			o.Last = when
		}
		earlier(&o.At, t.out.LostAt)
		if t.Reason != nil {
			o.Cause, o.Confidence = t.Reason.Cause, judge.Lesser(o.Confidence, t.Reason.Confidence)
		}
	}
	worst := g.worst()
	o.Advice, o.Proofs = worst.out.Advice, list(worst.out.Proofs[:min(len(worst.out.Proofs), 12)])
	g.ends(w)
	o.Summary = sentence(g.event() + "; " + g.outcome())
}

// worst is the first phone with the group's verdict.
func (g *group) worst() *told {
	i := slices.IndexFunc(g.phones, func(t *told) bool { return t.Verdict == g.out.Verdict })
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
		if t.About != nil {
			node = w.Texts.Of(t.About.Timeline.To)
			if h, _ := t.About.Peers(w.Logs); h != nil {
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
	r := g.worst().Reason
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
	case r.Cause == CauseTCP && r.Confidence == CannotTell:
		return "perhaps " + at + "the connection" + path + " was opened anew"
	case r.Cause == CauseTCP && r.Link != nil && (r.Link.Closed == 0 || r.Lost != r.Link.Closed):
		return strings.Replace(at, "at ", "by ", 1) + "the connection" + path + " had gone silent"
	case r.Cause == CauseTCP:
		return at + "the connection" + path + " dropped"
	case r.Cause == CauseTraversal:
		return at + "the traversal zone failed"
	case r.Cause == CauseFailover:
		return at + "a CUCM node failed or was changed"
	case r.Cause == CauseLate && r.Confidence == CannotTell && len(g.phones) == 1:
		return "perhaps a keep-alive reached CUCM too late"
	case r.Cause == CauseLate && r.Confidence == CannotTell:
		return "perhaps keep-alives reached CUCM too late"
	case r.Cause == CauseLate && len(g.phones) == 1:
		return "a keep-alive reached CUCM too late" + lateWhere(r.Where)
	case r.Cause == CauseLate:
		return "keep-alives reached CUCM too late" + lateWhere(r.Where)
	case r.Cause == CauseUnknown && r.Where == judge.Nowhere:
		return "for a reason that these logs do not show"
	}
	return at + causeWords(r)
}

func lateWhere(where string) string {
	switch where {
	case judge.Nowhere:
		return ""
	case judge.BeforeE:
		return ", late already before Expressway-E"
	case judge.InC, judge.InE:
		return ", held up " + strings.Replace(where, "in ", "in Expressway-", 1)
	case judge.BetweenEAndC:
		return ", held up between Expressway-E and -C"
	case judge.InCUCM:
		return ", held up in CUCM itself"
	}
	return ", held up between Expressway-C and CUCM"
}

// outcome counts what became of the phones, and when.
func (g *group) outcome() string {
	n := map[string]int{}
	for _, t := range g.phones {
		n[t.Verdict]++
	}
	var parts []string
	for _, v := range judge.Ranks {
		if n[v] > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", human.Plural(n[v], "phone"), outcomeWords(v, n[v])))
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
		if t := &all[i]; t.Reason != nil && t.Reason.Link != nil && t.Verdict != PhoneRegistered {
			of[t.Reason.Link] = append(of[t.Reason.Link], t)
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
