// Package redact takes secrets out of texts that others wrote: whoever a secret is sent
// to may quote it, and what he says ends in logs, notifications and files.
//
// It guarantees that no secret that was added stands in what it returns: plain,
// percent-encoded (in parts, in either case), escaped as JSON, Go or HTML do it, in
// hexadecimal, in base64 at any alignment and with either alphabet, or in several of
// these one upon the other; and that the beginning of a secret with which a text was cut
// off goes too. It keeps a bounded number of secrets, those that were used last.
//
// It does not know what a secret is: whoever reads or receives one adds it. A secret that
// is quoted in a cipher of the peer's own, backwards, or letter by letter passes.
package redact

import (
	"net/url"
	"strings"
	"sync"

	"rtmtgrab/internal/evidence"
)

// Stars stand where a secret was.
const Stars = "***"

const (
	maxSecrets = 4096
	maxPattern = 16 << 10 // bytes of a secret that are compared; what follows them goes too
	maxForeign = 16 << 10 // bytes of a foreign text that are looked at; the rest is cut off
	shortest   = 4        // bytes of a secret that is hidden wherever it stands; two or three are where they are a word
	ownWords   = 8        // bytes of a secret that is hidden in our own words too
)

// A Redactor knows secrets. It is safe for concurrent use; the zero Redactor knows none.
type Redactor struct {
	mu    sync.RWMutex
	known map[string]*pattern
	heads map[[shortest]byte][]*pattern // by the first bytes
	short []*pattern                    // of fewer than shortest bytes
	clock uint64
}

// process is the redactor of all secrets that this process uses: a secret is read in one
// place and quoted in another, and those two know nothing of each other.
var process Redactor

// Add has a secret hidden from now on in all that passes Text, Foreign and a Handler.
func Add(secret string) { process.Add(secret) }

// AddURL is Add of an address that is a secret, and of what in it tells it from others:
// its path, each part of it, its query and each value, its user.
func AddURL(address string) { process.AddURL(address) }

// Text is a text in our own words with secrets hidden. Those that are short, or a plain
// word, may stand there by chance and stay: see Foreign.
func Text(s string) string { return process.text(s) }

// Foreign is what somebody else wrote, fit for a log: without secrets, on one line, of at
// most limit characters.
func Foreign(s string, limit int) string { return process.Foreign(s, limit) }

// AddURL is the function of this name.
func (r *Redactor) AddURL(address string) {
	r.Add(address)
	u, err := url.Parse(address)
	if err != nil {
		return
	}
	parts := []string{u.RequestURI(), u.Path, u.EscapedPath(), u.RawQuery, u.Fragment, u.User.String()}
	if p, ok := u.User.Password(); ok {
		parts = append(parts, p)
	}
	for _, values := range u.Query() {
		parts = append(parts, values...)
	}
	parts = append(parts, strings.Split(u.Path, "/")...)
	for _, p := range parts {
		if len(p) >= shortest {
			r.Add(p)
		}
	}
}

// Foreign is the function of this name.
func (r *Redactor) Foreign(s string, limit int) string {
	cut := len(s) > maxForeign
	if cut {
		s = s[:maxForeign]
	}
	s = r.hide(s, foreign)
	if cut {
		s += "..."
	}
	return evidence.Printable(s, limit)
}

func (r *Redactor) text(s string) string { return r.hide(s, own) }

// hide puts stars where secrets stand.
func (r *Redactor) hide(s string, k kind) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if len(r.known) == 0 || s == "" {
		return s
	}
	f := finder{r: r, kind: k, hidden: make([]bool, len(s))}
	f.search(plainView(s), depth)
	return f.starred(s)
}

// An Error is another error in words without secrets.
type redacted struct {
	err error
	say string
}

func (e *redacted) Error() string { return e.say }

// Unwrap is the error as it was: to be asked for its kind, not to be shown.
func (e *redacted) Unwrap() error { return e.err }

// Error is err with secrets hidden in its words, as Foreign hides them.
func Error(err error) error {
	if err == nil {
		return nil
	}
	was := err.Error()
	say := process.hide(was, foreign)
	if say == was {
		return err
	}
	return &redacted{err, say}
}
