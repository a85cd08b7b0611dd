package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration"
)

// TestCUCMColumn: what CUCM's own records say is on the page and in the CSV: its column of the
// ladder, its alarms, the lines one by one, its files, and what it contradicts.
func TestCUCMColumn(t *testing.T) {
	w := onePhone()
	p := &w.r.Phones[0]
	tr := &p.Transactions[0]
	at := tr.At.Add(40 * time.Millisecond)
	proof := w.proof("cucm01", at, "00004003.002 |14:00:00.040 |AppInfo  |SIPTcp - wait_SdlReadRsp: Incoming SIP TCP message\n", "REGISTER arrived")
	tr.AtCUCM = &registration.AtNode{Node: "cucm01", Arrived: &at, Answered: &at, Code: 200}
	tr.Hops = append(tr.Hops, registration.Hop{Time: at, From: registration.AtCUCM, To: registration.AtCUCM, What: "REGISTER arrived", Node: "cucm01", Proofs: []registration.Proof{proof}},
		registration.Hop{Time: at, From: registration.AtCUCM, To: registration.AtCUCM, What: "dropped the device (reason 13, KeepAliveTimeout)", Node: "cucm01", Proofs: []registration.Proof{proof}})
	p.CUCMEvents = []registration.CUCMEvent{{Time: at, Node: "cucm01", What: "unregistered", Alarm: "EndPointUnregistered", Reason: 13, ReasonText: "reason 13, KeepAliveTimeout", Proof: proof}}
	p.Contradictions = []string{"CUCM had it <all the time>."}
	p.CUCMPhone = &evidence.CUCMPhone{Description: "Reception & home", Lines: []evidence.CUCMLine{{Number: "7042", Status: "Registered"}, {Number: "7043", Status: "UnRegistered"}}}
	w.r.Contradictions = []registration.Contradiction{{Device: p.Device, What: p.Contradictions[0]}}
	w.r.CUCM = []registration.CUCMNode{{Node: "cucm01", SIPTrace: true, Files: []registration.CUCMTraceFile{{Kind: "sdl", File: "cucm/cucm01/sdl.txt", Records: 1234, First: &at, Last: &at, Coverage: "complete"}}}}
	page := string(pageOf(t, w))
	for _, want := range []string{"Where CUCM's own records say otherwise", "CUCM had it &lt;all the time&gt;.", "cucm/cucm01/sdl.txt", "7042 up, 7043 down", "Reception &amp; home",
		"cucm01&#39;s own trace", "a33 m4", "a33 m0", "dropped the device (reason 13, KeepAliveTimeout)", "(reason 13, KeepAliveTimeout)"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	var b bytes.Buffer
	if err := CSV(&b, w.r); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "cucm01,"+moment(at)+","+moment(at)) {
		t.Errorf("the CSV lacks CUCM's column:\n%s", b.String())
	}
}
