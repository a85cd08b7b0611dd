package redact

import "strings"

// depth is how many encodings, one upon the other, are looked through.
const depth = 3

// A kind of text says which secrets are looked for in it.
type kind int

const (
	own     kind = iota // long ones that are no plain words: the text is ours
	foreign             // all, and the beginning of one at the text's end
)

// A finder marks the bytes of a text that belong to secrets.
type finder struct {
	r      *Redactor
	kind   kind
	hidden []bool
}

// search looks through a view, and through what it may be the encoding of.
func (f *finder) search(v view, deeper int) {
	if len(v.b) == 0 {
		return
	}
	f.match(v)
	if deeper == 0 {
		return
	}
	if next, changed := v.unescaped(escapes); changed {
		f.search(next, deeper-1)
		if deeper == depth {
			f.one(v)
		}
	}
	for _, d := range v.decoded(f.kind == foreign) {
		f.search(d, min(deeper-1, 1))
	}
}

// one looks through a text in which one kind of escapes alone is meant: what looks like
// the other kinds is the secret's own.
func (f *finder) one(v view) {
	for _, sign := range strings.Split(escapes, "") {
		if next, changed := v.unescaped(sign); changed {
			f.search(next, depth-2)
		}
	}
}

// match hides the secrets that stand in a view as they are.
func (f *finder) match(v view) {
	text := folded(v.b)
	for i := 0; i+shortest <= len(text); i++ {
		for _, p := range f.r.heads[[shortest]byte(text[i:i+shortest])] {
			f.at(v, text, i, p)
		}
	}
	if f.kind == foreign {
		for _, p := range f.r.short {
			f.words(v, text, p)
		}
	}
}

// at hides a secret that stands at i, or begins there and is cut off by the text's end.
func (f *finder) at(v view, text []byte, i int, p *pattern) {
	if f.kind == own && (p.plain || len(p.text) < ownWords) {
		return
	}
	n := 0
	for n < len(p.text) && i+n < len(text) && text[i+n] == p.text[n] {
		n++
	}
	switch {
	case n == len(p.text) && !p.whole:
		f.mark(v, i, len(text))
	case n == len(p.text):
		f.mark(v, i, i+n)
	case f.kind == foreign && v.cut && i+n == len(text):
		f.mark(v, i, len(text))
	}
}

// words hides a secret that is too short to be looked for within words.
func (f *finder) words(v view, text []byte, p *pattern) {
	for i := 0; i+len(p.text) <= len(text); i++ {
		end := i + len(p.text)
		if string(text[i:end]) == string(p.text) && (i == 0 || !wordByte(text[i-1])) && (end == len(text) || !wordByte(text[end])) {
			f.mark(v, i, end)
		}
	}
}

func wordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func (f *finder) mark(v view, from, to int) {
	for k := v.from[from]; k < v.to[to-1]; k++ {
		f.hidden[k] = true
	}
}

// starred is the text with stars for each run of what is hidden.
func (f *finder) starred(s string) string {
	var b strings.Builder
	last := 0
	for i := 0; i < len(s); {
		if !f.hidden[i] {
			i++
			continue
		}
		b.WriteString(s[last:i] + Stars)
		for i < len(s) && f.hidden[i] {
			i++
		}
		last = i
	}
	if last == 0 {
		return s
	}
	return b.String() + s[last:]
}
