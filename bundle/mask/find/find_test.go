package find

import (
	"strings"
	"testing"
)

// FuzzScan: hits are in order, none touches another, and each lies within the text; with
// something known as well as without. What was seen before is found again as it was.
func FuzzScan(f *testing.F) {
	f.Add(`2026-03-02T09:00:03.626-05:00 expc01 tvcs: From: "A" <sip:alice01:pw@h.corp.com> x=%61lice01 YWxpY2UwMUBjb3JwLmNvbQ==`, true)
	f.Add("Authorization: Digest a=\"b\",\n  c=d\n\"users\":[\"x\",\"\\u0061\"] 00:eb:d5:d5:d8:c6 fe80::1 =61=6C", false)
	f.Add("Host: a.b.com, Host: a.b.com: sip:u@a.b.com x@a.b.com SIP/2.0/TLS sepa.b.com csfx.b.com csfx.b.com", true)
	f.Add("dn=\"CN=/a\" dc==b OU=+c", true)
	given := [Classes]map[string]string{Names: {"alice01": "x"}, MACs: {"00ebd5d5d8c6": "x"}, Addrs: {"10.0.0.1": "x"}}
	known := NewDictionary(&given, map[string]bool{"corp.com": true}, false)
	f.Fuzz(func(t *testing.T, text string, log bool) {
		for _, d := range []*Dictionary{nil, known} {
			hits, lengths := Scan([]byte(text), Options{Log: log, Identities: true, Known: d, Domains: map[string]bool{}}, nil)
			sameAsBefore(t, &Memory{}, strings.Repeat(text+"\n", 3), Options{Log: log, Identities: true, Known: d})
			at := int32(0)
			for _, h := range hits {
				if h.From < at || h.To <= h.From || int(h.To) > len(text) || h.Class == None || h.Rule == ruleNone {
					t.Fatalf("%+v after %d in %q", h, at, text)
				}
				at = h.To
			}
			for _, l := range lengths {
				if l.Value.From < 0 || l.Value.To > l.Body.From || l.Body.To > len(text) || strings.Trim(text[l.Value.From:l.Value.To], "0123456789%&#;x\\u") != "" {
					t.Fatalf("%+v in %q", l, text)
				}
			}
		}
	})
}
