// Package find finds in a text what is to be masked: credentials, and what tells who and
// where somebody is.
//
// It finds the same in a text that was masked as in the raw one, only with other values: what
// learns, what replaces and what searches the result rest on the one scan. It takes a text
// that is cut anywhere and may hold anything, and looks through escapes and base64, one upon
// the other up to three deep. What it does in a text is bounded by the text's length, not
// squared.
//
// It does not know pseudonyms, files, or streams; the Dictionary it is given says what is
// known to be raw.
package find

import (
	"bytes"

	"rtmtgrab/bundle/mask/find/undo"
)

// Scan finds the hits of a text, in order, in the memory of those that are given, and the
// Content-Lengths that depend on them.
func Scan(text []byte, o Options, hits []Hit) ([]Hit, []LengthOf) {
	s := scanner{Options: o, b: text, hits: hits[:0], recent: memory(o, text)}
	s.run()
	return s.hits, s.msg.done
}

// Host and User find what a value is that is known to be a host, or a user, device or number.
func Host(v []byte, o Options) []Hit { return value(v, o, keyHost) }

// User is for users, devices and numbers.
func User(v []byte, o Options) []Hit { return value(v, o, keyUser) }

func value(v []byte, o Options, k Key) []Hit {
	s := scanner{Options: o, b: v}
	s.run()
	if !s.identity(k, 0, len(v)) && bytes.IndexByte(v, ' ') > 0 { // of several words
		s.thing(0, len(v), ruleHost)
	}
	return s.hits
}

// Known finds the names that are known, the short ones too.
func Known(text []byte, o Options) []Hit {
	s := scanner{Options: o, b: text}
	s.anyKnown(0, len(text))
	return s.hits
}

// Reserved reports whether a word means something of its own where names stand: it can be no
// pseudonym.
func Reserved(word string) bool {
	if neutral.in[word] || common.in[word] || topLevels.in[word] || keyKinds[word] != keyNone {
		return true
	}
	for _, p := range devicePrefixes {
		if len(word) >= len(p) && word[:len(p)] == p {
			return true
		}
	}
	return false
}

// Begins reports whether a line begins a record.
func Begins(line []byte) bool { return len(line) > 20 && (stamp(line) > 0 || frame(line[:20]) > 0) }

// Unquote undoes the =XX of quoted-printable.
func Unquote(b []byte) []byte { return undo.Quoted(b).B }

// IsLetter, IsDigit and Is64 say what a byte is.
func IsLetter(c byte) bool { return kinds[c]&isLetter != 0 }

// IsDigit is for digits.
func IsDigit(c byte) bool { return kinds[c] == isDigit }

// Is64 is for the signs of base64.
func Is64(c byte) bool { return undo.Is64(c) }
