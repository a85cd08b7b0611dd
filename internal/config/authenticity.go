package config

import (
	"strings"

	"rtmtgrab/internal/config/scalar"
)

// Ways to make sure of who sent a mail, Authenticity.Check.
const (
	CheckNone    = "none"
	CheckResults = "results" // by the mail server's own Authentication-Results
	CheckDKIM    = "dkim"    // by the mail's DKIM signature, verified here
)

// Authenticity says how to make sure of who sent a mail.
type Authenticity struct {
	Check      string   `yaml:"check"`       // CheckNone, CheckResults or CheckDKIM
	AuthServID string   `yaml:"authserv_id"` // of CheckResults: the name that the server writes first, as it writes it
	Hops       int      `yaml:"hops"`        // of CheckResults: Received fields that may stand above the server's
	Domains    []string `yaml:"domains"`     // of senders, with what is below them, lower case; empty: those of alerts.from
}

const (
	maxLimit = 1000
	maxHops  = 10
)

// checkAuthenticity checks alerts.authenticity and alerts.limit.
func checkAuthenticity(c *checker) {
	const at = "alerts.authenticity"
	alerts := &c.cfg.Alerts
	a := &alerts.Authenticity
	if alerts.Limit > maxLimit && c.given("alerts.limit") {
		c.bad("alerts.limit", "must be at most %d; 0 means no limit", maxLimit)
	}
	c.oneOf(at+".check", a.Check, CheckNone, CheckResults, CheckDKIM)
	for i, d := range a.Domains {
		if c.required(indexed(at+".domains", i), d) && (!scalar.Labels.MatchString(d) || strings.HasSuffix(d, ".") || scalar.Digits(d)) {
			c.bad(indexed(at+".domains", i), "%s is not a domain: write example.com", scalar.Quote(d))
		}
		a.Domains[i] = strings.ToLower(d)
	}
	if a.Check == CheckResults && !c.has(at+".authserv_id") {
		c.bad(at+".authserv_id", "required key is missing: the name that your mail server writes first in Authentication-Results")
	}
	if c.has(at+".authserv_id") && c.required(at+".authserv_id", a.AuthServID) && strings.ContainsAny(a.AuthServID, " \t()<>,;:\\\"[]?=") {
		c.bad(at+".authserv_id", "%s is not the name of a server", scalar.Quote(a.AuthServID))
	}
	if a.Hops > maxHops && c.given(at+".hops") {
		c.bad(at+".hops", "must be at most %d", maxHops)
	}
	if a.Check != CheckNone && len(a.Domains) == 0 && len(alerts.From) == 0 && c.sound(at, at+".check", at+".domains", "alerts.from") {
		c.bad(at, "the check needs senders to compare with: set alerts.from or %s.domains", at)
	}
}
