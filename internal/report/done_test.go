package report

import (
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
)

// Problem reports that came or were asked for, and resets with what became of them, are on the
// page, each with its phone; without any there is no such section.
func TestProblemReportsAndResets(t *testing.T) {
	w := onePhone()
	if page := string(pageOf(t, w)); strings.Contains(page, "Problem reports and resets") {
		t.Fatal("a section about nothing")
	}
	p := &w.r.Phones[0]
	at := time.Date(2026, 3, 2, 15, 4, 5, 0, time.UTC)
	ended := at.Add(2 * time.Minute)
	p.PRTAsked = &at
	w.r.Resets = []evidence.Reset{
		{Device: p.Device, By: "alice <admin>", At: at, PRT: "received", State: evidence.ResetBack, Ended: &ended, Lines: []evidence.ResetLine{{Number: "7042", Status: "Registered"}, {Number: "7043", Status: "Registered"}}},
		{Device: "SEPFFFFFFFFFFFF", By: "bob", At: at, PRT: "none", Why: "no upload URL", State: evidence.ResetNotBack, Lines: []evidence.ResetLine{{Number: "7099", Status: "UnRegistered"}}},
		{Device: p.Device, By: "bob", At: at, PRT: "none", State: evidence.ResetFailed, Error: "CUCM says <no>"},
	}
	page := string(pageOf(t, w))
	for _, want := range []string{"Problem reports and resets", "asked for its problem report", "it is not in this bundle", "alice &lt;admin&gt;", "received before", "all its lines are registered again",
		"7042 Registered, 7043 Registered", "none: no upload URL", "not all its lines came back", "7099 UnRegistered", "CUCM did not do it: CUCM says &lt;no&gt;", "SEPFFFFFFFFFFFF<td>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	p.PRTReceived = &at
	w.r.PRTs = []evidence.PRT{{Device: p.Device, Path: "prt/x-1.tar.gz", Received: at, From: "10.0.30.2", Bytes: 12345}}
	for range 2 * maxDone {
		w.r.Resets = append(w.r.Resets, w.r.Resets[0])
	}
	page = string(pageOf(t, w))
	for _, want := range []string{"prt/x-1.tar.gz", "10.0.30.2", ">" + p.Device + "</a><td>", "103 more rows"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "it is not in this bundle") {
		t.Error("the report that came is missed")
	}
}
