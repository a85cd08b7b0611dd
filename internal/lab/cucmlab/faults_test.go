package cucmlab

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/lab/mra"
)

// fleet is many phones, of which every tenth is partial.
func fleet(n int) []Record {
	var out []Record
	for i := range n {
		r := Record{Node: "cucm01", Device: fmt.Sprintf("SEP%012X", 0x1000+i*7), Status: Registered, Since: time.Unix(1795902690, 0), Lines: []LineState{{fmt.Sprint(7000 + i), Registered}}}
		if i%10 == 0 {
			r.Status, r.Lines = PartiallyRegistered, append(r.Lines, LineState{fmt.Sprint(8000 + i), UnRegistered})
		}
		out = append(out, r)
	}
	return out
}

// The budget is the cluster's, over all who ask and all nodes, and each way to say that it
// is used up is one.
func TestRates(t *testing.T) {
	now := time.Unix(1795902690, 0)
	c := start(t, Config{Nodes: []string{"cucm01.example.com", "cucm02.example.com"}, Now: func() time.Time { return now }})
	call := c.caller(t)
	if took := c.Spend(RISPort, 10); took != 10 {
		t.Fatalf("CUCM took %d calls of 10", took)
	}
	for i := range 5 {
		call.want(call.post(c.Nodes()[i%2], risPath, ris("Any", "*")), 200)
	}
	for style, status := range map[RateStyle]int{"": 500, RateOK: 200, Rate503: 503} {
		c.SetFaults(func(f *Faults) { f.Rate.Style = style })
		call.want(call.post(c.Nodes()[0], risPath, ris("Any", "*")), status, `<faultstring>AxisFault: Exceeded allowed rate for Reatime information. Current allowed rate for realtime information is 15 requests per minute.selectCmDevice<`)
	}
	c.SetFaults(func(f *Faults) { f.Rate.Style = RateHTML })
	call.want(call.post(c.Nodes()[0], risPath, ris("Any", "*")), 503, `(?i)<html`)
	now = now.Add(61 * time.Second)
	call.want(call.post(c.Nodes()[0], risPath, ris("Any", "*")), 200)
	if n := c.Spend(PerfMon, 100); n != 80 {
		t.Errorf("%d PerfMon calls, want 80", n)
	}
	call.want(call.post(c.Nodes()[0], perfPath, counters("cucm01")), 503, `(?i)<html`)
}

// A cookie of one service makes the other fail, and one that nobody knows any more too.
func TestCookies(t *testing.T) {
	c := start(t, Config{})
	call, n := c.caller(t), c.Nodes()[0]
	r := call.post(n, risPath, ris("Any", "*"))
	var cookies []string
	for _, k := range (&http.Response{Header: r.header}).Cookies() {
		cookies = append(cookies, k.Name+"="+k.Value)
	}
	if len(cookies) != 2 {
		t.Fatalf("cookies %v", cookies)
	}
	call.header.Set("Cookie", strings.Join(cookies, "; "))
	call.want(call.post(n, risPath, ris("Any", "*")), 200)
	call.want(call.post(n, perfPath, counters("cucm01")), 500, `(?i)<html`)
	c.EndSessions()
	call.want(call.post(n, risPath, ris("Any", "*")), 401)
}

func TestRISFaults(t *testing.T) {
	c := start(t, Config{Nodes: []string{"cucm01.example.com", "cucm02.example.com"}, Records: fleet(1500)})
	call, n := c.caller(t), c.Nodes()[0]
	call.want(call.post(n, risPath, ris("Any", "*")), 200, `<ns1:TotalDevicesFound>1500<`)
	if got := strings.Count(call.post(n, risPath, ris("Any", "*")).body, "<ns1:DirNumber>"); got != 1000 {
		t.Errorf("%d devices came, want 1000", got)
	}
	c.SetFaults(func(f *Faults) {
		f.RIS = RISFault{Quiet: true, Nil: true, Unanswered: []string{"cucm02"}, Records: []Record{{Node: "cucm01", Device: "SEP000000001000", Status: UnRegistered, Since: time.Unix(1, 0)}}}
		f.SOAP = SOAPFault{NoPrefix: true, Multipart: true}
	})
	r := call.post(n, risPath, ris("Any", "*"))
	call.want(r, 200, `<TotalDevicesFound>1000<`, `<LoginUserId xsi:nil="true"/>`, `<ReturnCode>NodeNotResponding</ReturnCode><Name>cucm02<`)
	call.want(call.post(n, risPath, ris("UnRegistered", "SEP000000001000")), 200, `<LinesStatus xsi:nil="true"/>`, `<TimeStamp>1<`)
	call.want(call.post(n, risPath, strings.Replace(ris("Any", "*"), "<a:NodeName/>", "", 1)), 500, `Unexpected subelement`)
	call.want(call.post(n, risPath, strings.ReplaceAll(ris("Any", "*"), "a:Model>", "Model>")), 500, `Unexpected subelement`)
}

// A file comes in each form, and what stands at its ends stays.
func TestForms(t *testing.T) {
	contents := " \r\n--\x00" + strings.Repeat("0123456789\r\n", 100) + "--\r\n \t"
	const name = "/var/log/active/platform/cli/x.cap"
	c := start(t, Config{Sources: []Source{Fixed{"": {FileOf("", name, time.Now(), []byte(contents))}}}})
	call, n := c.caller(t), c.Nodes()[0]
	for _, ask := range []struct{ path, body string }{{dimePath, dimeGet(name)}, {logPath, "<a:FileName>" + name + "</a:FileName>"}} {
		for _, form := range []Form{"", FormUnquoted, FormXOP, FormBase64, FormRaw, FormDIME} {
			c.SetFaults(func(f *Faults) { f.Logs.Form = form })
			r := call.post(n, ask.path, ask.body)
			got := r.body
			switch form {
			case "", FormXOP:
				got = string(attachment(t, r))
			case FormUnquoted:
				if !strings.HasSuffix(r.header.Get("Content-Type"), "; boundary="+boundary) {
					t.Errorf("the boundary is quoted: %s", r.header.Get("Content-Type"))
				}
				got = strings.SplitN(strings.Split(got, boundary)[2], "\r\n\r\n", 2)[1]
				got = strings.TrimSuffix(got, "\r\n--")
			case FormBase64:
				text := regexp.MustCompile(`>([A-Za-z0-9+/=\s]{20,})<`).FindStringSubmatch(got)[1]
				b, err := base64.StdEncoding.DecodeString(text)
				if err != nil {
					t.Fatal(err)
				}
				got = string(b)
			case FormDIME:
				got = got[12 : 12+len(contents)]
			}
			if got != contents {
				t.Errorf("%s: %q came", form, got)
			}
		}
	}
	c.SetFaults(func(f *Faults) { f.Logs = LogFault{Gone: []string{"/var/log/active/platform/cli/*"}} })
	call.want(call.post(n, dimePath, dimeGet(name)), 500, "do not exist")
	c.SetFaults(func(f *Faults) { f.Logs = LogFault{Form: FormRaw, Extra: 5 << 20} })
	if r := call.post(n, dimePath, dimeGet(name)); len(r.body) != len(contents)+5<<20 || r.header.Get("Content-Length") != "" {
		t.Errorf("%d bytes of %d came", len(r.body), len(contents)+5<<20)
	}
}

// What selectLogFiles makes of dates, and how it tells of times around the change of the clock.
func TestDates(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	change := time.Date(2026, 11, 1, 1, 30, 0, 0, zone) // the first of two
	files := []File{FileOf(CallManager, "/var/log/active/cm/trace/ccm/sdl/a.gz", change, nil), FileOf(CallManager, "/var/log/active/cm/trace/ccm/sdl/b.gz", change.Add(time.Hour), nil), FileOf(CallManager, "/var/log/active/cm/trace/ccm/sdl/c.gz", change.Add(24*time.Hour), nil)}
	files[2].First = change.Add(time.Hour)
	c := start(t, Config{Zone: zone, Sources: []Source{Fixed{"": files}}})
	call, n := c.caller(t), c.Nodes()[0]
	for dates, want := range map[Dates]string{"": "b.gz c.gz", DatesModified: "b.gz", DatesIgnored: "a.gz b.gz c.gz"} {
		c.SetFaults(func(f *Faults) { f.Logs.Dates = dates })
		r := call.post(n, logPath, askLogs(CallManager, "", change.Add(50*time.Minute), change.Add(70*time.Minute)))
		var got []string
		for _, m := range regexp.MustCompile(`<ns1:name>(\w\.gz)<`).FindAllStringSubmatch(r.body, -1) {
			got = append(got, m[1])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", dates, got, want)
		}
		if dates == DatesIgnored {
			call.want(r, 200, "Sun Nov 01 01:30:00 EDT 2026", "Sun Nov 01 01:30:00 EST 2026")
		}
	}
	if r := call.post(n, logPath, askLogs("Cisco Tftp", "", change, change)); strings.Contains(r.body, "SetOfFiles") {
		t.Errorf("no file is a set of them: %s", r.body)
	}
}

// Connections fail as they are told to.
func TestLines(t *testing.T) {
	c := start(t, Config{Records: fleet(20)})
	call, n := c.caller(t), c.Nodes()[0]
	lines := func(l ...Line) { c.SetFaults(func(f *Faults) { f.Line = l }) }
	lines(Line{Service: RISPort, Cut: 1000})
	if r := call.post(n, risPath, ris("Any", "*")); r.err == nil || len(r.body) != 1000 {
		t.Errorf("%d bytes came, %v", len(r.body), r.err)
	}
	lines(Line{TooLong: 10})
	if r := call.post(n, risPath, ris("Any", "*")); r.err == nil || !strings.HasSuffix(r.body, "Envelope>") {
		t.Errorf("%d bytes came, %v", len(r.body), r.err)
	}
	lines(Line{Status: 503, Times: 1}, Line{Body: []byte("<html>"), Type: "text/html", Times: 1})
	call.want(call.post(n, risPath, ris("Any", "*")), 503, "HTTP Status 503")
	call.want(call.post(n, risPath, ris("Any", "*")), 200, "^<html>$")
	call.want(call.post(n, risPath, ris("Any", "*")), 200, "TotalDevicesFound")
	gate := make(chan struct{})
	for _, l := range []Line{{Gate: gate}, {BodyGate: gate}, {DripHead: time.Millisecond}, {DripBody: time.Millisecond}} {
		lines(l)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if r, err := call.try(ctx, n, risPath, ris("Any", "*")); err == nil && r.err == nil {
			t.Errorf("%+v: all came", l)
		}
		cancel()
	}
	lines(Line{Gate: gate})
	close(gate)
	call.want(call.post(n, risPath, ris("Any", "*")), 200)
}

// A node's certificate is what it is told to be, from one connection to the next.
func TestCertificates(t *testing.T) {
	c := start(t, Config{})
	call, n := c.caller(t), c.Nodes()[0]
	tr := call.http.Transport.(*http.Transport)
	tr.DisableKeepAlives = true
	for _, kind := range []Cert{SelfSigned, Expired, OtherName} {
		c.SetFaults(func(f *Faults) { f.Cert = kind })
		if _, err := call.try(t.Context(), n, risPath, ris("Any", "*")); err == nil {
			t.Errorf("%s: the certificate is good", kind)
		}
	}
	var seen []string
	tr.TLSClientConfig.InsecureSkipVerify = true
	tr.TLSClientConfig.VerifyConnection = func(s tls.ConnectionState) error {
		sum := sha256.Sum256(s.PeerCertificates[0].Raw)
		seen = append(seen, hex.EncodeToString(sum[:]), fmt.Sprint(s.Version == tls.VersionTLS12))
		return nil
	}
	c.SetFaults(func(f *Faults) { f.Cert, f.TLS12 = SelfSigned, true })
	first := n.Fingerprint()
	call.post(n, risPath, ris("Any", "*"))
	n.Renew()
	call.post(n, risPath, ris("Any", "*"))
	if second := n.Fingerprint(); fmt.Sprint(seen) != fmt.Sprint([]string{first, "true", second, "true"}) || first == second {
		t.Errorf("%s and %s, seen %s", first, second, seen)
	}
}

// A reset is one of the laboratory's phone, by the right account.
func TestReset(t *testing.T) {
	s := site(t, mra.SiteConfig{Expires: 4 * time.Second}, 20*time.Second, mra.Event{At: time.Now().Add(-3 * time.Second), Kind: mra.DropTCP})
	s.Start(t.Context())
	c := start(t, Config{Site: s})
	call, n, device := c.caller(t), c.Nodes()[0], s.Devices()[1]
	ask := `<x:doDeviceReset xmlns:x="http://www.cisco.com/AXL/API/14.0" sequence="1"><deviceName>` + device + `</deviceName><isHardReset>true</isHardReset></x:doDeviceReset>`
	call.header.Set("SOAPAction", `"CUCM:DB ver=14.0 doDeviceReset"`)
	call.want(call.post(n, "/axl/", ask), 403)
	call.account = c.Account(RoleAXL)
	call.want(call.post(n, "/axl/", strings.Replace(ask, device, "SEP000000000000", 1)), 500, "<axlcode>5007<")
	c.SetFaults(func(f *Faults) { f.AXL.Busy = true })
	call.want(call.post(n, "/axl/", ask), 503)
	c.SetFaults(func(f *Faults) { f.AXL.Busy = false })
	call.want(call.post(n, "/axl/", ask), 200, `<return>\{[0-9A-Z-]+\}</return>`)
	if fmt.Sprint(c.Resets()) != "["+device+"]" {
		t.Errorf("resets %v", c.Resets())
	}
	deadline := time.After(30 * time.Second)
	for !strings.Contains(s.Story(device), "unregistered registered") {
		select {
		case <-deadline:
			t.Fatalf("what happened to %s: %s", device, s.Story(device))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// A session reads many counters at one call, until it is not known any more.
func TestPerfSession(t *testing.T) {
	c := start(t, Config{Records: fleet(20)})
	call, n := c.caller(t), c.Nodes()[0]
	r := call.post(n, perfPath, `<a:perfmonOpenSession/>`)
	call.want(r, 200, `perfmonOpenSessionReturn`)
	handle := regexp.MustCompile(`perfmonOpenSessionReturn>([^<]+)<`).FindStringSubmatch(r.body)[1]
	session := `<a:SessionHandle>` + handle + `</a:SessionHandle>`
	call.want(call.post(n, perfPath, `<a:perfmonAddCounter>`+session+`<a:ArrayOfCounter><a:Counter><a:Name>\\cucm01\Cisco CallManager\PartiallyRegisteredPhone</a:Name></a:Counter></a:ArrayOfCounter></a:perfmonAddCounter>`), 200)
	collect := `<a:perfmonCollectSessionData>` + session + `</a:perfmonCollectSessionData>`
	call.want(call.post(n, perfPath, collect), 200, `PartiallyRegisteredPhone</ns1:Name><ns1:Value>2</ns1:Value><ns1:CStatus>1<`)
	c.SetFaults(func(f *Faults) {
		f.Perf.Values, f.Perf.Invalid = map[string]int64{"PartiallyRegisteredPhone": 7}, []string{"PartiallyRegisteredPhone"}
	})
	call.want(call.post(n, perfPath, collect), 200, `<ns1:Value>-1</ns1:Value><ns1:CStatus>2<`)
	c.SetFaults(func(f *Faults) { f.Perf.Amiss = true })
	call.want(call.post(n, perfPath, collect), 500, `is not valid`)
}
