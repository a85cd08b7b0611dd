package report

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/registration"
)

// A group is a registration.Group with what the page says of it: what happened, how
// certain that is, what to do, and to whom it happened.
type group struct {
	registration.Group
	N      int
	ID     string
	Class  string
	Word   string
	What   []span
	Sure   sure
	Phones []*phone
	Others []string // devices that have no section
	Common []claim  // what is said of every phone of it
	Proofs []record
	Cells  columnsOfFold
}

// A claim is one statement with its own confidence.
type claim struct {
	Text []span
	Sure sure
	key  string
}

// A sure is a confidence: Key names its style, Word is for people. Empty is not known.
type sure struct{ Key, Word string }

func newSure(confidence string) sure {
	key := map[string]string{registration.Certain: "certain", registration.Likely: "likely", registration.CannotTell: "cannot"}[confidence]
	return sure{cmp.Or(key, "other"), lookup(confidenceWords, confidence)}
}

// columnsOfFold says which columns the table of a group's phones has.
type columnsOfFold struct{ Numbers, User, At, Late, Back, But bool }

// groups are those of the report, and groups made of the affected phones that are in
// none: older reports have none at all.
func groups(r *registration.Report, all []*phone, c siteClock) []*group {
	names := byName(all)
	var out []*group
	for i := range r.Groups {
		g := &group{Group: r.Groups[i]}
		for _, d := range g.Devices {
			switch p := names[d]; {
			case p == nil:
				g.Others = append(g.Others, d)
			case p.Group == nil:
				p.Group = g
				g.Phones = append(g.Phones, p)
			}
		}
		if len(g.Phones)+len(g.Others) > 0 || g.Summary != "" {
			out = append(out, g)
		}
	}
	out = append(out, remaining(r, all)...)
	for i, g := range out {
		g.finish(i, c)
	}
	return out
}

// byName finds a phone by what it may be called; devices come before numbers, which
// several phones may share.
func byName(all []*phone) map[string]*phone {
	names := map[string]*phone{}
	put := func(s string, p *phone) {
		if s != "" && names[s] == nil {
			names[s] = p
		}
	}
	for _, p := range all {
		put(p.Device, p)
	}
	for _, p := range all {
		put(p.Name, p)
		put(p.MAC, p)
		for _, s := range slices.Concat(p.CallIDs, p.Numbers) {
			put(s, p)
		}
	}
	return names
}

// remaining groups the affected phones that are in no group by verdict, cause and advice.
func remaining(r *registration.Report, all []*phone) []*group {
	var out []*group
	for _, p := range all {
		if !p.Affected || p.Group != nil {
			continue
		}
		i := slices.IndexFunc(out, func(g *group) bool { return g.Verdict == p.Verdict && g.Cause == p.Cause && g.Advice == p.Advice })
		if i < 0 {
			i = len(out)
			out = append(out, &group{Group: registration.Group{Verdict: p.Verdict, Cause: p.Cause, Advice: p.Advice}})
		}
		p.Group = out[i]
		out[i].Phones = append(out[i].Phones, p)
	}
	for _, g := range out {
		for _, p := range g.Phones {
			g.Confidence = lesser(g.Confidence, cmp.Or(p.CauseConfidence, p.Confidence))
			if p.At != nil && (g.First == nil || p.At.Before(*g.First)) {
				g.First = p.At
			}
			if p.At != nil && (g.Last == nil || p.At.After(*g.Last)) {
				g.Last = p.At
			}
		}
		g.shared(r)
		g.Summary = g.sentence()
	}
	return out
}

// shared finds the connection whose end all phones of a group share.
func (g *group) shared(r *registration.Report) {
	if g.Cause != registration.CauseTCP {
		return
	}
	for i := range r.Connections {
		c := &r.Connections[i]
		if c.Closed == nil || slices.ContainsFunc(g.Phones, func(p *phone) bool { return !slices.Contains(c.Devices, p.Device) }) {
			continue
		}
		g.At, g.C, g.CUCM = c.Closed, c.C, c.CUCM
		return
	}
}

// sentence is for a group that the report does not have.
func (g *group) sentence() string {
	if len(g.Phones) == 1 {
		p := g.Phones[0]
		if strings.HasPrefix(p.Summary, p.Name) {
			return p.Summary
		}
		return p.Name + " " + p.Summary
	}
	s := plural(len(g.Phones), "phone") + ": " + strings.ToLower(word(verdictWords, g.Verdict))
	if g.First != nil && g.Last != nil {
		s += fmt.Sprintf(" between %s and %s UTC", g.First.UTC().Format(timeForm), g.Last.UTC().Format(timeForm))
	}
	if g.Cause != "" {
		s += "; cause: " + lookup(causeWords, g.Cause)
		if g.At != nil && g.C != "" {
			s += fmt.Sprintf(", %s -> %s at %s UTC", g.C, g.CUCM, g.At.UTC().Format(timeForm))
		}
	}
	return s + "."
}

// lesser is the lesser of two confidences; empty is none.
func lesser(a, b string) string {
	order := []string{registration.CannotTell, registration.Likely, registration.Certain}
	i, j := slices.Index(order, a), slices.Index(order, b)
	if i < 0 || j >= 0 && j < i {
		return b
	}
	return a
}

// finish fills in what the page shows, and takes what all phones have in common out
// of each.
func (g *group) finish(n int, c siteClock) {
	g.N, g.ID = n, fmt.Sprintf("group-%d", n+1)
	g.Class, g.Word = class(g.Verdict), word(verdictWords, g.Verdict)
	g.What, g.Sure = c.say(g.Summary), newSure(g.Confidence)
	for _, p := range g.Group.Proofs {
		g.Proofs = append(g.Proofs, record{Proof: p})
	}
	for _, p := range g.Phones {
		if p.Advice == g.Advice {
			p.Own = ""
		}
		if p.Verdict != g.Verdict {
			p.But = append(p.But, strings.ToLower(p.Word))
		}
		if s := cmp.Or(p.CauseConfidence, p.Confidence); s != g.Confidence && s != "" && len(g.Phones) > 1 {
			p.But = append(p.But, lookup(confidenceWords, s))
		}
		g.Cells.add(p)
	}
	if len(g.Phones) > 1 {
		g.common()
	}
}

func (c *columnsOfFold) add(p *phone) {
	c.Numbers = c.Numbers || len(p.Numbers) > 0
	c.User = c.User || p.User != ""
	c.At = c.At || p.At != nil
	c.Late = c.Late || p.LateByS != nil
	c.Back = c.Back || p.BackAt != nil
	c.But = c.But || len(p.But) > 0
}

// common moves the claims that every phone has to the group, and the cause where it
// is the same but for its numbers.
func (g *group) common() {
	for _, c := range g.Phones[0].Claims {
		same := func(o claim) bool { return o.key == c.key }
		if everyClaims(g.Phones, same) {
			g.Common = append(g.Common, c)
		} else if same = c.alike; strings.HasPrefix(c.key, causePrefix) && everyClaims(g.Phones, same) {
			c.Text = append([]span{{Text: g.Phones[0].Name + ", and the others but for the numbers: "}}, c.Text...)
			g.Common = append(g.Common, c)
		} else {
			continue
		}
		for _, p := range g.Phones {
			p.Claims = slices.DeleteFunc(slices.Clone(p.Claims), same)
		}
	}
}

func everyClaims(phones []*phone, same func(claim) bool) bool {
	return !slices.ContainsFunc(phones, func(p *phone) bool { return !slices.ContainsFunc(p.Claims, same) })
}

// causePrefix begins the statement of a cause.
const causePrefix = "Cause: "

var numberRE = regexp.MustCompile(`[0-9]+`)

// alike reports whether two claims are the same but for their numbers.
func (c claim) alike(o claim) bool {
	return c.Sure == o.Sure && numberRE.ReplaceAllString(c.key, "0") == numberRE.ReplaceAllString(o.key, "0")
}

// claims are a phone's statements. Of a report that has none they are its sentence,
// and its cause where the sentence does not name it.
func claims(p *registration.Phone, c siteClock) []claim {
	var out []claim
	add := func(text, confidence string) {
		if text != "" {
			out = append(out, claim{c.say(text), newSure(confidence), text + "\n" + confidence})
		}
	}
	for _, s := range p.Statements {
		add(s.Text, s.Confidence)
	}
	if len(out) > 0 {
		return out
	}
	add(p.Summary, cmp.Or(p.VerdictConfidence, p.Confidence))
	if p.Cause != "" && !strings.Contains(strings.ToLower(p.Summary), "cause:") {
		add(causePrefix+lookup(causeWords, p.Cause)+".", cmp.Or(p.CauseConfidence, p.Confidence))
	}
	return out
}

// Size is how many phones a group has.
func (g *group) Size() int { return len(g.Phones) + len(g.Others) }

// One is the group's phone, if it has one only.
func (g *group) One() *phone {
	if g.Size() == 1 && len(g.Phones) == 1 {
		return g.Phones[0]
	}
	return nil
}

// maxNames bounds the names in the line over a group's fold.
const maxNames = 4

// Names are the first phones of a group.
func (g *group) Names() string {
	var names []string
	for _, p := range g.Phones[:min(len(g.Phones), maxNames)] {
		names = append(names, p.Name)
	}
	names = append(names, g.Others[:min(len(g.Others), maxNames-len(names))]...)
	s := strings.Join(names, ", ")
	if more := g.Size() - len(names); more > 0 {
		s += fmt.Sprintf(" and %s more", count(more))
	}
	return s
}

func (g *group) has(p *registration.Phone) bool {
	return slices.ContainsFunc(g.Phones, func(o *phone) bool { return o.Phone == p })
}

// eventWords are the causes that are a moment of their own: what happened to a
// connection, a zone or a node.
var eventWords = map[string]string{
	registration.CauseTCP:       "connection dropped",
	registration.CauseTraversal: "traversal zone down",
	registration.CauseFailover:  "CUCM failed or was changed",
}

// event is when the group's cause happened, if that is such a moment.
func (g *group) event() *time.Time {
	if eventWords[g.Cause] == "" {
		return nil
	}
	return g.At
}
