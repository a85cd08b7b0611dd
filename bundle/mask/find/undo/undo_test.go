package undo

import (
	"encoding/base64"
	"testing"
)

// FuzzUndo: each byte of what was undone stands somewhere, in order, and base64 of a text is
// undone to it.
func FuzzUndo(f *testing.F) {
	f.Add("%61 &amp; \\u0041 #012From: =C3=A4 &#x41; \\n\\")
	f.Add("dGV4dA== &bogus; %zz =3 \\u12 #01")
	f.Fuzz(func(t *testing.T, text string) {
		for _, v := range []View{Escapes([]byte(text)), Quoted([]byte(text))} {
			if len(v.From) != len(v.B)+1 || int(v.From[len(v.B)]) != len(text) {
				t.Fatalf("%q: %d bytes from %d places, the last %v", text, len(v.B), len(v.From), v.From)
			}
			for i := range v.B {
				if v.From[i] > v.From[i+1] || v.From[i] < 0 {
					t.Fatalf("%q: byte %d stands at %d, the next at %d", text, i, v.From[i], v.From[i+1])
				}
			}
		}
		coded := base64.StdEncoding.EncodeToString([]byte(text))
		if text == "" {
			return
		}
		if back, _, ok := Base64([]byte(coded)); ok && string(back) != text {
			t.Fatalf("%q came back as %q", text, back)
		}
		if plain([]byte(text), false) && len(text) >= 12 && !Readable([]byte(coded)) {
			t.Fatalf("%q is text, and its base64 is not readable", text)
		}
	})
}
