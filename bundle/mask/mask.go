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
// Names that are long enough to be told from other words are replaced wherever they stand;
// short ones and numbers only where names stand: in a URI before the @, in front of one, in
// an XML element, a CSV column or a JSON value that is called so, behind Name= and its like.
//
// It does not know archives, manifests and their sums, encryption, or how a masked bundle
// is marked as such. It does not know names that stand where no name is expected and are
// known from nowhere else.
package mask

import (
	"io"
	"maps"
	"sync"

	"rtmtgrab/bundle/mask/find"
)

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

// A Masker masks the files of one bundle: Learn for all files, then Mask, then Search for
// what Mask wrote. Within each pass files may be given at once.
type Masker struct {
	table    *Table
	strength Strength
	masked   bool // the files were, before

	mu      sync.Mutex
	learned [find.Classes]map[string]struct{}
	domains map[string]bool
	known   *find.Dictionary // of all that was learned; nil: something came after it was made
	names   int              // in the table when known was made
	counts  [find.Rules]int64
	full    error
}

// New masks files as they were collected: whatever stands in them is raw, even if it
// happens to be a pseudonym that was issued for something else. The table gets the new
// pseudonyms: save it before what Mask wrote leaves the machine.
func New(t *Table, s Strength) *Masker {
	m := &Masker{table: t, strength: s, domains: map[string]bool{}}
	for c := range m.learned {
		m.learned[c] = map[string]struct{}{}
	}
	return m
}

// Again masks files that were masked under the same table before: what was issued stays. Of
// names nothing is learned, for Search found none then that the table does not have: where
// stretches lie across each other what is read without the table would be others.
func Again(t *Table, s Strength) *Masker {
	m := New(t, s)
	m.masked = true
	return m
}

// Learn reads a file and remembers what is to get a pseudonym. name is the file's, for
// errors.
func (m *Masker) Learn(name string, k Kind, r io.Reader) error {
	if m.strength == Credentials {
		_, err := io.Copy(io.Discard, r)
		return err
	}
	if k == Mail {
		return m.mail(name, io.Discard, r, learning{m})
	}
	return learning{m}.text(name, k, nil, r)
}

// Mask writes a file's text to w without what is to go.
func (m *Masker) Mask(name string, k Kind, w io.Writer, r io.Reader) error {
	return m.mask(name, k, w, r, false)
}

// MaskStrictly is Mask for a text of which Search found that something was left, and takes longer: what
// cannot be masked so that it stays, because somebody wrote it for that, becomes stars.
func (m *Masker) MaskStrictly(name string, k Kind, w io.Writer, r io.Reader) error {
	return m.mask(name, k, w, r, true)
}

func (m *Masker) mask(name string, k Kind, w io.Writer, r io.Reader, strict bool) error {
	p, err := m.masking()
	if err != nil {
		return err
	}
	p.strict = strict
	if k == Mail {
		return m.mail(name, w, r, p)
	}
	return p.text(name, k, w, r)
}

// Search reads a text that Mask wrote. The error is a *Found if something raw is left.
func (m *Masker) Search(name string, k Kind, r io.Reader) error {
	p, err := m.knowing()
	if err != nil {
		return err
	}
	if k == Mail {
		return m.mail(name, io.Discard, r, searching{p})
	}
	return searching{p}.text(name, k, nil, r)
}

// knowing is a pass with what turned up only in masking too: it may stand elsewhere.
func (m *Masker) knowing() (masking, error) {
	m.mu.Lock()
	if m.table.Len() > m.names {
		m.known = nil
	}
	m.mu.Unlock()
	return m.masking()
}

// masking is a pass with all that was learned. Pseudonyms are issued here.
func (m *Masker) masking() (masking, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.full != nil {
		return masking{}, m.full
	}
	if m.known == nil {
		if err := m.table.settle(&m.learned, !m.masked); err != nil {
			return masking{}, err
		}
		m.known, m.names = m.table.dictionary(m.domains, false), m.table.Len()
		for c := range m.learned {
			clear(m.learned[c])
		}
	}
	return masking{m: m, known: m.known}, nil
}

// learn takes in what is new in a chunk.
func (m *Masker) learn(f *fresh) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known = nil
	n := 0
	for c, now := range f.now {
		if m.masked {
			break
		}
		for _, v := range now {
			m.learned[c][v] = struct{}{}
		}
		n += len(m.learned[c])
	}
	maps.Copy(m.domains, f.domains)
	if n+len(m.domains) > maxNames {
		m.full = errFull
	}
	return m.full
}

func (m *Masker) count(n *[find.Rules]int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for r, k := range n {
		m.counts[r] += k
	}
}

// Counts are what Mask struck, by rule.
func (m *Masker) Counts() []Count {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Count
	for r, n := range m.counts {
		if n > 0 {
			out = append(out, Count{find.Rule(r).String(), n})
		}
	}
	return out
}

// Name is a name with what is to go taken out: of a file, with its path, or of a host.
// What is in it must have been learned (LearnName) or stand in a file that was.
func (m *Masker) Name(name string) (string, error) {
	if m.strength == Credentials {
		return name, nil
	}
	p, err := m.masking()
	if err != nil {
		return "", err
	}
	return p.name(name)
}

// LearnName is Learn for a name that Name will be asked for.
func (m *Masker) LearnName(name string) {
	m.learnValue(name, func(v []byte, o find.Options) []find.Hit {
		hits, _ := find.Scan(v, o, nil)
		return hits
	})
}

// LearnHost tells of a host that is known from elsewhere, of a manifest or a configuration:
// a name or an address.
func (m *Masker) LearnHost(name string) { m.learnValue(name, find.Host) }

// LearnUser tells of a user, a device or a number that is known from elsewhere.
func (m *Masker) LearnUser(name string) { m.learnValue(name, find.User) }

func (m *Masker) learnValue(v string, hits func([]byte, find.Options) []find.Hit) {
	if m.strength == Credentials || v == "" {
		return
	}
	f := newFresh()
	learning{m}.take(f, hits([]byte(v), find.Options{Identities: true, Domains: f.domains})) // a later pass says what is wrong
}
