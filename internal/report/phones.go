package report

import (
	"fmt"
	"slices"
	"strings"

	"rtmtgrab/internal/registration"
)

// A phone is a registration.Phone with what the page says of it.
type phone struct {
	*registration.Phone
	N        int    // its place on the page
	ID       string // of its section
	Name     string
	Class    string // style of its verdict
	Word     string
	Affected bool
	Open     bool
	Find     string // what a search looks at, lower case
	Has      string // kinds of its transactions, for the filter
	Facts    []fact
	Digest   string // "2 full REGISTERs, 7 keep-alives, 1 late"
	Proofs   []record
	Ladder   []transaction
	Group    *group   // what happened to it, nil if nothing did
	Claims   []claim  // those that are not said of its whole group
	Own      string   // advice, where it is not the group's
	But      []string // what is other with it than with its group
	Came     string   // when it was taken for new
	Back     string   // when all its lines were back
}

// A fact is one line of a phone's table.
type fact struct{ Name, Value string }

// people are the phones: named or affected ones first, else in the report's order.
func people(r *registration.Report, c siteClock) []*phone {
	roles := map[string]string{}
	for _, f := range r.Files {
		roles[f.Host] = f.Role
	}
	var first, rest []*phone
	seen := map[string]bool{}
	affectedN := 0
	for i := range r.Phones {
		p := newPhone(&r.Phones[i], roles, c)
		if p.Affected {
			affectedN++
		}
		if p.Affected || p.Named {
			first = append(first, p)
		} else {
			rest = append(rest, p)
		}
	}
	all := append(first, rest...)
	for i, p := range all {
		p.N = i
		p.ID = id(p.Name, i, seen)
		p.Open = p.Affected && affectedN <= 2
	}
	return all
}

// affected says of whom the page speaks first: of all who did not simply stay
// registered, leave by themselves without a cause, or remain unknown without one.
func affected(p *registration.Phone) bool {
	if p.Before != nil {
		return true
	}
	switch p.Verdict {
	case registration.PhoneRegistered, registration.VerdictHealthy:
		return false
	case registration.PhoneUnregistered, registration.VerdictUnknown:
		return p.Cause != "" && p.Cause != registration.CauseUnknown
	}
	return true
}

func newPhone(r *registration.Phone, roles map[string]string, c siteClock) *phone {
	p := &phone{Phone: r, Name: name(r), Class: class(r.Verdict), Word: word(verdictWords, r.Verdict), Affected: affected(r),
		Claims: claims(r, c), Own: r.Advice, Came: c.seconds(r.At), Back: c.seconds(r.BackAt)}
	for _, pr := range r.Proofs {
		p.Proofs = append(p.Proofs, record{Proof: pr})
	}
	kinds := map[string]int{}
	late, refused := 0, 0
	for i := range r.Transactions {
		t := newTransaction(r, &r.Transactions[i], roles, c)
		kinds[t.Kind]++
		if t.Late {
			late++
		}
		if t.Refused {
			refused++
		}
		p.Ladder = append(p.Ladder, t)
	}
	p.Digest = digest(kinds, late, refused)
	for _, k := range kindTallyOf(kinds, late, refused) {
		p.Has += k.Key + " "
	}
	p.Has = strings.TrimSpace(p.Has)
	p.Find = find(r)
	p.Facts = facts(r, c)
	return p
}

// name is what the phone is called: its device, else its first number or Call-ID.
func name(p *registration.Phone) string {
	switch {
	case p.Device != "":
		return p.Device
	case p.MAC != "":
		return "MAC " + p.MAC
	case len(p.CallIDs) > 0:
		return "Call-ID " + p.CallIDs[0]
	case len(p.Numbers) > 0:
		return p.Numbers[0]
	}
	return "a phone without a name"
}

// maxCompany bounds the names of other phones in a phone's section.
const maxCompany = 30

// Company are the phones that went with this one, where its group does not say so.
func (p *phone) Company() string {
	if p.Group != nil && p.Group.Size() > 1 {
		return ""
	}
	s := strings.Join(p.Shares[:min(len(p.Shares), maxCompany)], ", ")
	if more := len(p.Shares) - maxCompany; more > 0 {
		s += " and " + plural(more, "more phone")
	}
	return s
}

// Late is by how much it was late.
func (p *phone) Late() string { return seconds(p.LateByS) }

// id is an anchor that stands for itself in an address, and only once on the page.
func id(name string, n int, seen map[string]bool) string {
	s := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return -1
	}, name)
	s = "phone-" + s[:min(len(s), 64)]
	if seen[s] {
		s = fmt.Sprintf("%s--%d", s, n)
	}
	seen[s] = true
	return s
}

func find(p *registration.Phone) string {
	words := slices.Concat([]string{p.Device, p.MAC, p.Model, p.User}, p.Numbers, p.CallIDs)
	words = slices.DeleteFunc(words, func(s string) bool { return s == "" })
	return strings.ToLower(strings.Join(words, "\n"))
}

func facts(p *registration.Phone, c siteClock) []fact {
	all := []fact{
		{"Registration lost", c.both(p.LostAt)},
		{"Taken for new at", c.both(p.At)},
		{"All lines back", c.both(p.BackAt)},
		{"On time?", lateness(p)},
		{"Where it was late", p.LateAt},
		{"Lines", numbers(p, ", ")},
		{"MAC", otherThan(p.MAC, p.Device)},
		{"Model", p.Model},
		{"User", p.User},
		{"Software", p.Software},
		{"Call-ID", strings.Join(p.CallIDs, ", ")},
	}
	all = append(all, cucmFacts(p, c)...)
	return slices.DeleteFunc(all, func(f fact) bool { return f.Value == "" })
}

// otherThan is s unless whole ends with it.
func otherThan(s, whole string) string {
	if strings.HasSuffix(whole, s) {
		return ""
	}
	return s
}

// lateness are the three numbers, as far as they are known.
func lateness(p *registration.Phone) string {
	var parts []string
	add := func(s *float64, what string) {
		switch {
		case s == nil:
		case *s < 0:
			within := -*s
			parts = append(parts, seconds(&within)+" within "+what)
		default:
			parts = append(parts, seconds(s)+" beyond "+what)
		}
	}
	add(p.LateByS, "the phone's own cadence")
	add(p.BeyondExpiresS, "Expires")
	add(p.BeyondGraceS, "Expires and grace")
	return strings.Join(parts, ", ")
}
