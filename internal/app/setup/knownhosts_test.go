package setup

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"
	"pgregory.net/rapid"
)

// A file that an editor on Windows has saved is read, and written without its mark.
func TestPinInMarkedFile(t *testing.T) {
	pub, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "known_hosts")
	first := knownhosts.Line([]string{"10.0.30.2:22"}, key) + "\r\n"
	if err := os.WriteFile(file, []byte("\ufeff"+first), 0o600); err != nil {
		t.Fatal(err)
	}
	if there, err := PinnedKeys(file, "10.0.30.2:22"); err != nil || len(there) != 1 {
		t.Errorf("%d keys, %v", len(there), err)
	}
	if err := pinKeys(file, "10.0.40.5:22", []ssh.PublicKey{key}, []ssh.PublicKey{key}); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(file); string(b) != first+knownhosts.Line([]string{"10.0.40.5:22"}, key)+"\n" {
		t.Errorf("%q", b)
	}
}

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
