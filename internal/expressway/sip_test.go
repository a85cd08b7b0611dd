package expressway

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// bodyOf is the message of a record, nil if it has none.
func bodyOf(text []byte) []byte {
	b := message(text)
	if b == nil {
		return nil
	}
	return appendBody([]byte{}, b)
}

// procedure is a message as the vendor's procedure prints it: wrapped without
// indentation, not closed by a bar, with names that are misspelt.
func procedure(t testing.TB, n int) SIP {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("testdata/procedure_%d.txt", n))
	if err != nil {
		t.Fatal(err)
	}
	s, ok := ParseSIP(bodyOf(text))
	if !ok {
		t.Fatalf("no SIP: %q", bodyOf(text))
	}
	return s
}

func TestProcedureFullRegister(t *testing.T) {
	s := procedure(t, 1)
	check(t, s, map[string]any{
		"Request": true, "Method": "REGISTER", "URI": "sip:cucm01", "To": "sip:2001@cucm01", "ToUser": "2001", "ToHost": "cucm01", "From": "sip:2001@cucm01",
		"FromTag": "00505696ff30067500002408-00000a99", "ToTag": "", "CallID": "00505696-ff30005e-00005f3d-00000f17@172.16.84.116", "CSeq": uint32(2150), "CSeqMethod": "REGISTER",
		"Branch": "z9hG4bK00067b6", "Expires": 3600, "Bulk": true, "ContentLength": 1271, "ContentType": "multipart/mixed;boundary=uniqueBoundary",
		"Device": "alimad", "Model": "503", "Instance": "urn:uuid:00000000-0000-0000-0000-00505696ff30-", "MAC": "00505696FF30",
		"Date": time.Date(2021, 6, 17, 23, 56, 4, 0, time.UTC), "UserAgent": "Cisco-CSF", "Auth": "digest", "Challenge": "",
		"Alarm": 111, "AlarmName": "alimad", "AlarmLoad": "Jabber_for_Windows-12.8.1.52494", "AlarmLast": "Application-Requested-Destroy", "KeepAlive": false, "NewReg": false,
	})
	if all := fmt.Sprintf("%+v", s); strings.Contains(all, "32872bf3") || strings.Contains(all, "2876968f") {
		t.Errorf("has a credential: %s", all)
	}
}

func TestProcedureKeepAlive(t *testing.T) {
	s := procedure(t, 2)
	check(t, s, map[string]any{
		"CSeq": uint32(2156), "Bulk": false, "Cut": false, "ContentLength": 0, "ContentType": "", "Device": "alimad", "Model": "503", "UserID": "Alimad", "MAC": "00505696FF30",
		"Expires": 3600, "Reason": "", "Alarm": 0, "Auth": "", "Branch": "z9hG4bK53395b9916f575179b029f0d5799277033.eb5a12fcd592fc1768578e8bcb402dfe",
	})
	if len(s.Vias) != 2 {
		t.Fatalf("%q", s.Vias)
	}
	for name, want := range map[string]string{"received": "10.88.246.8", "rport": "53479", "ingress-zone": "CollaborationEdgeZone", "absent": ""} {
		if got := ViaParam(s.Vias[1], name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := ViaParam(s.Vias[0], "proxy-call-id"); got != "7703cb29-e531-42eb-8dca-f7b6a2667b5a" {
		t.Errorf("proxy-call-id %q", got)
	}
}

// check compares fields of s, by name, with what they should be.
func check(t *testing.T, s SIP, want map[string]any) {
	t.Helper()
	got := map[string]any{"Request": s.Request, "Method": s.Method, "Code": s.Code, "Phrase": s.Phrase, "URI": s.URI, "To": s.To, "ToUser": s.ToUser, "ToHost": s.ToHost,
		"From": s.From, "FromTag": s.FromTag, "ToTag": s.ToTag, "CallID": s.CallID, "CSeq": s.CSeq, "CSeqMethod": s.CSeqMethod, "Cut": s.Cut, "Vias": len(s.Vias),
		"Branch": s.Branch, "Expires": s.Expires, "Contacts": len(s.Contacts), "Bulk": s.Bulk, "ContentLength": s.ContentLength, "ContentType": s.ContentType, "NewReg": s.NewReg,
		"KeepAlive": s.KeepAlive, "Device": s.Device, "Model": s.Model, "UserID": s.UserID, "Instance": s.Instance, "MAC": s.MAC, "Date": s.Date, "UserAgent": s.UserAgent,
		"Server": s.Server, "Reason": s.Reason, "Warning": s.Warning, "RetryAfter": s.RetryAfter, "Auth": s.Auth, "Challenge": s.Challenge, "ChallengeError": s.ChallengeError,
		"Alarm": s.Alarm, "AlarmName": s.AlarmName, "AlarmLoad": s.AlarmLoad, "AlarmLast": s.AlarmLast}
	for name, w := range want {
		g, ok := got[name]
		if !ok {
			t.Fatalf("no field %s", name)
		}
		if g != w {
			t.Errorf("%s is %#v, want %#v", name, g, w)
		}
	}
}

func TestParseSIP(t *testing.T) {
	const contact = `<sip:u@192.0.2.35:4711;transport=tls>;+sip.instance="<urn:uuid:00000000-0000-0000-0000-00ebd5d5d8c6>";+u.sip!devicename.ccm.cisco.com="SEP00EBD5D5D8C6";+u.sip!model.ccm.cisco.com="36217";video;bfcp`
	tests := []struct {
		name, text string
		want       map[string]any
	}{
		{"CRLF", "SIP/2.0 200 OK\r\nCSeq: 7 REGISTER\r\nExpires: 120\r\nContact: " + contact + ";x-cisco-newreg\r\nServer: Cisco-CUCM12.5\r\nContent-Length: 0\r\n\r\n",
			map[string]any{"Code": 200, "Phrase": "OK", "Request": false, "Method": "REGISTER", "NewReg": true, "Expires": 120, "Device": "SEP00EBD5D5D8C6", "MAC": "00EBD5D5D8C6", "Server": "Cisco-CUCM12.5", "Cut": false}},
		{"newreg asked for", "REGISTER sip:c SIP/2.0\nContact: <sip:a@b>;x-cisco-newreg\n\n", map[string]any{"NewReg": false}},
		{"compact", "REGISTER sip:c SIP/2.0\nv: SIP/2.0/TLS 192.0.2.1;branch=z9\nt: <sip:1@C.example.com:5061>\nf: <sip:1@c>;tag=x\ni: id\nm: " + contact + ";expires=0;cisco-keep-alive\nl: 0\nc: text/plain\n\n",
			map[string]any{"Branch": "z9", "ToHost": "c.example.com", "ToUser": "1", "FromTag": "x", "CallID": "id", "KeepAlive": true, "ContentLength": 0, "ContentType": "text/plain", "Expires": -1}},
		{"folded", "REGISTER sip:c SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.1\r\n\t;branch=z9,\r\n  SIP/2.0/TCP 192.0.2.2;branch=z8\r\nTo : \"Smith, J. <x>\" <sip:1@c> ; tag=a\r\nCSeq: 4\r\n REGISTER\r\n\r\n",
			map[string]any{"Vias": 2, "Branch": "z9", "To": "sip:1@c", "ToTag": "a", "CSeq": uint32(4), "CSeqMethod": "REGISTER"}},
		{"several Contacts", "SIP/2.0 200 OK\nCSeq: 7 REGISTER\nContact: \"a, \\\"b\\\"\" <sip:x@y>;expires=60, <sip:z@y;a=b>;X-Cisco-NewReg\nContact: *\n\n",
			map[string]any{"Contacts": 3, "NewReg": true}},
		{"IPv6", "REGISTER sip:[2001:db8::1]:5061 SIP/2.0\nTo: <sip:1@[2001:DB8::1]:5061;transport=tls>\n\n", map[string]any{"ToHost": "2001:db8::1", "URI": "sip:[2001:db8::1]:5061"}},
		{"bearer challenge", "SIP/2.0 401 Unauthorized\nCSeq: 7 REGISTER\nWWW-Authenticate: Bearer realm=\"c,d\", error=\"invalid_token\"\n\n", map[string]any{"Challenge": "bearer", "ChallengeError": "invalid_token", "Code": 401}},
		{"digest challenge", "SIP/2.0 407 Proxy Authentication Required\nProxy-Authenticate: Digest realm=\"x\", nonce=\"secret\"\n\n", map[string]any{"Challenge": "digest", "Method": "", "Phrase": "Proxy Authentication Required"}},
		{"credentials", "REGISTER sip:user:secret@c SIP/2.0\nTo: <sip:1:secret@c>\nFrom: sip:1:secret@c;tag=2\nContact: <sip:1:secret@c>\nAuthorization: Bearer secret\nProxy-Authorization: secret\n\n",
			map[string]any{"Auth": "bearer", "ToUser": "1", "URI": "sip:user@c", "FromTag": "2"}},
		{"a bare secret", "REGISTER sip:c SIP/2.0\nProxy-Authorization: secret\n\n", map[string]any{"Auth": "other"}},
		{"refused", "SIP/2.0 403 Forbidden\nWarning: 399 c \"Unable to find a device handler\"\nRetry-After: 33\nServer: TANDBERG/4137 (X14.0.3)\n\n",
			map[string]any{"Warning": `399 c "Unable to find a device handler"`, "RetryAfter": "33", "Server": "TANDBERG/4137 (X14.0.3)"}},
		{"older alarm", "REGISTER sip:c SIP/2.0\nReason: Q.850;cause=16\nReason: SIP ;cause=200;text=\"cisco-alarm:14 Name=SEP00EBD5D5D8C6 Load=SIP70.8-4-0-28S Last=cm-closed-tcp\"\n\n",
			map[string]any{"Alarm": 14, "AlarmLoad": "SIP70.8-4-0-28S", "AlarmLast": "cm-closed-tcp", "Device": "SEP00EBD5D5D8C6"}},
		{"other Reason", "REGISTER sip:c SIP/2.0\nReason: Q.850;cause=16\n\n", map[string]any{"Alarm": 0, "Reason": "Q.850;cause=16"}},
		{"features", "REGISTER sip:c SIP/2.0\nContact: <sip:a@b>;+u.sip!devicename.ccm.features.cisco.com=\"CSFANN\";+sip.instance=\"<urn:uuid:4f1c2a3b-0000-0000-0000-00ebd5d5d8c6>\"\n\n",
			map[string]any{"Device": "CSFANN", "MAC": "", "Instance": "<urn:uuid:4f1c2a3b-0000-0000-0000-00ebd5d5d8c6>"}},
		{"cut in the first line", "REGISTER sip:cuc", map[string]any{"Cut": true, "URI": "sip:cuc", "Expires": -1, "ContentLength": -1}},
		{"cut in a header", "REGISTER sip:c SIP/2.0\nCall-ID: 00eb", map[string]any{"Cut": true, "CallID": "00eb"}},
		{"cut in the content", "REGISTER sip:c SIP/2.0\nContent-Length: 1271\n\n--uniqueBoundary\n", map[string]any{"Cut": true, "Bulk": false}},
		{"unreadable numbers", "SIP/2.0 200 OK\nCSeq: 99999999999 REGISTER\nExpires: soon\nContent-Length: -5\nDate: today\n\n",
			map[string]any{"CSeq": uint32(0), "Expires": -1, "ContentLength": -1, "Date": time.Time{}}},
		{"expires with a parameter", "SIP/2.0 200 OK\nExpires: 120 ;x\n\n", map[string]any{"Expires": 120}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, ok := ParseSIP([]byte(tt.text))
			if !ok || !s.FromBody {
				t.Fatalf("%v %+v", ok, s)
			}
			check(t, s, tt.want)
			if strings.Contains(fmt.Sprintf("%+v", s), "secret") {
				t.Errorf("has a credential: %+v", s)
			}
		})
	}
	for _, text := range []string{"", "\n", "REGISTER", "Register sip:c SIP/2.0\n", "REGISTER sip:c\nTo: x\n", "SIP/2.0 20\n", "SIP/2.0 abc OK\n", "HTTP/1.1 200 OK\n", "GET / HTTP/1.1\n", "v=0\n"} {
		if s, ok := ParseSIP([]byte(text)); ok {
			t.Errorf("%q is %+v", text, s)
		}
	}
}

func TestContactParams(t *testing.T) {
	s, _ := ParseSIP([]byte("SIP/2.0 200 OK\nContact: \"a, <b>\" <sip:x@y;lr>;Expires=\"60\";Q=0.5;flag, <sip:z@y>\n\n"))
	if len(s.Contacts) != 2 || s.Contacts[0].URI != "sip:x@y;lr" || s.Contacts[0].Expires != 60 || s.Contacts[1].Expires != -1 {
		t.Fatalf("%+v", s.Contacts)
	}
	_, params := cutAddress(s.Contacts[0].Raw)
	for name, want := range map[string]string{"q": "0.5", "flag": "", "expires": "60"} {
		if v, ok := param(params, name); !ok || v != want {
			t.Errorf("%s is %q, %v", name, v, ok)
		}
	}
	if _, ok := param(params, "lr"); ok {
		t.Error("a parameter of the URI is none of the header")
	}
}

func TestBulk(t *testing.T) {
	for text, want := range map[string]bool{
		`<x-cisco-remotecc-request><bulkregisterreq><contact all="true"><register/></contact></bulkregisterreq>`: true,
		`<x-cisco-remotec-req> <BulkRegisterReq> <contact all='true'> <register></register>`:                     true,
		"<bulkregisterreq>\n<contact\n all = \"true\">":                                                          true,
		`<bulkregisterreq><contact all="false"><register/></contact></bulkregisterreq>`:                          false,
		`<bulkregisterreq></bulkregisterreq><contact all="true">`:                                                false,
		`<optionsind><combine max="6"/></optionsind><contact all="true">`:                                        false,
		`<bulkregisterreq><contact all="tru`:                                                                     false,
		`<bulkregisterreq><contact line="1"></contact><contact all="true"></contact></bulkregisterreq>`:          true,
	} {
		s, _ := ParseSIP([]byte("REGISTER sip:c SIP/2.0\nContent-Type: multipart/mixed;boundary=b\n\n--b\n\n" + text))
		if s.Bulk != want {
			t.Errorf("%s: %v", text, s.Bulk)
		}
	}
}

func TestMACOfCallID(t *testing.T) {
	for id, want := range map[string]string{
		"00ebd5d5-d8c60008-3d372b84-5f6b0fd9@192.0.2.35": "00EBD5D5D8C6",
		"00505696-ff30005e-00005f3d-00000f17":            "00505696FF30",
		"e7e75ff9a67fb2435b25eab2a1498171":               "",
		"01ebd5d5-d8c60008-3d372b84-5f6b0fd9@192.0.2.35": "", // a group's address
		"00000000-00000008-3d372b84-5f6b0fd9@192.0.2.35": "",
		"00ebd5dx-d8c60008-3d372b84-5f6b0fd9@192.0.2.35": "",
		"a678a78f-f348-4405-acbd-1495bc45253d@192.0.2.1": "",
		"": "",
	} {
		if got, ok := MACOfCallID(id); got != want || ok != (want != "") {
			t.Errorf("%s: %q %v", id, got, ok)
		}
	}
}

func FuzzSIP(f *testing.F) {
	for i := 1; i <= 2; i++ {
		text, err := os.ReadFile(fmt.Sprintf("testdata/procedure_%d.txt", i))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(" SIPMSG:\n |SIP/2.0 401 Unauthorized\n WWW-Authenticate: Bearer error=x\n Contact: \"\\\n\n |"))
	f.Fuzz(func(t *testing.T, text []byte) {
		body := bodyOf(text)
		if len(body) > len(text) {
			t.Fatal("a body longer than its record")
		}
		for _, b := range [][]byte{body, text} {
			const secret = "s3cr3t-0f-nobody"
			s, ok := ParseSIP(b)
			if !ok || bytes.Contains(b, []byte(secret)) {
				continue
			}
			if s.Request != (s.Code == 0) || len(s.Vias) > maxValues || len(s.Contacts) > maxValues {
				t.Fatalf("%+v", s)
			}
			// Line ends make no difference, and what a credential is shows nowhere.
			lf := bytes.ReplaceAll(b, []byte("\r"), nil)
			s1, _ := ParseSIP(lf)
			s2, _ := ParseSIP(bytes.ReplaceAll(lf, []byte("\n"), []byte("\r\n")))
			s1.Cut, s2.Cut = false, false // counts bytes
			if fmt.Sprintf("%+v", s1) != fmt.Sprintf("%+v", s2) {
				t.Fatalf("with LF %+v\nwith CRLF %+v", s1, s2)
			}
			first, rest, _ := bytes.Cut(bytes.TrimLeft(lf, "\n"), []byte("\n"))
			with := fmt.Sprintf("%s\nAuthorization: Digest username=\"a\", response=\"%s\"\nProxy-Authorization: %s\n%s", first, secret, secret, rest)
			if s3, ok := ParseSIP([]byte(with)); ok && strings.Contains(fmt.Sprintf("%+v", s3), secret) {
				t.Fatalf("%q\n%+v", with, s3)
			}
		}
	})
}
