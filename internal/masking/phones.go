package masking

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"rtmtgrab/internal/evidence"
)

// What CUCM said of phones (cucm/partial-phones.json and .csv) is no text to be searched for
// names: each of its fields is known. Names of machines, devices, numbers and users get their
// other names. What people write as they like, descriptions most of all, goes; and so does
// whatever stands in a field and is not of the form that the field has: it may be anything.

const (
	phonesJSON = "cucm/partial-phones.json"
	phonesCSV  = "cucm/partial-phones.csv"

	maxPhones = 32 << 20 // bytes
)

// gone stands for a text that was taken out: a word that names nobody wherever names stand.
const gone = "private"

const isNoList = unmaskable("no list of phones that this program can read")

// A phoneMasker masks the list of a job.
type phoneMasker struct{ *job }

// ofPhones reports whether a file is one of the two, and whether it is masked by its fields.
func ofPhones(j *job, name string) bool {
	return j.identities() && (name == phonesJSON || name == phonesCSV)
}

// learn reads the list and tells the masker who is in it. The table is made of the list.
func (j phoneMasker) learn(name string, r io.Reader) error {
	if name == phonesCSV {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(r, maxPhones+1))
	if err != nil {
		return err
	}
	doc := &evidence.PartialPhones{}
	if len(b) > maxPhones || json.Unmarshal(b, doc) != nil {
		return nil // left out
	}
	j.phones = doc
	learn := func(form short, learn func(string)) func(*string) {
		return func(s *string) {
			if form.MatchString(*s) { // else it goes
				learn(*s)
			}
		}
	}
	eachPhoneName(doc, learn(hostForm, j.masker.LearnHost), learn(thingForm, j.masker.LearnUser), learn(userForm, j.masker.LearnUser))
	return nil
}

// eachPhoneName visits the hosts, the devices and numbers, and the users of a list.
func eachPhoneName(doc *evidence.PartialPhones, host, thing, user func(*string)) {
	for i := range doc.Clusters {
		c := &doc.Clusters[i]
		host(&c.Cluster)
		for d := range c.LogsOnly {
			thing(&c.LogsOnly[d])
		}
		for d := range c.CUCMOnly {
			thing(&c.CUCMOnly[d])
		}
		for n := range c.Phones {
			p := &c.Phones[n]
			for _, s := range []*string{&p.Node, &p.Via, &p.IP} {
				host(s)
			}
			thing(&p.Device)
			user(&p.User)
			for l := range p.Lines {
				thing(&p.Lines[l].Number)
			}
		}
	}
}

// write writes one of the two files as it is masked.
func (j phoneMasker) write(name string) error {
	if j.phones == nil {
		return j.leave(name, isNoList.Error())
	}
	if !j.phonesMasked {
		j.phonesMasked = true
		if err := j.mask(j.phones); err != nil {
			return err
		}
	}
	return j.writeFile(name, func(w io.Writer) error {
		if name == phonesCSV {
			_, err := w.Write(j.phones.CSV())
			return err
		}
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(j.phones)
	})
}

// mask masks the fields of the list, in its place.
func (j phoneMasker) mask(doc *evidence.PartialPhones) (err error) {
	named := func(form short) func(*string) {
		return func(s *string) {
			if was := *s; err == nil && was != "" {
				*s, err = j.otherName(was, form)
			}
		}
	}
	eachPhoneName(doc, named(hostForm), named(thingForm), named(userForm))
	described := false
	for i := range doc.Clusters {
		c := &doc.Clusters[i]
		c.State, c.Why = of(c.State, stateForm), ownWords(c.Why)
		for n := range c.Phones {
			p := &c.Phones[n]
			described = described || p.Description != ""
			p.Description = ""
			p.Status, p.ReasonText, p.Protocol, p.MRA = of(p.Status, statusForm), of(p.ReasonText, reasonForm), of(p.Protocol, protocolForm), of(p.MRA, mraForm)
			p.Model, p.Product, p.Load = of(p.Model, modelForm), of(p.Product, modelForm), of(p.Load, loadForm)
			for l := range p.Lines {
				p.Lines[l].Status = of(p.Lines[l].Status, statusForm)
			}
		}
	}
	if err == nil && described {
		j.how.LeftOut = append(j.how.LeftOut, evidence.LeftOut{What: "the descriptions of phones in cucm/partial-phones", Why: "a person's own words"})
	}
	return err
}

// otherName is the other name of what has a form. What has none of it, and what is the same
// afterwards, goes.
func (j phoneMasker) otherName(was string, form short) (string, error) {
	if !form.MatchString(was) {
		return gone, nil
	}
	name, err := j.masker.Name(was)
	if was := j.src.manifest.Masked; was != nil && was.Strength == evidence.MaskedIdentities {
		return name, err // it is another's already
	}
	if err == nil && strings.EqualFold(name, was) && !harmlessName(was) {
		name = gone
	}
	return name, err
}

// harmlessName reports whether a name that stays is anybody's: of masked bundles too.
func harmlessName(s string) bool { return strings.EqualFold(s, "none") || strings.EqualFold(s, gone) }

// of is a value of a form, or none.
func of(s string, form *regexp.Regexp) string {
	if s == "" || form.MatchString(s) {
		return s
	}
	return gone
}

// The forms that fields have, as CUCM and this program write them.
var (
	hostForm     = short{253, regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N}._:-]*$|^\[?[0-9a-fA-F.:]+\]?(:\d+)?$`)}
	thingForm    = short{128, regexp.MustCompile(`^[+\\]*[\p{L}\p{N}][\p{L}\p{N}._@+-]*$`)}
	userForm     = short{128, regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N}._@\\+-]*$`)}
	stateForm    = regexp.MustCompile(`^(certain|likely|none)$`)
	statusForm   = regexp.MustCompile(`^(Any|Registered|UnRegistered|PartiallyRegistered|Rejected|Unknown|NotFound)$`)
	reasonForm   = regexp.MustCompile(`^(none|unknown|connectivity error|keep-alive timeout|device (switch|wipe|forced)|low battery|manual power off)$`)
	protocolForm = regexp.MustCompile(`^(SIP|SCCP|Any|H323|MGCP|Unknown)$`)
	mraForm      = regexp.MustCompile(`^(address|logs)$`)
	modelForm    = regexp.MustCompile(`^(\d{1,6}|(Cisco )?(IP Phone |DX|CP-|ATA ?)?\d{2,4}[A-Z]{0,4}(-[A-Z0-9]{1,4})?)$`)
	loadForm     = regexp.MustCompile(`^(?i)(sip|sccp|jar|cmterm|jabber(_for_(windows|mac|iphone|android|tablet))?|cp|ce|tc|dx|cnu|apps|term)\d{0,4}[a-z]{0,3}([._-](\d{1,5}[a-z]{0,3}\d{0,3}|sr\d{1,2}|es\d{1,3}|loads))+$`)
)

// A short form is one of so many characters at most: a count in the expression itself, of classes
// as large as these, would take megabytes.
type short struct {
	most int
	form *regexp.Regexp
}

// MatchString reports whether a value is of the form.
func (f short) MatchString(s string) bool {
	return utf8.RuneCountInString(s) <= f.most && f.form.MatchString(s)
}

// ownWords are a text on CUCM in which nothing is left but words that this program writes
// itself: what a server said may be anything.
func ownWords(s string) string {
	var out strings.Builder
	skipped := false
	for _, w := range wordRE.FindAllString(s, -1) {
		switch {
		case vocabulary[strings.ToLower(w)]:
			if skipped = false; out.Len() > 0 {
				out.WriteByte(' ')
			}
			out.WriteString(w)
		case !skipped:
			if skipped = true; out.Len() > 0 {
				out.WriteByte(' ')
			}
			out.WriteString("…")
		}
	}
	return out.String()
}

var wordRE = regexp.MustCompile(`[\p{L}\p{N}\p{M}._@'-]+`)

// vocabulary are the words of what the rooms that ask CUCM say of it.
var vocabulary = wordsOfTexts(
	"not reachable its certificate is not trusted login refused (401) login not tried again the user lacks a role (403) the service is not activated (404) overloaded rate limit exceeded no such file fault not asked given up answer not understood",
	"CUCM has not answered yet CUCM was not asked again yet when the window was over CUCM's second answer is cut off node did not answer and may have newer records CUCM's second answer names no nodes first there be more phones",
	"names not obtained traces could not be got cut off connection reset by peer refused timed out timeout deadline exceeded i/o tcp dial lookup unexpected EOF room disk full budget used up others",
	"the file is gone its length differs from the listing has no trailer not whole error while reading downloading listing log collection perfmon ris axl soap http status code certificate expired signed unknown authority")

func wordsOfTexts(texts ...string) map[string]bool {
	out := map[string]bool{}
	for _, t := range texts {
		for _, w := range wordRE.FindAllString(t, -1) {
			out[strings.ToLower(w)] = true
		}
	}
	return out
}

// phonesError is an error that names the file.
func phonesError(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("mask %s: %w", name, err)
}
