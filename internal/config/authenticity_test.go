package config

import (
	"slices"
	"strings"
	"testing"
)

func TestAuthenticity(t *testing.T) {
	a := mustLoad(t, minimal).Alerts
	if a.Authenticity.Check != CheckNone || a.Limit != 12 {
		t.Errorf("by default %+v", a)
	}
	a = mustLoad(t, "alerts: {limit: 0, authenticity: {check: results, authserv_id: Mx_1.example.com/7, hops: 2, domains: [Example.COM]}}\n"+minimal).Alerts
	if a.Limit != 0 || a.Authenticity.AuthServID != "Mx_1.example.com/7" || a.Authenticity.Hops != 2 || !slices.Equal(a.Authenticity.Domains, []string{"example.com"}) {
		t.Errorf("%+v", a)
	}
	for text, want := range map[string]string{
		"{limit: 1001}":                 "alerts.limit: must be at most 1000",
		"{limit: -1}":                   "alerts.limit: \"-1\" is not a whole number",
		"{limit: 1KiB}":                 "is not a whole number",
		"{authenticity: {check: spf}}":  "one of none, results, dkim; got",
		"{authenticity: {check: dkim}}": "set alerts.from or",
		"{from: [\"@a.b\"], authenticity: {check: results}}":                                "authserv_id: required key is missing",
		"{from: [\"@a.b\"], authenticity: {check: results, authserv_id: \"\"}}":             "the value is empty",
		"{from: [\"@a.b\"], authenticity: {check: results, authserv_id: \"a; b\"}}":         "not the name of a server",
		"{from: [\"@a.b\"], authenticity: {check: results, authserv_id: a, hops: 11}}":      "hops: must be at most 10",
		"{authenticity: {check: results, authserv_id: a, domains: [\"@a.b\"]}}":             "is not a domain",
		"{authenticity: {check: results, authserv_id: a, domains: [a.b.]}}":                 "is not a domain",
		"{authenticity: {check: results, authserv_id: a, domains: [\"a.b\"], resolver: x}}": "unknown key",
	} {
		_, err := Options{MissingSecrets: true, MissingKnownHosts: true}.parse("x", "/x", []byte("alerts: "+text+"\n"+minimal))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
