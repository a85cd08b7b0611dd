package mailauth

import (
	"fmt"
	"strings"

	"rtmtgrab/internal/mailheader"
)

// results judges by the mail server's own Authentication-Results. Exactly one field
// counts: the first. What a sender brings along stands below what the servers
// wrote, so the first is either the server's own or it was not written at all;
// then it must also stand above the lines of receipt, of which Hops may be above
// it. Where Hops lets it stand below the server's own Received, that server must
// remove fields which others wrote in its name, as RFC 8601, section 5, demands.
func (r Rule) results(v Verdict, h mailheader.Header, from address) Verdict {
	received := 0
	decided := false
	var out Verdict
	for _, f := range h.Fields {
		switch {
		case f.Is("received"):
			received++
			continue
		case f.Is("arc-authentication-results"):
			v.look([]mailheader.Field{f}, "ignored: an ARC claim, which grab does not verify")
			continue
		case !f.Is("authentication-results"):
			continue
		case decided:
			v.look([]mailheader.Field{f}, "ignored: not the first")
			continue
		}
		decided = true
		out = r.first(f, received, from)
		v.look([]mailheader.Field{f}, out.Why)
	}
	if !decided {
		return v.refuse("no Authentication-Results")
	}
	out.Sender, out.Looked = v.Sender, v.Looked
	return out
}

// first judges by the one field that counts.
func (r Rule) first(f mailheader.Field, received int, from address) Verdict {
	id, list, err := parseResults(f.Value)
	switch {
	case err != nil:
		return Verdict{}.refuse("the first Authentication-Results cannot be read: " + err.Error())
	case id != r.AuthServID:
		return Verdict{}.refuse(fmt.Sprintf("the first Authentication-Results is of %q, not of %q", id, r.AuthServID))
	case received > r.Hops:
		return Verdict{}.refuse(fmt.Sprintf("the first Authentication-Results stands below Received lines (%d), where a sender could have written it; if that is how your servers write it, and they remove what others write in their name, set alerts.authenticity.hops: %d", received, received))
	}
	return r.weigh(list, from)
}

// weigh wants DMARC for From's domain, or an aligned DKIM or SPF that DMARC does
// not contradict.
func (r Rule) weigh(list []result, from address) Verdict {
	said := []string{}
	how, why := "", ""
	accept := func(method, by string) {
		if how == "" {
			how, why = "results: "+method, r.AuthServID+" says "+method+"=pass for "+by
		}
	}
	dmarc := 0
	for _, x := range list {
		said = append(said, x.method+"="+x.value)
		if x.method == "dmarc" {
			dmarc++
		}
		if x.method == "dmarc" && x.value == "fail" {
			return Verdict{}.refuse(r.AuthServID + " says dmarc=fail")
		}
	}
	for _, x := range list {
		switch by := r.speaksFor(x, from); {
		case x.value != "pass" || by == "" || x.method == "dmarc" && dmarc > 1:
		default:
			accept(x.method, by)
		}
	}
	if how != "" {
		return Verdict{}.accept(how, why)
	}
	if len(said) == 0 {
		return Verdict{}.refuse(r.AuthServID + " has no result for the sender")
	}
	return Verdict{}.refuse(fmt.Sprintf("%s says %s, without a pass of DMARC, DKIM or SPF for %s", r.AuthServID, strings.Join(said, ", "), from.domain))
}

// speaksFor is the domain by which a result speaks for From's; "" if it does not.
func (r Rule) speaksFor(x result, from address) string {
	switch x.method {
	case "dmarc":
		if d := domainOf(x.one("header.from")); d == from.domain {
			return d
		}
	case "dkim":
		by := ""
		for _, prop := range []string{"header.d", "header.i"} {
			if len(x.props[prop]) == 0 {
				continue
			}
			d := domainOf(x.one(prop))
			if !r.aligned(d, from.domain) {
				return ""
			}
			if by == "" {
				by = d
			}
		}
		return by
	case "spf":
		if d := domainOf(x.one("smtp.mailfrom")); r.aligned(d, from.domain) {
			return d
		}
	}
	return ""
}

// domainOf is the domain of an address, or of a domain itself; "" if it is none.
func domainOf(s string) string {
	d := fold(s[strings.LastIndexByte(s, '@')+1:])
	if !isDomain(d) {
		return ""
	}
	return d
}
