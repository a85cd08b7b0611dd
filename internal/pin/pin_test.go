package pin

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	want := Pin(sha256.Sum256([]byte("a certificate")))
	h := hex.EncodeToString(want[:])
	var colons []string
	for i := 0; i < len(h); i += 2 {
		colons = append(colons, strings.ToUpper(h[i:i+2]))
	}
	for _, s := range []string{want.String(), "sha256:" + h, " SHA256:" + strings.Join(colons, ":"), "SHA256:" + base64.StdEncoding.EncodeToString(want[:]), "SHA256:" + base64.RawStdEncoding.EncodeToString(want[:])} {
		if got, err := Parse(s); err != nil || got != want {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", h, "SHA256:", "SHA256:" + h[2:], "SHA1:" + h, "SHA256:" + h + "00"} {
		if _, err := Parse(s); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
}
