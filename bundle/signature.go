package bundle

import (
	"errors"

	"rtmtgrab/bundle/seal"
)

// SignatureFile is the file of the signature, over the sums.
const SignatureFile = sumsName + ".minisig"

// What is found of a bundle's signature: Result.Signature. Readers must accept new values.
const (
	SignatureOK         = "ok"
	SignatureNotChecked = "not_checked" // no key was given
	SignatureMissing    = "missing"
	SignatureWrong      = "wrong"       // of a key that was given, and not of these contents; or it cannot be read
	SignatureUnknown    = "unknown_key" // of none of the keys that were given
)

// signed is what was found of the signature.
type signed struct {
	hash []byte // of the sums
	raw  []byte // the signature's file
}

// signature judges it. What is wrong is bad: without keys only that it is not there, or is
// of another key, where the manifest names one.
func (c *check) signature(keys []seal.PublicKey) (found, key string) {
	by := c.manifest.SignedBy
	if _, named := c.sums[signatureName]; named {
		c.add(sumsName, "changed: it names %s, which is outside the sums", signatureName)
	}
	if c.signed.raw == nil {
		m, there := c.got[signatureName]
		switch {
		case there && m == nil: // damaged, said already
			return SignatureWrong, ""
		case len(keys) > 0 && by == "" && len(c.got) > 0 && !c.broken:
			c.add(signatureName, "missing: the bundle is not signed")
		case by != "":
			c.miss(signatureName)
		}
		return SignatureMissing, ""
	}
	s, err := seal.ParseSignature(c.signed.raw)
	if err != nil {
		c.add(signatureName, "changed: %v", err)
		return SignatureWrong, ""
	}
	key = s.Key.String()
	if c.readable && by != key {
		c.add(signatureName, "changed: it is of key %s, %s names %q", key, manifestName, by)
	}
	if len(keys) == 0 {
		return SignatureNotChecked, key
	}
	if c.signed.hash == nil {
		err = seal.ErrWrong
	} else {
		err = s.Check(c.signed.hash, keys...)
	}
	switch {
	case err == nil:
		return SignatureOK, key
	case errors.Is(err, seal.ErrUnknown):
		c.add(signatureName, "of key %s, which is none of those that are trusted", key)
		return SignatureUnknown, key
	}
	c.add(signatureName, "wrong: key %s has not signed this %s", key, sumsName)
	return SignatureWrong, key
}
