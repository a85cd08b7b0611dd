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
	"time"
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

	Zone     *time.Location // of the site; nil if none is given
	Tally    []tally
	Coverage string // of the window over all files; empty if it is not known
	Bodies   string // a sentence
	Answers  []*phone
	Advice   []advice
	Picture  *picture
	People   []*phone // the answered ones first
	Verdicts []tally
	Kinds    []tally
	Conns    []conn
	Omitted  bool // message texts of phones that are not affected
	Trimmed  bool // message texts of affected phones
	NoTexts  bool // there are no texts at all
	Skipped  bool // transactions
}

// A tally counts phones of a verdict, or names an entry of a filter.
type tally struct {
	Key, Word string
	N         int
}

func newPage(r *registration.Report, text func(registration.Proof) ([]byte, error)) *page {
	p := &page{Report: r, CSS: template.CSS(pageStyle), Script: template.JS(pageScript), NoTexts: text == nil}
	p.Policy = "default-src 'none'; style-src " + hash(pageStyle) + "; script-src " + hash(pageScript) + "; base-uri 'none'; form-action 'none'"
	if r.TimeZone != "" {
		if z, err := time.LoadLocation(r.TimeZone); err == nil {
			p.Zone = z
		}
	}
	p.Bodies, p.Coverage = bodies(r.BodiesLogged), coverage(r.Files)
	p.People = people(r, p.Zone)
	for _, ph := range p.People {
		if ph.Affected || ph.Named {
			p.Answers = append(p.Answers, ph)
		}
	}
	p.Advice, p.Tally = advices(p.Answers), verdictTally(p.People)
	p.Verdicts, p.Kinds = p.Tally, kindTally(p.People)
	p.Conns = connections(r, p.People)
	p.limit(text)
	p.Picture = newPicture(r, p.People, p.Zone)
	return p
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Both gives a time in UTC and, if it is known, in the site's zone.
func (p *page) Both(t any) string { return both(t, p.Zone) }

// ZoneName is the site's zone for people, empty if none is given or it is unknown.
func (p *page) ZoneName() string {
	if p.Zone == nil {
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
