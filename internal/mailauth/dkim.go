package mailauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
// must cover From, and Subject where there is one. A body that is signed in part
// (l=) and a signature that has expired (x=) count as not signed.
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
			v.look(signed[i:i+1], firstOf(flaw, "valid, and aligned with From"))
		}
		if flaw == "" {
			return v.accept("dkim", "signed by "+fold(x.Domain))
		}
		temporary = temporary || dkim.IsTempFail(x.Err)
		why = append(why, flaw)
	}
	v = v.refuse(strings.Join(why, "; "))
	v.Temporary = temporary
	return v
}

// flaw is why a signature does not count, "" if it does.
func (r Rule) flaw(x *dkim.Verification, h mailheader.Header, from address) string {
	covers := func(name string) bool {
		for _, k := range x.HeaderKeys {
			if fold(k) == name {
				return true
			}
		}
		return false
	}
	switch {
	case x.Domain != "" && !r.aligned(x.Domain, from.domain):
		return fmt.Sprintf("the signature of %s is not aligned with %s", x.Domain, from.domain)
	case dkim.IsTempFail(x.Err):
		return "the key cannot be fetched at the moment: " + strings.TrimPrefix(x.Err.Error(), "dkim: key unavailable: ")
	case x.Err != nil:
		return "the signature is not valid: " + strings.TrimPrefix(x.Err.Error(), "dkim: ")
	case !covers("from"), len(h.All("subject")) > 0 && !covers("subject"):
		return "the signature does not cover From and Subject"
	}
	return ""
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
