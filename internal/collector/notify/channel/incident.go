package channel

import (
	"fmt"
	"strings"
	"time"

	"rtmtgrab/internal/human"
)

// MaxPhones is how many phones of an incident are named.
const MaxPhones = 10

// A Registration is what the REGISTER messages in an incident's logs show, by the
// words of registrations.json. Nothing in it is a record of a log.
type Registration struct {
	Preliminary bool    `json:"preliminary"`       // of the first pass: the logs still grow, and the bundle may say something else
	Verdict     string  `json:"verdict,omitempty"` // empty: none was made
	Summary     string  `json:"summary,omitempty"` // one sentence
	Phones      []Phone `json:"phones,omitempty"`  // those that were named or that something happened to, at most MaxPhones
	More        int     `json:"more_phones,omitempty"`
	Advice      string  `json:"advice,omitempty"` // on the worst of it
	Why         string  `json:"why,omitempty"`    // there is no verdict
}

// A Phone is the verdict on one phone.
type Phone struct {
	Device     string `json:"device"`
	Verdict    string `json:"verdict"`
	Cause      string `json:"cause,omitempty"`
	Confidence string `json:"confidence,omitempty"` // of the verdict
}

func (r *Registration) write(b *strings.Builder) {
	what := "Verdict:  "
	if r.Preliminary {
		what = "Preliminary verdict: "
	}
	if r.Verdict == "" {
		fmt.Fprintf(b, "%snone (%s)\n", what, r.Why)
		return
	}
	fmt.Fprintf(b, "%s%s\n", what, r.Summary)
	for _, p := range r.Phones {
		fmt.Fprintf(b, "  %s: %s\n", p.Device, p.words())
	}
	if r.More > 0 {
		fmt.Fprintf(b, "  and %d more\n", r.More)
	}
	if r.Advice != "" {
		fmt.Fprintf(b, "Next:     %s\n", r.Advice)
	}
	if r.Preliminary {
		b.WriteString("It is based on what was copied so far. The logs still grow: the bundle may differ.\n")
	}
}

func (p Phone) words() string {
	s := p.Verdict
	if p.Cause != "" {
		s += ", cause " + p.Cause
	}
	if p.Confidence != "" {
		s += " (" + p.Confidence + ")"
	}
	return strings.ReplaceAll(s, "_", " ")
}

// Told makes a notice of an incident. kind is KindCopied or KindSealed.
func Told(now time.Time, kind string, in Incident) Notice {
	n := Notice{ID: id(kind, in.Key, fmt.Sprint(in.Revision)), Kind: kind, Time: now.UTC().Round(0), Incident: &in}
	var b strings.Builder
	if kind == KindCopied {
		n.Subject = fmt.Sprintf("grab: alert for %s, logs copied (%s so far)", in.Site, in.Coverage)
		fmt.Fprintf(&b, "An alert came for site %s. The hosts' logs were copied for the first time; the bundle follows.\n\n", in.Site)
	} else if in.Late {
		n.Subject = fmt.Sprintf("grab: revision %d of the bundle for %s is sealed, with what came since (%s)", in.Revision, in.Site, in.Coverage)
		fmt.Fprintf(&b, "Revision %d of the bundle of site %s is sealed. It adds what came of CUCM or of phones since; it has everything that the earlier one had.\n\n", in.Revision, in.Site)
	} else if in.Revision > 1 {
		n.Subject = fmt.Sprintf("grab: revision %d of the bundle for %s is sealed (%s)", in.Revision, in.Site, in.Coverage)
		fmt.Fprintf(&b, "A retry has finished: revision %d of the bundle of site %s is sealed. It has everything that the earlier one had.\n\n", in.Revision, in.Site)
	} else {
		n.Subject = fmt.Sprintf("grab: bundle for %s is sealed (%s)", in.Site, in.Coverage)
		fmt.Fprintf(&b, "The bundle of site %s is sealed.\n\n", in.Site)
	}
	if kind == KindSealed {
		in.answer(&b)
	}
	fmt.Fprintf(&b, "Incident: %s\n", in.Incident)
	for _, a := range in.Alerts {
		fmt.Fprintf(&b, "Alert:    %s\n", a)
	}
	if in.More > 0 {
		fmt.Fprintf(&b, "          and %d more\n", in.More)
	}
	fmt.Fprintf(&b, "Window:   %s\nCoverage: %s\n", in.clock().Span(in.Window.Since, in.Window.Until), in.Coverage)
	for _, h := range in.Hosts {
		fmt.Fprintf(&b, "  %s: %s", h.Host, h.Coverage)
		if h.Error != "" {
			b.WriteString(" (" + h.Error + ")")
		}
		b.WriteString("\n")
	}
	in.CUCM.write(&b)
	if in.Found != nil {
		in.Found.write(&b)
	}
	if in.Bundle != "" {
		fmt.Fprintf(&b, "Bundle:   %s\nSize:     %d bytes\nSHA-256:  %s\n", in.Bundle, in.Size, in.SHA256)
	}
	for _, h := range in.Handed {
		switch {
		case h.Place != "":
			fmt.Fprintf(&b, "Handed:   to %s: %s\n", h.To, h.Place)
		case h.Error != "":
			fmt.Fprintf(&b, "Handed:   not to %s yet: %s\n", h.To, h.Error)
		default:
			fmt.Fprintf(&b, "Handed:   to %s, on its way\n", h.To)
		}
	}
	n.Text = in.clock().Say(b.String())
	return n
}

// answer is the verdict and how much of the logs there is, in two lines, before all else.
func (in Incident) answer(b *strings.Builder) {
	verdict := "No verdict."
	if in.Found != nil && in.Found.Verdict != "" {
		verdict = strings.ToUpper(in.Found.Verdict[:1]) + in.Found.Verdict[1:] + ": " + in.Found.Summary
	}
	fmt.Fprintf(b, "%s\nLogs of %s: %s.\n\n", verdict, human.Plural(len(in.Hosts), "host"), in.Coverage)
}

// clock is the site's.
func (in Incident) clock() human.Clock {
	c := human.Clock{Near: in.Window.Since.Add(in.Window.Length() / 2)}
	if zone, err := time.LoadLocation(in.TimeZone); err == nil {
		c.Zone = zone
	}
	return c
}
