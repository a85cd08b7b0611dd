package alertmail

import (
	"encoding/json"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/testrace"
)

func utc(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

func newYork(t testing.TB) func(evidence.Alert) *time.Location {
	loc, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	return func(evidence.Alert) *time.Location { return loc }
}

const sentence1 = "2026-03-02T14:14:07Z"

// forwarded is a mail with another one in it, as an attachment.
func forwarded(mail []byte) []byte {
	return rtmt(multipart("Content-Type: text/plain\n\nsee the attachment", "Content-Type: message/rfc822\n\n"+string(mail)), "Subject", "FW: [RTMT-ALERT-StandAloneCluster]", "Content-Type", `multipart/mixed; boundary="=_b"`)
}

// TestVariants reads every kind of mail that RTMT and what lies between may make.
func TestVariants(t *testing.T) {
	for _, tc := range []struct {
		name    string
		raw     []byte
		node    string
		cluster string
		count   int // -1 means none
		when    string
		from    string
		alert   string // empty means PartiallyRegisteredPhone
	}{
		{name: "plain, family 1", raw: rtmt(family1)},
		{name: "plain, CR LF", raw: crlf(rtmt(family1))},
		{name: "family 2", raw: rtmt(family2), node: "cucm02.example.com"},
		{name: "html", raw: rtmt(toHTML(family1), "Content-Type", "text/html; charset=utf-8")},
		{name: "html family 2, wrapped in its source", raw: rtmt(strings.ReplaceAll(toHTML(family2), " is ", "\n  is\n"), "Content-Type", "text/html"), node: "cucm02.example.com"},
		{name: "html table", raw: rtmt("<table><tr><td>PartiallyRegisteredPhone</td><td>: 3</td></tr><tr><td>NodeID :</td><td>pub1</td></tr><tr><td>TimeStamp :</td><td>"+happened+"</td></tr></table>", "Content-Type", "text/html"), node: "pub1", from: evidence.TimeFromTimeStamp},
		{name: "quoted-printable", raw: rtmt(qp(strings.Repeat("=é ", 40)+family1), "Content-Type", "text/plain; charset=utf-8", "Content-Transfer-Encoding", "quoted-printable")},
		{name: "base64", raw: crlf(rtmt(b64(family1), "Content-Type", "text/plain; charset=utf-8", "Content-Transfer-Encoding", "base64"))},
		{name: "base64, Latin-1", raw: rtmt(b64("Geb\xe4ude\n"+family1), "Content-Type", "text/plain; charset=iso-8859-1", "Content-Transfer-Encoding", "base64")},
		{name: "Windows-1252 without saying so", raw: rtmt("Telefon \x80 \x96 gest\xf6rt\n" + family1)},
		{name: "multipart/alternative", raw: rtmt(multipart("Content-Type: text/plain\n\n"+family1, "Content-Type: text/html\n\n"+toHTML(family1)), "Content-Type", `multipart/alternative; boundary="=_b"`)},
		{name: "multipart, html alone", raw: crlf(rtmt(multipart("Content-Type: text/html\nContent-Transfer-Encoding: base64\n\n"+b64(toHTML(family1))), "Content-Type", `multipart/mixed; boundary="=_b"`))},
		{name: "multipart without its end", raw: rtmt(strings.TrimSuffix(multipart("Content-Type: text/plain\n\n"+family1), "--=_b--\n"), "Content-Type", `multipart/mixed; boundary="=_b"`)},
		{name: "multipart without boundary", raw: rtmt(multipart("Content-Type: text/plain\n\n"+family1), "Content-Type", "multipart/mixed")},
		{name: "forwarded as an attachment, base64", raw: forwarded(rtmt(b64(family1), "Content-Transfer-Encoding", "base64"))},
		{name: "forwarded as an attachment, quoted-printable", raw: forwarded(rtmt(strings.ReplaceAll(qp(family1), "PartiallyReg", "Partially=\nReg"), "Content-Transfer-Encoding", "quoted-printable"))},
		{name: "forwarded as an attachment, multipart", raw: crlf(forwarded(rtmt(strings.ReplaceAll(multipart("Content-Type: text/html\nContent-Transfer-Encoding: base64\n\n"+b64(toHTML(family1))), "=_b", "=_i"), "Content-Type", `multipart/alternative; boundary="=_i"`)))},
		{name: "forwarded twice", raw: rtmt(string(forwarded(rtmt(b64(family1), "Content-Transfer-Encoding", "base64"))), "Subject", "FW: alert", "Content-Type", "message/rfc822"), cluster: "none"},
		{name: "a type that is none", raw: rtmt(b64(family1), "Subject", "alert", "Content-Type", "text; charset", "Content-Transfer-Encoding", "base64"), cluster: "none"},
		{name: "a banner in base64 of its own before it", raw: rtmt(b64("EXTERNAL: beware")+b64(family1), "Content-Transfer-Encoding", "base64")},
		{name: "base64 with a comment", raw: rtmt(b64(family1), "Content-Transfer-Encoding", "base64 (of course)")},
		{name: "zone of an offset", raw: rtmt(strings.ReplaceAll(family1, "EST", "GMT-05:00"))},
		{name: "zone GMT+00:00", raw: rtmt(strings.ReplaceAll(family1, happened, "Mon Mar 02 14:14:07 GMT+00:00 2026"))},
		{name: "lying letters", raw: rtmt(strings.ReplaceAll(family1, "EST", "PST")), when: "2026-03-02T14:14:36Z", from: evidence.TimeFromDate},
		{name: "unknown letters", raw: rtmt(strings.ReplaceAll(family1, "EST", "XYZ")), when: "2026-03-02T14:14:36Z", from: evidence.TimeFromDate},
		{name: "node is an address", raw: rtmt(strings.ReplaceAll(family1, "node cucm01", "node 10.0.10.11")), node: "10.0.10.11"},
		{name: "node is an address, family 2", raw: rtmt(strings.ReplaceAll(family2, "cucm02.example.com", "10.0.10.11")), node: "10.0.10.11"},
		{name: "no cluster", raw: rtmt(family1, "Subject", "[RTMT-ALERT-] PartiallyRegisteredPhone"), cluster: "none"},
		{name: "cluster in the text", raw: rtmt(strings.Replace(family1, "ClusterID :", "ClusterID : Paris", 1), "Subject", "PartiallyRegisteredPhone"), cluster: "Paris"},
		{name: "administrator's text on top", raw: rtmt("Please call 555-0100 : at once.\nWe run on node 7.\n\n" + family1)},
		{name: "the other spelling", raw: rtmt(strings.ReplaceAll(family1, "PartiallyReg", "PartialReg"), "Subject", "[RTMT-ALERT-StandAloneCluster] PartialRegisteredPhone"), alert: "PartialRegisteredPhone"},
		{name: "a sibling", raw: rtmt(strings.ReplaceAll(family1, "PartiallyRegisteredPhone", "EncryptedPartiallyRegisteredPhones")), alert: "EncryptedPartiallyRegisteredPhones"},
		{name: "line ends of syslog", raw: rtmt(strings.ReplaceAll(family1, "\n", "#012"))},
		{name: "encoded subject", raw: rtmt("nothing", "Subject", "=?utf-8?B?W1JUTVQtQUxFUlQtUGFyaXNdIFBhcnRpYWxseVJlZ2lzdGVy?=\n =?utf-8?Q?edPhone?="), cluster: "Paris", node: "none", count: -1, when: "2026-03-02T14:14:36Z", from: evidence.TimeFromDate},
		{name: "subject alone, no Date", raw: rtmt("", "Date", ""), node: "none", count: -1, when: "2026-03-02T14:14:38Z", from: evidence.TimeFromReceived},
		{name: "neither Date nor Received", raw: rtmt("", "Date", "", "Received", ""), node: "none", count: -1, when: "2026-03-02T14:14:40Z", from: evidence.TimeFromInternal},
		{name: "a header line without colon", raw: append([]byte("From rtmt Mon\nX-Odd: 1\nthis is no header\n"), rtmt(family1)...)},
		{name: "header without end", raw: []byte("Date: Mon, 02 Mar 2026 09:14:36 -0500\nSubject: [RTMT-ALERT-StandAloneCluster] x\n" + family1)},
		{name: "part with a broken header", raw: rtmt(multipart("no header\n\n"+family1), "Content-Type", `multipart/mixed; boundary="=_b"`)},
		{name: "unknown transfer encoding", raw: rtmt(family1, "Content-Transfer-Encoding", "x-uuencode")},
		{name: "unknown charset", raw: rtmt(family1, "Content-Type", "text/plain; charset=klingon")},
		{name: "broken quoted-printable", raw: rtmt("100 =ZZ\n"+qp(family1), "Content-Transfer-Encoding", "quoted-printable")},
		{name: "date in 2099", raw: rtmt(strings.ReplaceAll(family1, "2026", "2099")), when: "2026-03-02T14:14:36Z", from: evidence.TimeFromDate},
		{name: "Date in 2099", raw: rtmt(family2, "Date", "Mon, 02 Mar 2099 09:14:36 -0500"), node: "cucm02.example.com"},
		{name: "everything in 2099", raw: rtmt(strings.ReplaceAll(family1, "2026", "2099"), "Date", "Mon, 02 Mar 2099 09:14:36 -0500", "Received", "by x; Mon, 2 Mar 2099 14:14:38 +0000"), when: "2026-03-02T14:14:40Z", from: evidence.TimeFromInternal},
		{name: "a sentence of yesterday", raw: rtmt(strings.ReplaceAll(family1, "Mar 02", "Mar 01")), when: "2026-03-02T14:14:36Z", from: evidence.TimeFromDate},
		{name: "Date in obsolete letters", raw: rtmt("", "Date", "Mon, 2 Mar 2026 09:14:36 EST"), node: "none", count: -1, when: "2026-03-02T14:14:36Z", from: evidence.TimeFromDate},
		{name: "Date in unknown letters", raw: rtmt("", "Date", "Mon, 2 Mar 2026 09:14:36 XST"), node: "none", count: -1, when: "2026-03-02T14:14:38Z", from: evidence.TimeFromReceived},
		{name: "alarm without a node", raw: rtmt("PartiallyRegisteredPhone (3) is over 0 threshold. The alarm is generated on " + happened + ".\nNodeID : pub1\n"), node: "pub1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, ok := (&Reader{}).Read(tc.raw, got)
			if !ok {
				t.Fatal("does not match")
			}
			want := func(field, got, want, usual string) {
				t.Helper()
				if want == "" {
					want = usual
				} else if want == "none" {
					want = ""
				}
				if got != want {
					t.Errorf("%s is %q, want %q (from %q, notes %q)", field, got, want, a.From[field], a.Notes)
				}
			}
			want("name", a.Name, tc.alert, "PartiallyRegisteredPhone")
			want("node", a.Node, tc.node, "cucm01")
			want("cluster", a.Cluster, tc.cluster, "StandAloneCluster")
			want("time", a.Time.Format(time.RFC3339), tc.when, sentence1)
			want("time_from", a.TimeFrom, tc.from, evidence.TimeFromSentence)
			if n := tc.count; n >= 0 && (a.Count == nil || *a.Count != 3) {
				t.Errorf("count is %v, want 3", a.Count)
			} else if n < 0 && a.Count != nil {
				t.Errorf("count is %d, want none", *a.Count)
			}
			for _, f := range []string{"name", "time"} {
				if a.From[f] == "" {
					t.Errorf("%s comes from nowhere", f)
				}
			}
		})
	}
}

// TestTruncated: wherever a mail is cut, it keeps giving an alert with a time.
func TestTruncated(t *testing.T) {
	raw := crlf(rtmt(multipart("Content-Type: text/plain\n\n"+family1, "Content-Type: text/html\nContent-Transfer-Encoding: base64\n\n"+b64(toHTML(family1))), "Content-Type", `multipart/alternative; boundary="=_b"`))
	from := strings.Index(string(raw), "Message-ID")
	for n := from; n < len(raw); n += 3 {
		a, ok := (&Reader{}).Read(raw[:n], got)
		if !ok || a.Time.IsZero() || a.ID == "" {
			t.Fatalf("cut at %d of %d: %v %+v", n, len(raw), ok, a)
		}
	}
}

func TestSiteZone(t *testing.T) {
	r := &Reader{Zone: newYork(t)}
	for _, tc := range []struct{ name, written, date, want, from string }{
		{"honest", "Mon Mar 02 09:14:07 EST 2026", "Mon, 02 Mar 2026 09:14:36 -0500", "2026-03-02T14:14:07Z", "sentence"},
		{"EST in August", "Wed Aug 12 10:14:07 EST 2026", "Wed, 12 Aug 2026 14:14:36 +0000", "2026-08-12T14:14:07Z", "sentence"},
		{"letters of another zone", "Wed Aug 12 10:14:07 CST 2026", "Wed, 12 Aug 2026 14:14:36 +0000", "2026-08-12T14:14:07Z", "sentence"},
		{"a cluster that runs on UTC", "Wed Aug 12 14:14:07 UTC 2026", "Wed, 12 Aug 2026 14:14:36 +0000", "2026-08-12T14:14:07Z", "sentence"},
		{"01:30 the first time", "Sun Nov 01 01:30:00 EDT 2026", "Sun, 01 Nov 2026 05:30:40 +0000", "2026-11-01T05:30:00Z", "sentence"},
		{"01:30 the second time", "Sun Nov 01 01:30:00 EST 2026", "Sun, 01 Nov 2026 06:30:40 +0000", "2026-11-01T06:30:00Z", "sentence"},
		{"01:30 the second time, lying", "Sun Nov 01 01:30:00 EDT 2026", "Sun, 01 Nov 2026 06:30:40 +0000", "2026-11-01T06:30:00Z", "sentence"},
		{"02:30 that does not exist", "Sun Mar 08 02:30:00 EST 2026", "Sun, 08 Mar 2026 07:30:40 +0000", "2026-03-08T07:30:00Z", "sentence"},
		{"an offset is exact", "Wed Aug 12 19:44:07 GMT+05:30 2026", "Wed, 12 Aug 2026 14:14:36 +0000", "2026-08-12T14:14:07Z", "sentence"},
		{"three hours off", "Wed Aug 12 07:14:07 PST 2026", "Wed, 12 Aug 2026 14:14:36 +0000", "2026-08-12T14:14:36Z", "date"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			date, _ := parseMailDate(tc.date)
			raw := rtmt("At "+tc.written+" on node cucm01, the following PartiallyRegisteredPhone events generated:\n", "Date", tc.date, "Received", "")
			a, _ := r.Read(raw, date.Add(4*time.Second))
			if !a.Time.Equal(utc(tc.want)) || a.TimeFrom != tc.from {
				t.Errorf("%v from %s (%s), want %s from %s; notes %q", a.Time, a.TimeFrom, a.From["time"], tc.want, tc.from, a.Notes)
			}
		})
	}
}

// TestZoneIsAsked for the cluster and node of the mail.
func TestZoneIsAsked(t *testing.T) {
	var cluster, node string
	r := &Reader{Zone: func(a evidence.Alert) *time.Location { cluster, node = a.Cluster, a.Node; return nil }}
	r.Read(rtmt(family1), got)
	if cluster != "StandAloneCluster" || node != "cucm01" {
		t.Errorf("asked for %q %q", cluster, node)
	}
}

func TestNodeIDIsLastResort(t *testing.T) {
	a, _ := (&Reader{}).Read(rtmt("PartiallyRegisteredPhone\nNodeID : cucmpub\n"), got)
	if a.Node != "cucmpub" || !strings.HasPrefix(a.From["node"], "NodeID") {
		t.Errorf("node %q from %q", a.Node, a.From["node"])
	}
}

func TestTheSentenceOfTheCounterCounts(t *testing.T) {
	other := "Number of RegisteredGateways (7) is over 1 threshold. The alert is generated on Mon Mar 02 09:00:00 EST 2026 on node other.\n"
	a, _ := (&Reader{}).Read(rtmt(other+strings.Repeat("filler text ", 40)+family2), got)
	if a.Node != "cucm02.example.com" || a.Count == nil || *a.Count != 3 || !a.Time.Equal(utc(sentence1)) {
		t.Errorf("%+v", a)
	}
}

func TestDevices(t *testing.T) {
	text := family1 + "%UC_CALLMANAGER-4-DevicePartiallyRegistered : %[DeviceName=SEP00EBD5D5D8C6][AssociatedDNs=7022] and sep00ebd5d5d8c7 [DeviceName=Jabber-X] SEP00EBD5D5D8C6, MYSEP00EBD5D5D8C8"
	a, _ := (&Reader{}).Read(rtmt(text), got)
	if want := []string{"SEP00EBD5D5D8C6", "SEP00EBD5D5D8C7", "Jabber-X"}; !slices.Equal(a.Devices, want) {
		t.Errorf("%q, want %q", a.Devices, want)
	}
}

func TestMatch(t *testing.T) {
	other := rtmt("The disk is full", "Subject", "hello")
	if _, ok := (&Reader{}).Read(other, got); ok {
		t.Error("any mail matches")
	}
	if a, ok := (&Reader{Match: []*regexp.Regexp{regexp.MustCompile("disk")}}).Read(other, got); !ok || a.Name != "disk" {
		t.Errorf("%v %+v", ok, a)
	}
}

func TestID(t *testing.T) {
	r := &Reader{}
	id := func(raw []byte) string { a, _ := r.Read(raw, got); return a.ID }
	one := rtmt(family1)
	if id(one) != id(crlf(rtmt(family1, "Subject", "[RTMT-ALERT-x] changed by a relay"))) {
		t.Error("one Message-ID, two IDs")
	}
	if id(one) == id(rtmt(family1, "Message-ID", "<2@x>")) {
		t.Error("two Message-IDs, one ID")
	}
	bare := rtmt(family1, "Message-ID", "")
	if id(bare) != id(crlf(bare)) || id(bare) != id(rtmt(b64(family1), "Message-ID", "", "Content-Transfer-Encoding", "base64")) {
		t.Error("one text, two IDs")
	}
	if id(bare) == id(rtmt(family2, "Message-ID", "")) || id(bare) == id(rtmt(family1, "Message-ID", "", "Date", "Mon, 02 Mar 2026 09:15:06 -0500")) {
		t.Error("two mails, one ID")
	}
	if want := regexp.MustCompile("^[0-9a-f]{64}$"); !want.MatchString(id(one)) || !want.MatchString(id(bare)) {
		t.Errorf("%q %q", id(one), id(bare))
	}
}

// TestHostile: what a mail may do to the reader, and what must not come of it.
func TestHostile(t *testing.T) {
	nested := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n", i, i+1)
		}
		return b.String()
	}
	whole := testrace.Smaller(MaxRaw, 8)
	big := func(s string) string { return strings.Repeat(s, whole/len(s)) }
	for name, raw := range map[string][]byte{
		"path":               rtmt(family1, "Subject", "[RTMT-ALERT-../../x] PartiallyRegisteredPhone ../../x"),
		"long subject":       rtmt(family1, "Subject", "[RTMT-ALERT-"+strings.Repeat("x", 10000)+"] PartiallyRegisteredPhone"+strings.Repeat("y", 10000)),
		"control characters": rtmt(family1, "Subject", "[RTMT-ALERT-a\x1b[2J\x00b\u202e] PartiallyRegisteredPhone\x07"),
		"encoded controls":   rtmt(family1, "Subject", "=?utf-8?Q?[RTMT-ALERT-a=0A=1B]_PartiallyRegisteredPhone=00?="),
		"nested multiparts":  rtmt(nested(3000), "Content-Type", "multipart/mixed; boundary=b0"),
		"many parts":         rtmt(big("--b\n\nPartiallyRegisteredPhone\n"), "Content-Type", "multipart/mixed; boundary=b"),
		"many dates":         rtmt(big("is generated on " + happened + " on node x. ")),
		"many values":        rtmt(big("NodeID : x ClusterID : ")),
		"many devices":       rtmt(big("SEP00EBD5D5D8C6 DeviceName=a ")),
		"many counts":        rtmt(big("PartiallyRegisteredPhone (99999999999999999999) is over 1 (3) is over ")),
		"open tags":          rtmt("PartiallyRegisteredPhone "+big("<"), "Content-Type", "text/html"),
		"open styles":        rtmt("PartiallyRegisteredPhone "+big("<style></x "), "Content-Type", "text/html"),
		"open comments":      rtmt("PartiallyRegisteredPhone "+big("<!--<script>"), "Content-Type", "text/html"),
		"long line":          rtmt("PartiallyRegisteredPhone" + big("a")),
		"no header":          []byte(big("PartiallyRegisteredPhone\n")),
		"header only":        []byte(big("A: PartiallyRegisteredPhone\n")),
		"folded for ever":    []byte("Subject: PartiallyRegisteredPhone\n" + big(" x\n")),
		"over 1 MiB":         append(rtmt(family1), make([]byte, 3*MaxRaw)...),
		"year 9999":          rtmt("PartiallyRegisteredPhone", "Date", "Fri, 31 Dec 9999 23:59:59 -1200"),
		"empty":              nil,
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			a, ok := (&Reader{}).Read(raw, got)
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > 256*MaxRaw { // with the race detector a hundred times the mail; what grows with the square takes thousands
				t.Errorf("reading %d bytes allocated %d", len(raw), n)
			} else {
				t.Logf("%d KiB for %d", n>>10, len(raw)>>10)
			}
			if ok {
				sound(t, a, got)
			}
		})
	}
}

// sound checks what must hold for every alert whatever the mail.
func sound(t *testing.T, a evidence.Alert, internal time.Time) {
	t.Helper()
	for field, s := range map[string]string{"name": a.Name, "node": a.Node, "cluster": a.Cluster, "subject": a.Subject} {
		if n := len([]rune(s)); n > 260 {
			t.Errorf("%s has %d characters", field, n)
		}
		if s != evidence.Printable(s, 1000) {
			t.Errorf("%s is not printable: %q", field, s)
		}
	}
	for _, s := range slices.Concat(a.Devices, a.Notes) {
		if s != evidence.Printable(s, 300) {
			t.Errorf("not printable: %q", s)
		}
	}
	if len(a.Devices) > maxDevices || len(a.Notes) > maxNotes || a.Devices == nil {
		t.Errorf("%d devices, %d notes", len(a.Devices), len(a.Notes))
	}
	if a.Time.After(internal.Add(maxAhead)) || a.Time.Location() != time.UTC || a.Time.IsZero() {
		t.Errorf("time %v for a mail of %v", a.Time, internal)
	}
	if len(a.ID) != 64 || a.TimeFrom == "" || a.From["time"] == "" {
		t.Errorf("id %q, time from %q %q", a.ID, a.TimeFrom, a.From["time"])
	}
	if _, err := json.Marshal(a); err != nil {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(rtmt(family1), int64(0))
	f.Add(rtmt(family2), got.Unix())
	f.Add(rtmt(toHTML(family1), "Content-Type", "text/html"), got.Unix())
	f.Add(rtmt(qp(family1), "Content-Transfer-Encoding", "quoted-printable"), got.Unix())
	f.Add(rtmt(b64(family1), "Content-Transfer-Encoding", "base64"), got.Unix())
	f.Add(rtmt(multipart("\n"+family1), "Content-Type", `multipart/mixed; boundary="=_b"`), got.Unix())
	f.Add(rtmt(strings.ReplaceAll(family1, "EST", "GMT-05:00")), got.Unix())
	zone, err := time.LoadLocation("Australia/Lord_Howe") // half an hour of daylight saving
	if err != nil {
		f.Fatal(err)
	}
	readers := []*Reader{{}, {Match: []*regexp.Regexp{regexp.MustCompile(`(?i)node|x*`)}, Zone: func(evidence.Alert) *time.Location { return zone }}}
	f.Fuzz(func(t *testing.T, raw []byte, sec int64) {
		internal := time.Unix(sec%(1<<38), 0)
		for _, r := range readers {
			a, ok := r.Read(raw, internal)
			if !ok {
				continue
			}
			sound(t, a, Sane(internal, time.Unix(0, 0)))
			if b, again := r.Read(slices.Clone(raw), internal.Add(time.Hour)); !again || b.ID != a.ID {
				t.Errorf("read again: %v, ID %q, then %q", again, a.ID, b.ID)
			}
		}
	})
}

// A Date that no JSON can hold, or with an offset that no zone has, is no date.
func TestForeignDates(t *testing.T) {
	for s, want := range map[string]bool{
		"Fri, 31 Dec 9999 23:59:59 -1200": false, "Thu, 31 Dec 9998 23:59:59 -1200": false, "Mon, 2 Mar 2026 14:14:07 +1401": false,
		"Mon, 2 Mar 2026 14:14:07 +1400": true, "Wed, 31 Dec 1969 23:59:59 +0000": false,
	} {
		if at, ok := parseMailDate(s); ok != want {
			t.Errorf("%s: %v %v", s, at, ok)
		}
	}
	d, ok := parseJava("Mon Mar 02 14:14:07 GMT+23:00 2026")
	if rs := d.readings(nil, time.Time{}); !ok || len(rs) > 0 {
		t.Errorf("%v", rs)
	}
}

// A mail server whose clock is not set makes no alert an old one; who writes times into a mail makes none a later one
// than it was seen, and an old mail that is moved stays old.
func TestGot(t *testing.T) {
	date, seen := time.Date(2026, 3, 2, 14, 14, 36, 0, time.UTC), got.Add(5*time.Second)
	for name, tc := range map[string]struct {
		raw            []byte
		internal, want time.Time
	}{
		"1970":                  {rtmt(family1), time.Unix(0, 0), date},
		"two days":              {rtmt(family1), got.Add(-48 * time.Hour), date},
		"no Received":           {rtmt(family1, "Received", ""), time.Unix(0, 0), date},
		"no time in the header": {rtmt(family1, "Received", "", "Date", ""), time.Unix(0, 0), time.Unix(0, 0)},
		"an hour":               {rtmt(family1), got.Add(-time.Hour), got.Add(-time.Hour)},
		"right":                 {rtmt(family1), got, got},
		"2100":                  {rtmt(family1), got.AddDate(74, 0, 0), got.AddDate(74, 0, 0)},
		"forged Date":           {rtmt(family1, "Date", "Tue, 03 Mar 2026 19:14:36 -0500"), got, got},
		"an old mail":           {rtmt(family1, "Date", "Mon, 23 Feb 2026 09:14:36 -0500"), got.AddDate(0, 0, -7), got.AddDate(0, 0, -7)},
		"a Date to come":        {rtmt(family1, "Received", "", "Date", "Tue, 03 Mar 2026 19:14:36 -0500"), got.Add(-25 * time.Hour), got.Add(-25 * time.Hour)},
	} {
		if at := Got(tc.raw, tc.internal, seen); !at.Equal(tc.want) {
			t.Errorf("%s: %v, want %v", name, at, tc.want)
		}
	}
}
