// Package mailauth judges whether a mail may trigger a grab: by its sender's
// address, and if that is wanted by the mail server's own Authentication-Results
// (RFC 8601) or by the mail's DKIM signatures (RFC 6376), checked here.
//
// It guarantees that a mail which it cannot read without doubt is refused, that
// nothing below the one header field that counts can change a verdict for the
// better, and that no name is looked up but below a domain of the rule. It is pure
// but for the resolver that it is given. It does not know what becomes of a mail.
package mailauth

import (
	"context"
	"fmt"
	"strings"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/mailheader"
)

// What is checked besides the sender's address, Rule.Check.
const (
	None    = "none"
	Results = "results" // the mail server's Authentication-Results
	DKIM    = "dkim"    // the signatures, with keys from the DNS
)

// A Rule says who may trigger.
type Rule struct {
	From       []string // addresses, or "@domain"; none: anyone
	Check      string   // one of None, Results and DKIM; empty: None
	AuthServID string   // of Results: who writes the header field that counts, exactly as it is written there
	Hops       int      // of Results: how many Received fields of one's own servers may stand above it
	Domains    []string // that From may be of, with what is below them; none: those of From

	// LookupTXT gives the TXT records of a name; of DKIM. Its errors are net.Error
	// and temporary if asking again may help.
	LookupTXT func(ctx context.Context, name string) ([]string, error)
}

// Judges reports whether there is anything to judge by.
func (r Rule) Judges() bool { return len(r.From) > 0 || r.checks() }

func (r Rule) checks() bool { return r.Check != "" && r.Check != None }

// Looked is one header field that was looked at, and what was made of it.
type Looked struct {
	Field string `json:"field"` // name and value, cut
	What  string `json:"what"`
}

// A Verdict is a judgement with what it rests on.
type Verdict struct {
	evidence.Auth
	Looked []Looked // in the order in which they were looked at

	// ID is the alert's ID by what was signed, where the signature that counts does not
	// cover the Message-ID: with another one it is the same mail. "" otherwise.
	ID string
}

// Judge judges a mail, of which truncated says that raw is not the whole. A rule
// that does not judge lets everything pass.
func (r Rule) Judge(ctx context.Context, raw []byte, truncated bool) Verdict {
	v := Verdict{}
	h := mailheader.Read(raw)
	if !r.Judges() {
		v.OK = true
		if a, err := fromOf(h); err == nil {
			v.Sender = shown(a)
		}
		return v
	}
	v.look(h.All("from"), "the sender")
	if !h.Whole {
		return v.refuse("the mail's header does not end, or has invalid bytes")
	}
	from, err := fromOf(h)
	if err != nil {
		return v.refuse(err.Error())
	}
	v.Sender = shown(from)
	if len(r.From) > 0 && !r.listed(from) {
		return v.refuse(from.String() + " is not in alerts.from")
	}
	if !r.checks() {
		return v.accept("from", from.String()+" is in alerts.from")
	}
	if r.domain(from.domain) == "" {
		return v.refuse(from.domain + " is not in alerts.authenticity.domains")
	}
	switch r.Check {
	case Results:
		return r.results(v, h, from)
	case DKIM:
		return r.dkim(ctx, v, h, from, raw, truncated)
	}
	return v.refuse(fmt.Sprintf("unknown check %q", r.Check))
}

func (v Verdict) accept(how, why string) Verdict {
	v.Auth = evidence.Auth{OK: true, How: how, Why: evidence.Printable(why, 300), Sender: v.Sender}
	return v
}

func (v Verdict) refuse(why string) Verdict {
	v.Auth = evidence.Auth{Why: evidence.Printable(why, 300), Sender: v.Sender}
	return v
}

func shown(a address) string { return evidence.Printable(a.String(), 254) }

const maxLooked = 50

func (v *Verdict) look(fields []mailheader.Field, what string) {
	for _, f := range fields {
		if len(v.Looked) < maxLooked {
			v.Looked = append(v.Looked, Looked{evidence.Printable(f.Name+": "+strings.Join(strings.Fields(f.Value), " "), 400), evidence.Printable(what, 300)})
		}
	}
}
