// Package report writes what internal/registration found as a page for a browser,
// as CSV for a spreadsheet and as JSON for a program (docs/report.md).
//
// It guarantees that the same Report gives the same bytes, that nothing which comes
// from a log is anything but text, that the page needs no network, and that it shows
// no value of an Authorization or Proxy-Authorization header. It does not judge: what
// it says of a phone is what the Report says.
package report

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration"
)

//go:embed page.tmpl
var pageTemplate string

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

var tmpl = template.Must(template.New("page").Funcs(template.FuncMap{
	"utc": clock, "stamp": stamp, "count": count, "seconds": seconds, "plural": plural,
}).Parse(pageTemplate))

// Page writes the report as one HTML file. text gives a record's bytes; with nil the
// page names places only. A record that text cannot give is said to be unreadable in
// its place, with the reason. An error is one of w.
func Page(w io.Writer, r *registration.Report, text func(registration.Proof) ([]byte, error)) error {
	b := bufio.NewWriterSize(w, 64<<10)
	if err := tmpl.Execute(cleaner{b}, newPage(r, text)); err != nil {
		return err
	}
	return b.Flush()
}

// A cleaner replaces signs that change the direction or the lines of the text around
// them, wherever they come from; the page itself has none. The template writes every
// value at once, so no sign is cut.
type cleaner struct{ w io.Writer }

func (c cleaner) Write(b []byte) (int, error) {
	out := b
	if slices.ContainsFunc(b, func(c byte) bool { return c >= 0x80 }) {
		out = bytes.Map(visible, b)
	}
	if _, err := c.w.Write(out); err != nil {
		return 0, err
	}
	return len(b), nil
}

func visible(r rune) rune {
	switch {
	case r >= 0x80 && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x061c, r == 0x2028, r == 0x2029, r == 0xfeff:
		return utf8.RuneError
	}
	return r
}

// A page is what the template is filled with.
type page struct {
	*registration.Report
	CSS    template.CSS
	Script template.JS
	Policy string

	Clock    siteClock
	Head     []span // the headline
	Sure     *sure  // its confidence, if it gives one
	Tally    []tally
	Coverage string // of the window over all files; empty if it is not known
	Bodies   string // a sentence
	Groups   []*group
	Answers  []*phone // affected or asked for
	Asked    []*phone // asked for, and in no group
	Earlier  []claim  // what earlier bundles say of phones
	Remarks  [][]span // notes
	Picture  *picture
	People   []*phone // the answered ones first
	Verdicts []tally
	Kinds    []tally
	Conns    []conn
	Done     *done // nil: nothing
	Omitted  bool  // message texts of phones that are not affected
	Trimmed  bool  // message texts of affected phones
	NoTexts  bool  // there are no texts at all
	Skipped  bool  // transactions
}

// A tally counts phones of a verdict, or names an entry of a filter.
type tally struct {
	Key, Word string
	N         int
}

func newPage(r *registration.Report, text func(registration.Proof) ([]byte, error)) *page {
	p := &page{Report: r, CSS: template.CSS(pageStyle), Script: template.JS(pageScript), NoTexts: text == nil}
	p.Policy = "default-src 'none'; style-src " + hash(pageStyle) + "; script-src " + hash(pageScript) + "; base-uri 'none'; form-action 'none'"
	p.Clock = newSiteClock(r)
	p.Head, p.Sure = headline(r.Summary, p.Clock)
	for _, n := range r.Notes {
		p.Remarks = append(p.Remarks, p.Clock.say(n))
	}
	for _, b := range r.Before {
		p.Earlier = append(p.Earlier, claim{Text: p.Clock.say(b.Summary), Sure: newSure(b.Confidence)})
	}
	p.Bodies, p.Coverage = bodies(r.BodiesLogged), coverage(r.Files)
	p.People = people(r, p.Clock)
	p.Groups = groups(r, p.People, p.Clock)
	if len(p.Groups) == 1 && said(p.Groups[0].Summary) == said(r.Summary) && p.Sure != nil {
		p.Groups[0].What = nil // the headline says it
	}
	for _, ph := range p.People {
		if ph.Affected || ph.Named {
			p.Answers = append(p.Answers, ph)
		}
		if ph.Named && ph.Group == nil {
			p.Asked = append(p.Asked, ph)
		}
	}
	p.Tally = verdictTally(p.People)
	p.Verdicts, p.Kinds = p.Tally, kindTally(p.People)
	p.Conns = connections(r, p.People)
	p.Done = doneOf(p)
	p.limit(text)
	p.Picture = newPicture(p)
	return p
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// said is a sentence without its full stop and the confidence that ends it.
func said(s string) string {
	s = strings.TrimSuffix(strings.TrimSpace(s), ".")
	for w := range spoken {
		s = strings.TrimSuffix(s, " ("+w+")")
	}
	return s
}

// spoken is how sentences end that give their confidence in brackets.
var spoken = map[string]string{"certain": registration.Certain, "likely": registration.Likely,
	"cannot tell": registration.CannotTell, "cannot be told for sure": registration.CannotTell}

// headline is the report's sentence, and the confidence that ends it in brackets.
func headline(s string, c siteClock) ([]span, *sure) {
	bare := strings.TrimSuffix(s, ".")
	if i := strings.LastIndex(bare, " ("); i > 0 && strings.HasSuffix(bare, ")") {
		if confidence := spoken[bare[i+2:len(bare)-1]]; confidence != "" {
			found := newSure(confidence)
			return c.say(bare[:i]), &found
		}
	}
	return c.say(s), nil
}

// Both gives a time in the site's zone, if it is known, and in UTC.
func (p *page) Both(t any) string { return p.Clock.both(t) }

// Long reports whether the headline needs smaller letters.
func (p *page) Long() bool { return len(p.Summary) > 190 }

// Span gives the window in the site's zone and in UTC.
func (p *page) Span() string { return p.Clock.window(p.Window.Since, p.Window.Until) }

// ZoneName is the site's zone for people, empty if none is given or it is unknown.
func (p *page) ZoneName() string {
	if p.Clock.zone == nil {
		return ""
	}
	return p.TimeZone
}

// maxAlerts bounds the alerts that the page lists; the picture shows all.
const maxAlerts = 20

// FirstAlerts are those that the page lists.
func (p *page) FirstAlerts() []evidence.Alert { return p.Alerts[:min(len(p.Alerts), maxAlerts)] }

// MoreAlerts is how many it does not.
func (p *page) MoreAlerts() int { return max(len(p.Alerts)-maxAlerts, 0) }
