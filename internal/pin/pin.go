// Package pin is a certificate's fingerprint as people write it: what nodes of CUCM and
// Expressways, whose certificates are often self-signed, are known by.
package pin

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

// A Pin is the SHA-256 of a node's own certificate (DER).
type Pin [sha256.Size]byte

// Parse reads "SHA256:" with hexadecimal, also with colons, or base64.
func Parse(s string) (Pin, error) {
	rest, found := cutPrefixFold(strings.TrimSpace(s), "SHA256:")
	bad := errors.New("this is not a certificate's fingerprint: write SHA256: and 64 hexadecimal digits or base64")
	if !found {
		return Pin{}, bad
	}
	if b, err := hex.DecodeString(strings.ReplaceAll(rest, ":", "")); err == nil && len(b) == sha256.Size {
		return Pin(b), nil
	}
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(rest, "="))
	if err != nil || len(b) != sha256.Size {
		return Pin{}, bad
	}
	return Pin(b), nil
}

// List are those of texts that are pins.
func List(texts []string) (list []Pin) {
	for _, s := range texts {
		if p, err := Parse(s); err == nil {
			list = append(list, p)
		}
	}
	return list
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// String is the pin as it is configured.
func (p Pin) String() string { return "SHA256:" + hex.EncodeToString(p[:]) }
