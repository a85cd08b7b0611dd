package cucmlab

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"regexp"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/lab/mra"
)

// What RISPort, PerfMon and the logs say is what happened at the site.
func TestTruth(t *testing.T) {
	at := time.Now().Add(-4 * time.Minute)
	s := site(t, mra.SiteConfig{Phones: 4, Lines: 3, SDL: &mra.SDLConfig{}}, 20*time.Minute, mra.Event{At: at, Kind: mra.LateKeepAlive, Phone: 2})
	device := s.Devices()[2]
	c := start(t, Config{Site: s, Phones: map[string]Phone{device: {Description: `Réception & <home> 📞 هاتف`}}})
	call, n := c.caller(t), c.Nodes()[1]
	r := call.post(n, risPath, ris(PartiallyRegistered, "*"))
	call.want(r, 200, `<ns1:TotalDevicesFound>1</ns1:TotalDevicesFound>`, `<ns1:Name>`+device+`</ns1:Name>`, `7042-Registered,7043-UnRegistered,7044-UnRegistered`, `<ns1:IP>10.0.30.2</ns1:IP>`,
		`Réception &amp; &lt;home&gt; 📞 هاتف`, `<ns1:ReturnCode>NotFound</ns1:ReturnCode><ns1:Name>cucm02</ns1:Name>`)
	call.want(call.post(n, risPath, ris("Any", "SEP*")), 200, `<ns1:TotalDevicesFound>4<`)
	call.want(call.post(n, perfPath, counters("cucm01")), 200, `\\cucm01\\Cisco CallManager\\PartiallyRegisteredPhone</ns1:Name><ns1:Value>1</ns1:Value><ns1:CStatus>1<`, `\\RegisteredHardwarePhones</ns1:Name><ns1:Value>3<`)
	if got := c.Counter("cucm01.example.com", "PartiallyRegisteredPhone"); got != int64(s.Partial("cucm01")) || got != 1 {
		t.Errorf("%d phones are partial, want 1", got)
	}
	app, err := c.Contents("cucm01", "/var/log/active/syslog/CiscoSyslog")
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`%UC_CALLMANAGER-3-EndPointUnregistered: %\[DeviceName=` + device + `\]\[IPAddress=10.0.30.2\].*\[Reason=13\]`).Match(app) {
		t.Errorf("CiscoSyslog does not tell that CUCM dropped %s:\n%s", device, app)
	}
}

// Files are listed and come byte for byte, closed ones as they end, and the open one as it
// is by then.
func TestFiles(t *testing.T) {
	s := site(t, mra.SiteConfig{SDL: &mra.SDLConfig{FileSize: 64 << 10}}, 20*time.Minute)
	c := start(t, Config{Site: s, Zone: time.UTC})
	call, n := c.caller(t), c.Nodes()[0]
	list := call.post(n, logPath, askLogs("Cisco CallManager", "Event Viewer-Application Log", time.Now().Add(-time.Hour), time.Now()))
	call.want(list, 200, `SDL001_100_001001.txt.gz<`, `SDL001_100_\d+.txt.gzo<`, `/CiscoSyslog<`)
	var text strings.Builder
	for _, m := range regexp.MustCompile(`<ns1:absolutepath>([^<]+/SDL[^<]+)<`).FindAllStringSubmatch(list.body, -1) {
		r := call.post(n, dimePath, dimeGet(m[1]))
		call.want(r, 200)
		z, err := gzip.NewReader(bytes.NewReader(attachment(t, r)))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(z)
		if open := strings.HasSuffix(m[1], ".gzo"); open != errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v", m[1], err)
		}
		text.Write(plain)
	}
	var want strings.Builder
	for _, r := range s.TraceRecords(n.FQDN) {
		if r.Kind == mra.SDL {
			want.WriteString(r.Text)
		}
	}
	if text.String() != want.String() || want.Len() < 100<<10 {
		t.Errorf("%d bytes of %d came", text.Len(), want.Len())
	}
	call.want(call.post(n, dimePath, dimeGet("/var/log/active/cm/trace/ccm/sdl/none")), 500, `none do not exist`)
	call.want(call.post(n, logPath, `<a:listNodeServiceLogs><a:ListRequest/></a:listNodeServiceLogs>`), 200, `<ns1:name>cucm01.example.com</ns1:name>`, `<ns1:item>Event Viewer-System Log<`)
	call.want(call.post(n, logPath, `<a:getTimeZone/>`), 200, `\(GMT\+0:0\)UTC`)
	if r := call.post(n, logPath, askLogs("Cisco CallManager", "", time.Now().Add(-10*time.Minute), time.Now())); strings.Count(r.body, "<ns1:File>") >= strings.Count(list.body, "/SDL") {
		t.Errorf("the last ten minutes are in all files:\n%s", r.body)
	}
}

// attachment is the second part of a reply.
func attachment(t *testing.T, r reply) []byte {
	t.Helper()
	_, params, err := mime.ParseMediaType(r.header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	mr := multipart.NewReader(strings.NewReader(r.body), params["boundary"])
	if _, err := mr.NextPart(); err != nil {
		t.Fatal(err)
	}
	p, err := mr.NextPart()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(p)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Who may not come in is told so by a page, and locked out after three times.
func TestLogin(t *testing.T) {
	c := start(t, Config{})
	call, n := c.caller(t), c.Nodes()[0]
	right := call.account.Password
	call.account.Password += "x"
	for range lockedAfter {
		call.want(call.post(n, risPath, ris("Any", "*")), 401, `(?i)<html`, `Unauthorized`)
	}
	call.account.Password = right
	call.want(call.post(n, risPath, ris("Any", "*")), 401)
	c.Unlock(call.account.User)
	call.want(call.post(n, risPath, ris("Any", "*")), 200)
	call.want(call.post(n, "/axl/", `<x:doDeviceReset xmlns:x="http://www.cisco.com/AXL/API/14.0"/>`), 403)
	call.want(call.post(n, "/nothing", ""), 404)
	c.SetFaults(func(f *Faults) { f.Off = []Service{RISPort} })
	call.want(call.post(n, risPath, ris("Any", "*")), 404, `(?i)<html`)
}
