package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const twoSites = "ssh: {key: {file: id_ecdsa}}\nsites:\n- {name: hq, hosts: [{name: c1, address: 10.0.0.1}]}\n- {name: west, clusters: [A], hosts: [{name: c2, address: 10.0.0.2}]}\n"

func TestRouting(t *testing.T) {
	cfg := mustLoad(t, `
window: {before: 10m, after: 3m}
alerts:
  kinds:
    - {name: trunk, match: SIPTrunkOOS, window: {before: 1m}, families: [network_log]}
    - {name: other, match: x}
routes:
  - {to: "rtmt+HQ@Example.com", kind: Trunk, sites: [HQ, west, third]}
  - {kind: partial, sites: [west]}
ssh: {key: {file: id_ecdsa}}
sites:
- {name: hq, hosts: [{name: c1, address: 10.0.0.1}], quiet: [{days: [Sat, sun], from: "22:00", to: "06:00", reason: r}, {days: [mon]}]}
- {name: west, hosts: [{name: c2, address: 10.0.0.2}]}
- {name: third, hosts: [{name: c3, address: 10.0.0.3}]}
`[1:])
	k := cfg.Alerts.Kinds
	if got := fmt.Sprint(k[0].Name, k[0].Window, k[0].Families, k[1].Window, k[1].Families); got != "trunk{1m0s 3m0s} [network_log] {10m0s 3m0s} []" {
		t.Error(got)
	}
	if r := cfg.Routes[0]; !slices.Equal(r.Sites, []string{"hq", "west", "third"}) || r.Kind != "trunk" {
		t.Errorf("%+v", r)
	}
	q := cfg.Sites[0].Quiet
	if !slices.Equal(q[0].Days, []time.Weekday{time.Saturday, time.Sunday}) || q[0].From != 22*time.Hour || q[0].To != 6*time.Hour || q[1].From != 0 || q[1].To != 24*time.Hour {
		t.Errorf("%+v", q)
	}
}

func TestRoutingFaults(t *testing.T) {
	for text, want := range map[string]string{
		"alerts: {kinds: [{name: Partial, match: x}]}\n":                                                     "kinds[0].name: \"Partial\" is the name for what alerts.match matches",
		"alerts: {kinds: [{name: a, match: x}, {name: A, match: y}]}\n":                                      "kinds[1].name: \"A\" is used twice",
		"alerts: {kinds: [{name: a}]}\n":                                                                     "kinds[0].match: required key is missing",
		"alerts: {kinds: [{name: a, match: x, window: {before: 3h}}]}\n":                                     "kinds[0].window: before (3h) and after (5m) together are longer",
		"alerts: {kinds: [{name: a, match: x, families: [../x]}]}\n":                                         "kinds[0].families[0]: ",
		"mail: {server: h, user: u, password: {file: imap.secret}}\nroutes: [{folder: Inbx, sites: [hq]}]\n": "routes[0].folder: no mailbox in mail: watches \"Inbx\"",
		"routes: [{sites: [hq]}]\n":                                                                          "routes[0]: no condition",
		"routes: [{to: hq, sites: [hq]}]\n":                                                                  "routes[0].to: \"hq\" is not an address",
		"routes: [{kind: nothing, sites: [hq]}]\n":                                                           "routes[0].kind: unknown kind",
		"routes: [{kind: partial, sites: [hq, east]}]\n":                                                     "routes[0].sites[1]: unknown site \"east\"",
		"routes: [{kind: partial}]\n":                                                                        "routes[0].sites: no sites",
		"routes: [{kind: partial, sites: [hq, HQ]}]\n":                                                       "routes[0].sites[1]: \"HQ\" is used twice",
		"QUIET {days: [caturday]}":                                                                           "quiet[0].days[0]: must be one of sun",
		"QUIET {from: \"10:00\", to: \"10:00\"}":                                                             "quiet[0]: from and to are the same",
		"QUIET {from: \"9:00\"}":                                                                             "quiet[0].from: \"9:00\" is not a time of day",
		"QUIET {from: \"24:00\", to: \"02:00\"}":                                                             "quiet[0].from: 24:00 is not a start",
		"QUIET {reason: always}":                                                                             "quiet: the quiet hours cover the whole week",
		"QUIET {from: \"08:00\", to: \"20:00\"}, {from: \"20:00\", to: \"08:00\", days: [mon, tue]}, {from: \"19:00\", to: \"09:00\"}": "quiet: the quiet hours cover the whole week",
	} {
		whole := text + twoSites
		if q, ok := strings.CutPrefix(text, "QUIET "); ok {
			whole = strings.Replace(twoSites, "{name: hq,", "{name: hq, quiet: ["+q+"],", 1)
		}
		_, err := load(t, whole)
		var f Faults
		if !errors.As(err, &f) || len(f) != 1 || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v\nwant %s", text, err, want)
		}
	}
	mustLoad(t, strings.Replace(twoSites, "{name: hq,", "{name: hq, quiet: [{from: \"08:00\", to: \"07:59\"}],", 1))
}
