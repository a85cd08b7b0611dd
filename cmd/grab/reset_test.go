package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/lab/cucmlab"
)

// TestReset: a phone is reset by CUCM's second account, after a yes and with a reason where its
// problem report is lacking; without these nothing is.
func TestReset(t *testing.T) {
	t.Parallel()
	const device = "SEP001122334455"
	record := cucmlab.Record{Device: device, Node: "cucm01", Status: "PartiallyRegistered", Since: time.Now().Add(-time.Minute), IP: "10.0.30.2",
		Lines: []cucmlab.LineState{{Number: "7042", Status: "Registered"}, {Number: "7043", Status: "UnRegistered"}}}
	cluster, err := cucmlab.New(t.Context(), cucmlab.Config{Records: []cucmlab.Record{record}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cluster.Close() })

	c := newLab(t, two()...)
	look, axl := cluster.Account(cucmlab.RoleRealtime), cluster.Account(cucmlab.RoleAXL)
	c.File("cucm.secret", look.Password)
	c.File("axl.secret", axl.Password)
	c.File("cucm-ca.pem", string(cluster.CAPEM()))
	entry := fmt.Sprintf("cluster: Main, publisher: %q, user: %s, password: {file: cucm.secret}, ca_file: cucm-ca.pem, proxy: none, traces: false", cluster.Nodes()[0].Addr(), look.User)
	c.Extra = "cucm: [{" + entry + "}]\n"
	c.Write()
	c.Replace("  - name: hq\n", "  - name: hq\n    cucm: [Main]\n")
	if r := c.grab("now", "--before", "20s"); r.code != 0 {
		t.Fatal(r)
	}
	if r := c.grab("reset", "@last", "--yes", "--without-prt", "a test"); r.code == 0 || !strings.Contains(r.err, "not configured") {
		t.Errorf("without reset: %s", r)
	}
	c.Replace("traces: false", fmt.Sprintf("traces: false, reset: {enabled: true, user: %s, password: {file: axl.secret}}", axl.User))
	for _, args := range [][]string{{"reset", "@last", "--yes"}, {"reset", "@last", "--without-prt", "a test"}} { // no report, no yes
		if r := c.grab(args...); r.code == 0 {
			t.Errorf("%q: %s", args, r)
		}
	}
	if got := cluster.Resets(); len(got) > 0 {
		t.Fatalf("%q were reset", got)
	}
	r := c.grab("reset", "@last", "--yes", "--without-prt", "a test")
	if got := cluster.Resets(); r.code != 0 || !slices.Equal(got, []string{device}) {
		t.Errorf("%q were reset: %s", got, r)
	}
	if text := r.out + r.err; !strings.Contains(text, "7043") || !strings.Contains(text, device) {
		t.Errorf("who is affected is not shown: %s", r)
	}
}
