package mailauth

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
)

// zoneOf answers for the names that it has; asked counts.
type zoneOf struct {
	txt   map[string]string
	down  bool
	asked []string
}

func (z *zoneOf) lookup(ctx context.Context, name string) ([]string, error) {
	z.asked = append(z.asked, name)
	if z.down {
		return nil, &net.DNSError{Err: "server misbehaving", Name: name, IsTemporary: true}
	}
	if s, ok := z.txt[name]; ok {
		return []string{s}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

type signer struct {
	domain string
	fields []string // zero: From, Subject, Date
	expire time.Time
}

func newKey(t testing.TB) (crypto.Signer, string) {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return key, "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(pub)
}

func (s signer) sign(t testing.TB, key crypto.Signer, mail string) string {
	t.Helper()
	if s.fields == nil {
		s.fields = []string{"From", "Subject", "Date"}
	}
	var out bytes.Buffer
	err := dkim.Sign(&out, strings.NewReader(strings.ReplaceAll(mail, "\n", "\r\n")), &dkim.SignOptions{
		Domain: s.domain, Selector: "s1", Signer: key, HeaderKeys: s.fields, Expiration: s.expire,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestDKIM(t *testing.T) {
	key, record := newKey(t)
	evil, evilRecord := newKey(t)
	plain := from + "Date: Mon, 02 Mar 2026 09:14:36 -0500\n" + rest
	good := signer{domain: "example.com"}.sign(t, key, plain)
	second := signer{domain: "evil.net"}.sign(t, evil, plain)
	second = second[:strings.Index(second, "\r\nFrom:")+2]
	for name, c := range map[string]struct {
		mail string
		why  string // empty: it passes
		asks int    // look-ups
	}{
		"good":                    {good, "", 1},
		"saved with LF":           {strings.ReplaceAll(good, "\r\n", "\n"), "", 1},
		"with Received above":     {strings.ReplaceAll(hop, "\n", "\r\n") + good, "", 1},
		"a subdomain's":           {signer{domain: "mail.example.com"}.sign(t, key, plain), "", 1},
		"a stranger's above":      {second + good, "", 1},
		"unsigned":                {plain, "no DKIM signature", 0},
		"a stranger's":            {signer{domain: "evil.net"}.sign(t, evil, plain), "not aligned with", 0},
		"forged with another key": {signer{domain: "example.com"}.sign(t, evil, plain), "not valid", 1},
		"the domain above":        {signer{domain: "com"}.sign(t, key, plain), "not aligned with", 0},
		"From changed":            {strings.Replace(good, "RTMT <rtmt@", "rtmt <x@", 1), "not valid", 1},
		"subject changed":         {strings.Replace(good, "ALERT-c", "ALERT-d", 1), "not valid", 1},
		"second subject on top":   {"Subject: [RTMT-ALERT-d] x\r\n" + good, "2 fields subject", 0},
		"second From":             {"From: x@evil.net\r\n" + good, "2 From fields", 0},
		"body changed":            {good + "more\r\n", "not valid", 1},
		"partial body":            {strings.Replace(good, "DKIM-Signature: a=", "DKIM-Signature: l=0; a=", 1), "part of the body", 1},
		"expired":                 {signer{domain: "example.com", expire: time.Now().Add(-time.Hour)}.sign(t, key, plain), "expired", 0},
		"not yet expired":         {signer{domain: "example.com", expire: time.Now().Add(time.Hour)}.sign(t, key, plain), "", 1},
		"subject not covered":     {signer{domain: "example.com", fields: []string{"From", "Date"}}.sign(t, key, plain), "does not cover Subject (h=From:Date)", 1},
		"date not covered":        {signer{domain: "example.com", fields: []string{"From", "Subject"}}.sign(t, key, plain), "does not cover Date (h=From:Subject)", 1},
		"no date":                 {signer{domain: "example.com"}.sign(t, key, from+rest), "no Date", 1},
		"date added":              {"Date: Tue, 03 Mar 2026 09:14:36 -0500\r\n" + signer{domain: "example.com", fields: []string{"From", "Subject"}}.sign(t, key, from+rest), "does not cover Date", 1},
		"second date":             {"Date: Tue, 03 Mar 2026 09:14:36 -0500\r\n" + good, "2 fields date", 0},
		"second date below":       {strings.Replace(good, "\r\n\r\n", "\r\nDate: Tue, 03 Mar 2026 09:14:36 -0500\r\n\r\n", 1), "2 fields date", 0},
		"date in two fields":      {strings.Replace(good, "Date:", "Date : Tue, 03 Mar 2026 09:14:36 -0500\r\nDate:", 1), "2 fields date", 0},
		"key for tests":           {signer{domain: "test.example.com"}.sign(t, key, plain), "tests only", 1},
	} {
		t.Run(name, func(t *testing.T) {
			z := &zoneOf{txt: map[string]string{"s1._domainkey.example.com": record, "s1._domainkey.mail.example.com": record, "s1._domainkey.com": record,
				"s1._domainkey.evil.net": evilRecord, "s1._domainkey.test.example.com": record + "; t=s:y"}}
			r := Rule{Check: DKIM, Domains: []string{"example.com"}, LookupTXT: z.lookup}
			v := judge(r, c.mail)
			if v.OK != (c.why == "") || !strings.Contains(v.Why, c.why) || v.Temporary {
				t.Errorf("%+v, want %q", v, c.why)
			}
			if len(z.asked) != c.asks {
				t.Errorf("looked up %v, want %d", z.asked, c.asks)
			}
			z.down = true
			if v := judge(r, c.mail); v.OK || v.Temporary != (c.asks > 0) {
				t.Errorf("without the DNS: %+v", v)
			}
		})
	}
	r := Rule{Check: DKIM, Domains: []string{"example.com"}, LookupTXT: (&zoneOf{}).lookup}
	if v := r.Judge(t.Context(), []byte(good), true); v.OK || !strings.Contains(v.Why, "too long") {
		t.Errorf("truncated: %+v", v)
	}
	if v := judge(r, good); v.OK || v.Temporary || !strings.Contains(v.Why, "no key") {
		t.Errorf("a key that is not there: %+v", v)
	}
}

// A resolver that never answers is given up.
func TestLookupIsBounded(t *testing.T) {
	key, _ := newKey(t)
	mail := signer{domain: "example.com"}.sign(t, key, from+rest)
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan time.Time, 1)
	r := Rule{Check: DKIM, Domains: []string{"example.com"}, LookupTXT: func(ctx context.Context, name string) ([]string, error) {
		until, _ := ctx.Deadline()
		asked <- until
		cancel()
		<-ctx.Done()
		return nil, &net.DNSError{Err: ctx.Err().Error(), Name: name, IsTimeout: true}
	}}
	v := r.Judge(ctx, []byte(mail), false)
	if until := <-asked; until.IsZero() || time.Until(until) > LookupLimit || !v.Temporary {
		t.Errorf("deadline %v, %+v", until, v)
	}
}

// Where the Message-ID is not signed the same mail has the same ID with any, and with
// white space that the signature leaves open; another mail has another.
func TestIDBySignedParts(t *testing.T) {
	key, record := newKey(t)
	plain := "Message-ID: <first@x>\n" + from + "Date: Mon, 02 Mar 2026 09:14:36 -0500\n" + rest
	z := &zoneOf{txt: map[string]string{"s1._domainkey.example.com": record}}
	r := Rule{Check: DKIM, Domains: []string{"example.com"}, LookupTXT: z.lookup}
	good := signer{domain: "example.com"}.sign(t, key, plain)
	want := judge(r, good)
	if !want.OK || len(want.ID) != 64 {
		t.Fatalf("%+v", want)
	}
	for name, mail := range map[string]string{
		"another Message-ID": strings.Replace(good, "<first@x>", "<second@x>", 1),
		"none":               strings.Replace(good, "Message-ID: <first@x>\r\n", "", 1),
		"white space":        strings.Replace(good, "Subject: [RTMT-ALERT-c] ", "subject:  [RTMT-ALERT-c]\r\n   ", 1) + "\r\n\r\n",
		"other fields":       "Content-Type: text/plain; charset=utf-7\r\nTo: x@y\r\n" + good,
	} {
		if v := judge(r, mail); !v.OK || v.ID != want.ID {
			t.Errorf("%s: %+v, want ID %s", name, v, want.ID)
		}
	}
	for name, mail := range map[string]string{
		"subject": signer{domain: "example.com"}.sign(t, key, strings.Replace(plain, "ALERT-c", "ALERT-d", 1)),
		"date":    signer{domain: "example.com"}.sign(t, key, strings.Replace(plain, "09:14:36", "09:14:37", 1)),
		"body":    signer{domain: "example.com"}.sign(t, key, plain+"more\n"),
	} {
		if v := judge(r, mail); !v.OK || v.ID == want.ID {
			t.Errorf("another %s: %+v", name, v)
		}
	}
	if v := judge(r, (signer{domain: "example.com", fields: []string{"From", "Subject", "Date", "Message-ID"}}).sign(t, key, plain)); !v.OK || v.ID != "" {
		t.Errorf("signed Message-ID: %+v", v)
	}
	z.down = true
	if v := judge(r, strings.Replace(good, "<first@x>", "<third@x>", 1)); !v.Temporary || v.ID != want.ID {
		t.Errorf("without the DNS: %+v", v)
	}
}
