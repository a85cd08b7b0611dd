package mailauth

import (
	"context"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/authres"

	"rtmtgrab/internal/mailheader"
)

var byResults = Rule{Check: Results, AuthServID: "mx.example.com", Domains: []string{"example.com"}}

const (
	ours  = "Authentication-Results: mx.example.com; "
	from  = "From: RTMT <rtmt@example.com>\n"
	rest  = "Subject: [RTMT-ALERT-c] PartiallyRegisteredPhone\n\nbody\n"
	hop   = "Received: from x by mx.example.com; Mon, 2 Mar 2026 14:14:38 +0000\n"
	pass  = "dmarc=pass header.from=example.com"
	alien = "Authentication-Results: mx.elsewhere.net; dmarc=pass header.from=example.com\n"
)

func judge(r Rule, mail string) Verdict {
	return r.Judge(context.Background(), []byte(mail), false)
}

func TestResults(t *testing.T) {
	for name, c := range map[string]struct{ head, how string }{
		"dmarc":                       {ours + pass + "\n" + hop + from, "results: dmarc"},
		"dkim by d":                   {ours + "dkim=pass (2048-bit key) header.d=example.com header.b=\"a/b+=\"\n" + hop + from, "results: dkim"},
		"dkim by i":                   {ours + "dkim=pass header.i=@mail.example.com header.s=s header.b=FxRj/2uz=\n" + hop + from, "results: dkim"},
		"dkim of two, one is aligned": {ours + "dkim=pass header.d=relay.net; dkim=pass header.d=example.com\n" + from, "results: dkim"},
		"spf":                         {ours + "spf=pass (mx: domain of x designates) smtp.mailfrom=bounce@mail.example.com smtp.helo=a\n" + from, "results: spf"},
		"spf of a domain":             {ours + "spf=pass smtp.mailfrom=example.com\n" + from, "results: spf"},
		"quoted mailfrom":             {ours + "spf=pass smtp.mailfrom=\"a;b c\"@example.com\n" + from, "results: spf"},
		"version, folded, LF":         {"Authentication-Results: mx.example.com 1;\n\tdkim/1=PASS\n  header.d=EXAMPLE.com; dmarc=none\n" + from, "results: dkim"},
		"folded, CR LF":               {strings.ReplaceAll(ours+"\n dkim=pass\n header.d=example.com;\n dmarc=pass(p=none)\n header.from=example.com\n"+from, "\n", "\r\n"), "results: dkim"},
		"name in other letters":       {"AUTHENTICATION-results : mx.example.com; " + pass + "\n" + from, "results: dmarc"},
		"nested comment":              {ours + "dmarc=pass (a (b) \\) ; dmarc=fail) header.from=example.com\n" + from, "results: dmarc"},
		"subdomain of From":           {ours + "dkim=pass header.d=example.com\nFrom: rtmt@cucm.example.com\n", "results: dkim"},
		"genuine above foreign":       {ours + pass + "\n" + alien + hop + from, "results: dmarc"},
		"Google":                      {"Authentication-Results: mx.example.com;\n       dkim=pass header.i=@example.com header.s=20230601 header.b=Xq1+/w;\n       spf=pass (google.com: domain of a@example.com designates 1.2.3.4 as permitted sender) smtp.mailfrom=a@example.com;\n       dmarc=pass (p=NONE sp=NONE dis=NONE) header.from=example.com;\n       dara=neutral header.i=@example.com\n" + from, "results: dkim"},
		"display name of a stranger":  {ours + pass + "\nFrom: \"evil@evil.net\" <rtmt@example.com> (evil@evil.net)\n", "results: dmarc"},
		"unknown charset in a name":   {ours + pass + "\nFrom: =?klingon?q?x?= <rtmt@example.com>\n", "results: dmarc"},
	} {
		if v := judge(byResults, c.head+rest); !v.OK || v.How != c.how {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// What a forger may send is refused, each kind for its own reason.
func TestForged(t *testing.T) {
	for name, c := range map[string]struct{ head, why string }{
		"none at all":                       {hop + from, "no Authentication-Results"},
		"own id below a foreign one":        {alien + ours + pass + "\n" + from, "is of \"mx.elsewhere.net\""},
		"without any genuine":               {hop + ours + pass + "\n" + from, "below Received lines (1)"},
		"below two":                         {hop + hop + ours + pass + "\n" + from, "hops: 2"},
		"duplicate below a genuine fail":    {ours + "dmarc=fail header.from=example.com\n" + ours + pass + "\n" + from, "dmarc=fail"},
		"duplicate below a genuine none":    {ours + "none\n" + ours + pass + "\n" + from, "has no result"},
		"other case":                        {"Authentication-Results: MX.example.com; " + pass + "\n" + from, "is of \"MX.example.com\""},
		"suffix":                            {"Authentication-Results: mx.example.com.evil.net; " + pass + "\n" + from, "is of"},
		"prefix":                            {"Authentication-Results: amx.example.com; " + pass + "\n" + from, "is of"},
		"homoglyph":                         {"Authentication-Results: mx.ex\u0430mple.com; " + pass + "\n" + from, "is of"},
		"trailing dot":                      {"Authentication-Results: mx.example.com.; " + pass + "\n" + from, "is of"},
		"quoted id":                         {"Authentication-Results: \"mx.example.com\"; " + pass + "\n" + from, "does not begin with a server"},
		"comment before the id":             {"Authentication-Results: (x) mx.example.com; " + pass + "\n" + from, "does not begin with a server"},
		"comment in the id":                 {"Authentication-Results: mx.(x)example.com; " + pass + "\n" + from, "does not begin with a server"},
		"comment behind the id":             {"Authentication-Results: mx.example.com (x); " + pass + "\n" + from, "does not begin with a server"},
		"other version":                     {"Authentication-Results: mx.example.com 2; " + pass + "\n" + from, "does not begin with a server"},
		"no id, as Microsoft 365":           {"Authentication-Results: spf=pass (sender IP is 1.2.3.4) smtp.mailfrom=example.com; " + pass + "\n" + from, "Microsoft 365"},
		"ARC":                               {"ARC-Authentication-Results: i=1; mx.example.com; " + pass + "\n" + from, "no Authentication-Results"},
		"another field's name":              {"X-Authentication-Results: mx.example.com; " + pass + "\n" + from, "no Authentication-Results"},
		"in a comment":                      {ours + "dkim=fail (dmarc=pass header.from=example.com; dkim=pass header.d=example.com) header.d=example.com\n" + from, "without a pass"},
		"in a reason":                       {ours + "dkim=fail reason=\"x; dkim=pass header.d=example.com; dmarc=pass header.from=example.com\"\n" + from, "without a pass"},
		"in a reason, folded":               {ours + "dkim=fail reason=\"x;\n dkim=pass header.d=example.com\"\n" + from, "without a pass"},
		"open comment":                      {ours + "dkim=fail (; " + pass + "\n" + from, "comment has no end"},
		"open string":                       {ours + "dkim=fail reason=\"; " + pass + "\n" + from, "string has no end"},
		"comment as part of d":              {ours + "dkim=pass header.d=example.com(.evil.net\n" + from, "runs into"},
		"whole comment as part of d":        {ours + "dkim=pass header.d=example.com(.evil.net)\n" + from, "runs into"},
		"string as part of d":               {ours + "dkim=pass header.d=example.com\".evil.net\"\n" + from, "runs into"},
		"apostrophe in mailfrom":            {ours + "spf=pass smtp.mailfrom=any@example.com'@a.evil.net\n" + from, "without a pass"},
		"mailfrom with two @":               {ours + "spf=pass smtp.mailfrom=\"rtmt@example.com\"@evil.net\n" + from, "without a pass"},
		"mailfrom of another domain":        {ours + "spf=pass smtp.mailfrom=x@evil.net\n" + from, "without a pass"},
		"helo alone":                        {ours + "spf=pass smtp.helo=example.com\n" + from, "without a pass"},
		"d of the attacker":                 {ours + "dkim=pass header.d=evil.net\n" + from, "without a pass"},
		"d aligned, i not":                  {ours + "dkim=pass header.d=example.com header.i=@evil.net\n" + from, "without a pass"},
		"d given twice":                     {ours + "dkim=pass header.d=evil.net header.d=example.com\n" + from, "without a pass"},
		"d that only ends so":               {ours + "dkim=pass header.d=evilexample.com\n" + from, "without a pass"},
		"d below another":                   {ours + "dkim=pass header.d=example.com.evil.net\n" + from, "without a pass"},
		"d above":                           {ours + "dkim=pass header.d=com\n" + from, "without a pass"},
		"d with a dot at its end":           {ours + "dkim=pass header.d=example.com.\n" + from, "without a pass"},
		"d with a Kelvin sign":              {"Authentication-Results: mx.example.com; dkim=pass header.d=example.com\nFrom: rtmt@\u212aexample.com\n", ""},
		"dmarc of another From":             {ours + "dmarc=pass header.from=evil.net\n" + from, "without a pass"},
		"dmarc of a subdomain":              {ours + "dmarc=pass header.from=x.example.com\n" + from, "without a pass"},
		"dmarc without From":                {ours + "dmarc=pass\n" + from, "without a pass"},
		"dmarc twice":                       {ours + "dmarc=pass header.from=example.com; dmarc=none\n" + from, "without a pass"},
		"dmarc fails, spf passes":           {ours + "spf=pass smtp.mailfrom=example.com; dmarc=fail header.from=example.com\n" + from, "dmarc=fail"},
		"passing, passed, pass-ed":          {ours + "dmarc=passed header.from=example.com; dkim=pass-ed header.d=example.com\n" + from, "without a pass"},
		"junk words":                        {ours + "all is well; " + pass + "\n" + from, "words that are not results"},
		"not of the domain":                 {ours + "dmarc=pass header.from=evil.net\nFrom: rtmt@evil.net\n", "not in alerts.authenticity.domains"},
		"two From fields":                   {ours + pass + "\n" + from + "From: x@evil.net\n", "2 From fields"},
		"two From fields, one with a space": {ours + pass + "\n" + from + "From : x@evil.net\n", "2 From fields"},
		"no From":                           {ours + pass + "\n", "0 From fields"},
		"two addresses":                     {ours + pass + "\nFrom: rtmt@example.com, x@evil.net\n", "exactly one address"},
		"a group":                           {ours + pass + "\nFrom: x:rtmt@example.com;\n", "exactly one address"},
		"an address as a name":              {ours + pass + "\nFrom: \"rtmt@example.com\" <x@evil.net>\n", "not in alerts.authenticity.domains"},
		"an address in an encoded word":     {ours + pass + "\nFrom: =?utf-8?Q?rtmt=40example.com?= <x@evil.net>\n", "not in alerts.authenticity.domains"},
		"an encoded word alone":             {ours + pass + "\nFrom: =?utf-8?Q?rtmt=40example.com?=\n", "exactly one address"},
		"an address in a comment":           {ours + pass + "\nFrom: x@evil.net (<rtmt@example.com>)\n", "not in alerts.authenticity.domains"},
		"an address in the local part":      {ours + pass + "\nFrom: \"rtmt@example.com\"@evil.net\n", "not in alerts.authenticity.domains"},
		"a source route":                    {ours + pass + "\nFrom: <@example.com:x@evil.net>\n", "exactly one address"},
		"a lone CR":                         {"X: a\r" + ours + pass + "\n" + from, "header does not end, or has"},
		"a NUL":                             {"X: a\x00\n" + ours + pass + "\n" + from, "header does not end, or has"},
	} {
		v := judge(byResults, c.head+rest)
		if v.OK || v.Why == "" || !strings.Contains(v.Why, c.why) {
			t.Errorf("%s: %+v, want %q", name, v, c.why)
		}
	}
}

func TestHops(t *testing.T) {
	r := byResults
	r.Hops = 1
	if v := judge(r, hop+ours+pass+"\n"+from+rest); !v.OK {
		t.Errorf("below one: %+v", v)
	}
	if v := judge(r, hop+hop+ours+pass+"\n"+from+rest); v.OK {
		t.Errorf("below two: %+v", v)
	}
	// What a server wrote stands above what it was sent, genuine or not.
	if v := judge(r, hop+ours+"dmarc=fail header.from=example.com\n"+ours+pass+"\n"+from+rest); v.OK {
		t.Errorf("a forged one below the genuine: %+v", v)
	}
}

func TestFrom(t *testing.T) {
	r := Rule{From: []string{"rtmt@example.com", "@cisco.example"}}
	for head, want := range map[string]bool{
		"From: rtmt@example.com\n":                               true,
		"From: RTMT@Example.COM\n":                               true,
		"from: \"CUCM, of hq: one;\" <rtmt@example.com>\n":       true,
		"From: rtmt@example.com (a, b: c;)\n":                    true,
		"From: x@cisco.example\n":                                true,
		"From: x@ci\u017fco.example\n":                           false, // a long s, which Unicode folds to s
		"From: x@sub.cisco.example\n":                            false,
		"From: x@cisco.example.evil.net\n":                       false,
		"From: @cisco.example\n":                                 false,
		"From: \"rtmt@example.com\" <x@evil.net>\n":              false,
		"From: rtmt@example.com\nFrom: rtmt@example.com\n":       false,
		"From: rtmt@example.com, rtmt@example.com\n":             false,
		"From: <x@evil.net> rtmt@example.com\n":                  false,
		"From: rtmt@example.com <x@evil.net>\n":                  false,
		"From: rtmt@example.com (\n":                             false,
		"Sender: rtmt@example.com\nReply-To: rtmt@example.com\n": false,
	} {
		if v := judge(r, head+rest); v.OK != want || v.Why == "" || !v.OK && v.How != "" {
			t.Errorf("%q: %+v", head, v)
		}
	}
	if v := judge(Rule{}, "no header"); !v.OK || v.Why != "" || (Rule{Check: None}).Judges() {
		t.Errorf("a rule that says nothing: %+v", v)
	}
	idn := Rule{From: []string{"rtmt@b\u00fccher.example"}}
	if !judge(idn, "From: rtmt@b\u00fccher.example\n"+rest).OK || judge(idn, "From: rtmt@xn--bcher-kva.example\n"+rest).OK {
		t.Error("names of other letters compare as they are written")
	}
	if v := judge(Rule{From: []string{"@com"}, Check: Results, AuthServID: "mx.example.com"}, ours+pass+"\n"+from+rest); v.OK {
		t.Errorf("@com is nobody's domain: %+v", v)
	}
}

// Why results are not read by the library's parser.
func TestLenientParser(t *testing.T) {
	_, list, err := authres.Parse("mx.example.com; dkim=fail reason=\"x; dkim=pass header.d=example.com \"")
	found := false
	for _, x := range list {
		d, ok := x.(*authres.DKIMResult)
		found = found || ok && d.Value == authres.ResultPass && d.Domain == "example.com"
	}
	if !found {
		t.Errorf("the library has learned to read quoted strings: %v, %v", list, err)
	}
}

// Whatever is put below a header field that counts, or in place of it by someone
// else, never makes a pass.
func FuzzBelow(f *testing.F) {
	for _, s := range []string{ours + pass, alien + ours + pass, hop + ours + pass, "(", "\" " + pass, "X: \r\n" + ours + pass, " folded; " + pass, "\n\n", from + ours + pass, ")" + pass + "("} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, top := range []string{
			hop, alien, ours + "dkim=fail header.d=example.com; dmarc=fail header.from=example.com\n",
			ours + "spf=softfail smtp.mailfrom=a@example.com\n", ours + "none\n", "Authentication-Results: \"mx.example.com\"; none\n",
		} {
			if strings.HasPrefix(s, " ") || strings.HasPrefix(s, "\t") {
				s = "X:" + s // a server's own field ends where it ends
			}
			if v := judge(byResults, top+s+"\n"+from+rest); v.OK {
				t.Fatalf("%q below %q: %+v", s, top, v)
			}
		}
		good := ours + pass + "\n" + hop + from
		v := judge(byResults, good+"X: "+s+"\n"+rest)
		if h := mailheader.Read([]byte(good + "X: " + s + "\n" + rest)); h.Whole && len(h.All("from")) == 1 && !v.OK {
			t.Fatalf("%q below a genuine pass: %+v", s, v)
		}
		parseResults(s)
		if id, list, err := parseResults("mx.example.com; dkim=fail reason=\"" + strings.NewReplacer("\\", "", "\"", "").Replace(s) + "\""); err != nil || id != "mx.example.com" || len(list) != 1 || list[0].value != "fail" {
			t.Fatalf("a reason became results: %v, %v", list, err)
		}
	})
}
