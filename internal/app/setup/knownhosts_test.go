package setup

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"strings"
	"testing"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"
	"pgregory.net/rapid"
)

// Whatever stands in a known_hosts file: what is not the address's stays byte for
// byte, and the file then proves the key.
func TestRepinProperty(t *testing.T) {
	var keys []ssh.PublicKey
	for range 3 {
		pub, _, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		k, err := ssh.NewPublicKey(pub)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	const address = "10.0.40.5:5022"
	mine := []string{"[10.0.40.5]:5022", "[10.0.40.5]:5022,[10.0.40.5]:5022", xknownhosts.HashHostname("[10.0.40.5]:5022")}
	rapid.Check(t, func(t *rapid.T) {
		var old, want bytes.Buffer
		for range rapid.IntRange(0, 8).Draw(t, "lines") {
			key := rapid.SampledFrom(keys).Draw(t, "key")
			host := rapid.SampledFrom(append([]string{"10.0.40.5", "[10.0.40.5]:22", "a,[10.0.40.5]:50222", xknownhosts.HashHostname("10.0.40.5"), "#"}, mine...)).Draw(t, "host")
			line := host + rapid.SampledFrom([]string{" ", "\t "}).Draw(t, "blank") + strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) + rapid.SampledFrom([]string{"\n", " c\n", "\r\n"}).Draw(t, "end")
			old.WriteString(line)
			if !slices.Contains(mine, host) || hasKey(keys[:1], key) {
				want.WriteString(line)
			}
		}
		add := keys[:1]
		if strings.Contains(want.String(), knownhosts.Line([]string{address}, keys[0])) && rapid.Bool().Draw(t, "there") {
			add = nil
		}
		got := repin(old.Bytes(), address, add, keys[:1])
		for _, k := range add {
			want.WriteString(knownhosts.Line([]string{address}, k) + "\n")
		}
		if !bytes.Equal(got, want.Bytes()) {
			t.Fatalf("got\n%s\nwant\n%s", got, want.String())
		}
		if err := provePin(got, address, keys[:1], keys[:1]); err != nil {
			t.Fatal(err)
		}
	})
}
