package fleet

import (
	"strings"
	"testing"
)

// FuzzToken: a token is one part of a subject, and says its name again.
func FuzzToken(f *testing.F) {
	for _, s := range []string{"", "berlin", "Site 1", "a.b*c>", "_", "ä", "a_b", "x=y/z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		token := Token(name)
		if token == "" || strings.ContainsAny(token, ". *>/\\=\x00") {
			t.Fatalf("%q: %q", name, token)
		}
		if again, err := Name(token); err != nil || again != name {
			t.Fatalf("%q: %q: %q, %v", name, token, again, err)
		}
		if site, err := SiteOf(AlertSubject(name)); err != nil || site != name {
			t.Fatalf("%q: %q, %v", name, site, err)
		}
	})
}

// FuzzName: what is no token is refused; no other text is taken for one.
func FuzzName(f *testing.F) {
	for _, s := range []string{"", "_", "_4", "_4x", "_41", "berlin", "_2e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if name, err := Name(token); err == nil && Token(name) != token {
			t.Fatalf("%q: %q", token, name)
		}
	})
}
