package mailauth

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"rtmtgrab/internal/mailheader"
)

const (
	// LookupLimit bounds all look-ups for one mail.
	LookupLimit = 10 * time.Second
	maxSigned   = 5 // signatures that are verified
)

// once are the fields that decide how a mail is read: a second one could be read in
// the place of the one that was signed.
var once = []string{"from", "subject", "date", "message-id", "mime-version", "content-type", "content-transfer-encoding"}

// dkim judges by the mail's signatures. One that is valid and aligned is enough; it
// must cover From, Date and Subject: who sends an old mail again is not to say that it
// is new. A body that is signed in part (l=) and a signature that has expired (x=)
// count as not signed.
func (r Rule) dkim(ctx context.Context, v Verdict, h mailheader.Header, from address, raw []byte, truncated bool) Verdict {
	if truncated {
		return v.refuse("the mail is too long, so its signature cannot be verified")
	}
	for _, name := range once {
		if n := len(h.All(name)); n > 1 {
			return v.refuse(fmt.Sprintf("the mail has %d fields %s: which one was signed cannot be told", n, name))
		}
	}
	signed := h.All("dkim-signature")
	if len(signed) == 0 {
		return v.refuse("the mail has no DKIM signature")
	}
	if !bytes.Contains(raw, []byte("\r\n")) { // a file that was saved so
		raw = bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n"))
	}
	ctx, cancel := context.WithTimeout(ctx, LookupLimit)
	defer cancel()
	list, err := dkim.VerifyWithOptions(bytes.NewReader(raw), &dkim.VerifyOptions{MaxVerifications: maxSigned, LookupTXT: func(name string) ([]string, error) {
		return r.key(ctx, name, from)
	}})
	if err != nil && !errors.Is(err, dkim.ErrTooManySignatures) {
		return v.refuse("the signature cannot be verified: " + err.Error())
	}
	var why []string
	temporary := false
	for i, x := range list {
		flaw := r.flaw(x, h, from)
		if i < len(signed) {
			flaw = firstOf(partial(signed[i].Value), flaw)
			v.look(signed[i:i+1], firstOf(flaw, "valid, and aligned with From"))
		}
		if flaw == "" {
			v = v.accept("dkim", "signed by "+fold(x.Domain))
			v.ID = idOf(x, h)
			return v
		}
		if dkim.IsTempFail(x.Err) && !temporary { // it may be accepted later, as the same alert
			temporary, v.ID = true, idOf(x, h)
		}
		why = append(why, flaw)
	}
	id := v.ID
	v = v.refuse(strings.Join(why, "; "))
	v.Temporary, v.ID = temporary, id
	return v
}

// flaw is why a signature does not count, "" if it does.
func (r Rule) flaw(x *dkim.Verification, h mailheader.Header, from address) string {
	switch {
	case x.Domain != "" && !r.aligned(x.Domain, from.domain):
		return fmt.Sprintf("the signature of %s is not aligned with %s", x.Domain, from.domain)
	case dkim.IsTempFail(x.Err):
		return "the key cannot be fetched at the moment: " + strings.TrimPrefix(x.Err.Error(), "dkim: key unavailable: ")
	case x.Err != nil:
		return "the signature is not valid: " + strings.TrimPrefix(x.Err.Error(), "dkim: ")
	}
	for _, name := range []string{"From", "Subject", "Date"} {
		switch there := len(h.All(name)) > 0; {
		case there && !covers(x, name):
			return fmt.Sprintf("the signature does not cover %s (h=%s)", name, strings.Join(x.HeaderKeys, ":"))
		case !there && name == "Date":
			return "the mail has no Date that could be signed"
		}
	}
	return ""
}

// covers reports whether a signature's h= names a field.
func covers(x *dkim.Verification, name string) bool {
	return slices.ContainsFunc(x.HeaderKeys, func(k string) bool { return fold(k) == fold(name) })
}

// partial says that a signature leaves a part of the body to others, "" if it does not.
func partial(signature string) string {
	for tag := range strings.SplitSeq(signature, ";") {
		if name, _, _ := strings.Cut(tag, "="); strings.TrimSpace(name) == "l" {
			return "the signature covers a part of the body only (l=)"
		}
	}
	return ""
}

// idOf is the ID of an alert by its signed parts, but for white space, which a signature
// may leave open; "" if the Message-ID is one of them.
func idOf(x *dkim.Verification, h mailheader.Header) string {
	if len(h.All("message-id")) == 1 && covers(x, "message-id") {
		return ""
	}
	sum := sha256.New()
	for _, name := range []string{"from", "date", "subject"} {
		fmt.Fprintf(sum, "%s\n%s\n", name, strings.Join(strings.Fields(h.First(name)), ""))
	}
	sum.Write(bytes.Join(bytes.FieldsFunc(h.Body, func(r rune) bool { return r == ' ' || r == '\t' || r == '\r' || r == '\n' }), nil))
	return hex.EncodeToString(sum.Sum(nil))
}

// key looks up a signature's key, if the signature could speak for From at all: a
// stranger is not to choose what is asked.
func (r Rule) key(ctx context.Context, name string, from address) ([]string, error) {
	selector, d, ok := strings.Cut(name, "._domainkey.")
	if !ok || !isDomain(fold(selector)) || !r.aligned(d, from.domain) {
		return nil, errors.New("not checked, not aligned with " + from.domain)
	}
	if r.LookupTXT == nil {
		return nil, errors.New("no resolver")
	}
	txt, err := r.LookupTXT(ctx, name)
	if err == nil && len(txt) == 1 && onlyTests(txt[0]) {
		return nil, errors.New("the key is for tests only (t=y)")
	}
	return txt, err
}

// onlyTests reports whether a key record says that its signatures mean nothing yet.
func onlyTests(record string) bool {
	for tag := range strings.SplitSeq(record, ";") {
		name, value, _ := strings.Cut(tag, "=")
		if strings.TrimSpace(name) != "t" {
			continue
		}
		for flag := range strings.SplitSeq(value, ":") {
			if strings.TrimSpace(flag) == "y" {
				return true
			}
		}
	}
	return false
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
