package redact

import (
	"slices"
	"strings"
	"unicode"
)

// A pattern is a secret in the form in which texts are compared with it.
type pattern struct {
	text  []byte
	whole bool   // text is all of the secret
	plain bool   // a word as others are: it may stand in our own words by chance
	used  uint64 // when it was added last
}

// Add is the function of this name.
func (r *Redactor) Add(secret string) {
	if len(strings.TrimSpace(secret)) < 2 { // one letter, hidden, would tell more than it hides
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock++
	if p := r.known[secret]; p != nil {
		p.used = r.clock
		return
	}
	if len(r.known) >= maxSecrets {
		r.forget()
	}
	r.enter(secret)
}

// enter indexes a secret, as it is and as it looks to somebody who takes what stands in
// it for an escape.
func (r *Redactor) enter(secret string) {
	if r.known == nil {
		r.known, r.heads = map[string]*pattern{}, map[[shortest]byte][]*pattern{}
	}
	forms := []string{secret, strings.TrimSpace(secret)}
	for v := plainView(secret); len(forms) <= 1+depth; {
		next, changed := v.unescaped(escapes)
		if !changed {
			break
		}
		forms = append(forms, string(next.b))
		v = next
	}
	seen := map[string]bool{}
	for i, form := range forms {
		text := folded([]byte(form[:min(len(form), maxPattern)]))
		if len(text) < 2 || seen[string(text)] {
			continue
		}
		seen[string(text)] = true
		p := &pattern{text: text, whole: len(form) <= maxPattern, plain: plainWord(form), used: r.clock}
		if i == 0 {
			r.known[secret] = p
		}
		r.index(p)
	}
}

func (r *Redactor) index(p *pattern) {
	if len(p.text) < shortest {
		r.short = append(r.short, p)
		return
	}
	head := [shortest]byte(p.text)
	r.heads[head] = append(r.heads[head], p)
}

// forget drops the older half of the secrets: access tokens come anew every hour, what is
// still in use is added again whenever it is read.
func (r *Redactor) forget() {
	var used []uint64
	for _, p := range r.known {
		used = append(used, p.used)
	}
	slices.Sort(used)
	middle := used[len(used)/2]
	old := r.known
	r.known, r.heads, r.short = nil, nil, nil
	for secret, p := range old {
		if p.used >= middle {
			r.enter(secret)
			r.known[secret].used = p.used
		}
	}
}

// plainWord reports whether a secret is nothing but small letters, or a name in such.
func plainWord(s string) bool {
	for i, c := range s {
		if !unicode.IsLower(c) && (i > 0 || !unicode.IsUpper(c)) {
			return false
		}
	}
	return true
}

// folded is text in which all blanks and what a log shows as one are a blank.
func folded(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		out[i] = fold(c)
	}
	return out
}

// fold: forms have + for a blank.
func fold(c byte) byte {
	if c < 0x20 || c == 0x7f || c == '+' {
		return ' '
	}
	return c
}
