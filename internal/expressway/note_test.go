package expressway

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// notes reads a text and returns the notes of its records.
func notes(t testing.TB, text string) []Note {
	t.Helper()
	var out []Note
	for _, r := range readAll(t, strings.NewReader(text), Ref{MTime: time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)}) {
		if n, ok := r.Note(); ok {
			out = append(out, n)
		}
	}
	return out
}

const (
	prefix = `2026-03-02T09:14:07.512-05:00 expc01 tvcs: UTCTime="2026-03-02 14:14:07,511" `
	// infoDetail is the example of the facts.
	infoDetail = `Receive Request Method=REGISTER, CSeq=1176, To=sip:7022@cucm01.example.com, Call-ID=00ebd5d5-d8c60008-3d372b84-5f6b0fd9@192.0.2.35, From-Tag=00ebd5d5d8c6035e, To-Tag=, Msg-Hash=17912736280473840983`
	infoEnds   = `Action="Received" Local-ip="10.0.30.2" Local-port="5061" Src-ip="10.0.40.9" Src-port="25013" `
	info       = prefix + `Module="network.sip" Level="INFO":  ` + infoEnds + `Detail="` + infoDetail + "\"\n"
	// trying is the facts' example of a record with a body.
	trying = `2026-03-02T09:14:07.975-05:00 expe01 tvcs: UTCTime="2026-03-02 14:14:07,975" Module="network.sip" Level="DEBUG":  Action="Sent" Local-ip="10.0.40.5" Local-port="5061" Dst-ip="198.51.100.7" Dst-port="47177" Msg-Hash="2361015613522984204"
 SIPMSG:
 |SIP/2.0 100 Trying
 Via: SIP/2.0/TLS 198.51.100.7:47177;branch=z9hG4bKcf3cbf79;received=198.51.100.7;rport=47177;ingress-zone=CollaborationEdgeZone
 Call-ID: e7e75ff9a67fb2435b25eab2a1498171
 CSeq: 100 REGISTER
 Content-Length: 0
 
 |

`
)

// tell puts a Note into one line.
func tell(n Note) string {
	way := "<-"
	if n.Sent {
		way = "->"
	}
	end := func(a netip.AddrPort) string {
		if !a.IsValid() {
			return "?"
		}
		return a.String()
	}
	s := fmt.Sprintf("%d %s %s[%s] %s/%s %s%s%s", n.Kind, n.Time.Format("15:04:05.999"), n.Host, n.Process, n.Module, n.Level, end(n.Local), way, end(n.Peer))
	for _, t := range []string{n.Hash, n.TCP, n.Event, n.Detail, n.Reason} {
		if t != "" {
			s += " " + t
		}
	}
	if n.SIP != nil {
		s += fmt.Sprintf(" %v %s %d %d %s", n.SIP.Request, n.SIP.Method, n.SIP.Code, n.SIP.CSeq, n.SIP.CallID)
	}
	return s
}

func TestNotes(t *testing.T) {
	const (
		sipHead = "14:14:07.511 expc01[tvcs] network.sip/"
		told    = "1 " + sipHead + "INFO 10.0.30.2:5061<-10.0.40.9:25013 17912736280473840983 true REGISTER 0 1176 00ebd5d5-d8c60008-3d372b84-5f6b0fd9@192.0.2.35"
		tcp     = prefix + `Module="network.tcp" Level="DEBUG":  `
		tcpHead = "3 14:14:07.511 expc01[tvcs] network.tcp/"
		body    = `Msg-Hash="7"` + "\n SIPMSG:\n |"
		debug   = prefix + `Module="network.sip" Level="DEBUG":  Action="Received" `
	)
	tests := []struct{ name, text, want string }{
		{"INFO", info, told},
		{"CRLF", strings.ReplaceAll(info, "\n", "\r\n"), told},
		{"session IDs", strings.ReplaceAll(info, `983"`, `983, Local-SessionID=, Remote-SessionID="`), told},
		{"blanks", strings.ReplaceAll(info, `" `, `"   `), told},
		{"not padded", strings.Replace(info, "07,511", "07,92", 1), strings.Replace(told, ".511", ".092", 1)},
		{"no fraction", strings.Replace(info, "07,511", "07", 1), strings.Replace(told, ".511", "", 1)},
		{"no UTCTime", strings.Replace(info, `UTCTime="2026-03-02 14:14:07,511" `, "", 1), strings.Replace(told, ".511", ".512", 1)},
		{"pid", strings.Replace(info, "tvcs:", "tvcs[18242]:", 1), told},
		{"no colon", strings.Replace(info, "tvcs:", "tvcs", 1), told},
		{"two words", strings.Replace(info, "tvcs:", "tvcs[8724]: web:", 1), told},
		{"no process", strings.Replace(info, "tvcs: ", "", 1), strings.Replace(told, "[tvcs]", "[]", 1)},
		{"level with a blank", strings.Replace(info, `"INFO"`, `"WARN "`, 1), strings.Replace(told, "INFO", "WARN", 1)},
		{"level of a number", strings.Replace(info, `"INFO"`, `"1"`, 1), strings.Replace(told, "INFO", "1", 1)},
		{"free text", strings.Replace(info, `INFO":  `, `INFO" Thread="0x7f [1]": some <text> with a=b, it's `, 1), told},
		{"repeated keys", strings.Replace(info, ` Detail=`, ` Src-ip="192.0.2.99" Level="DEBUG" Action="Sent" Detail=`, 1), told},
		{"odd values", strings.Replace(info, ` Src-ip=`, ` X="[a<b='c'" Src-ip=`, 1), told},
		{"syslog", strings.Replace(info, "2026-03-02T09:14:07.512-05:00", "Mar  2 14:14:08", 1), told},
		{"syslog, two digits", strings.Replace(info, "2026-03-02T09:14:07.512-05:00", "Jun 17 23:56:04", 1), told},
		{"remote syslog, RFC 5424", "<134>1 2026-03-02T14:14:08.9Z expc01 tvcs 123 - - " + info[strings.Index(info, "UTCTime"):], told},
		{"remote syslog, RFC 3164", "<134>Mar  2 14:14:08 expc01 tvcs: " + info[strings.Index(info, "UTCTime"):], told},
		{"remote syslog, the record whole", "<134>1 2026-03-02T14:14:08.9Z relay tvcs - - - " + info, told},
		{"remote syslog, a relay's file", "Mar  2 14:14:08 relay " + info, told},
		{"comma in To", strings.Replace(info, "sip:7022@", "sip:a, b@", 1), told},
		{"IPv6", strings.Replace(info, "10.0.40.9", "2001:db8::9", 1), strings.Replace(told, "10.0.40.9", "[2001:db8::9]", 1)},
		{"cut in the Detail", info[:strings.Index(info, "-3d37")], "1 " + sipHead + "INFO 10.0.30.2:5061<-10.0.40.9:25013 true REGISTER 0 1176 00ebd5d5-d8c60008"},
		{"answer sent", prefix + `Module="network.sip" Level="INFO":  Action="Sent" Local-ip="10.0.30.2" Local-port="25013" Dst-ip="10.0.50.11" Dst-port="5060" Detail="Sending Response Code=200, Method=REGISTER, CSeq=9, To=sip:1@c, Call-ID=x, From-Tag=a, To-Tag=b, Msg-Hash=5"`,
			"1 " + sipHead + "INFO 10.0.30.2:25013->10.0.50.11:5060 5 false REGISTER 200 9 x"},
		{"no Action", strings.Replace(strings.Replace(info, `Action="Received" `, "", 1), "Receive R", "Sending R", 1), "1 " + sipHead + "INFO 10.0.30.2:5061->? 17912736280473840983 true REGISTER 0 1176 00ebd5d5-d8c60008-3d372b84-5f6b0fd9@192.0.2.35"},
		{"body", trying, "2 14:14:07.975 expe01[tvcs] network.sip/DEBUG 10.0.40.5:5061->198.51.100.7:47177 2361015613522984204 false REGISTER 100 100 e7e75ff9a67fb2435b25eab2a1498171"},
		{"relay wrote #012", strings.ReplaceAll(strings.TrimSpace(trying), "\n", "#012") + "\n", "2 14:14:07.975 expe01[tvcs] network.sip/DEBUG 10.0.40.5:5061->198.51.100.7:47177 2361015613522984204 false REGISTER 100 100 e7e75ff9a67fb2435b25eab2a1498171"},
		{"body cut before CSeq", debug + body + "SIP/2.0 200 OK\n Call-ID: x\n", "2 " + sipHead + "DEBUG ?<-? 7 false  200 0 x"},
		{"cseq", debug + body + "SIP/2.0 200 OK\n cseq: 5 REGISTER\n \n |", "2 " + sipHead + "DEBUG ?<-? 7 false REGISTER 200 5 "},
		{"other methods", strings.ReplaceAll(info, "REGISTER", "OPTIONS") + strings.ReplaceAll(trying, "REGISTER", "INVITE") + debug + body + "OPTIONS sip:c SIP/2.0\n Allow: REGISTER\n |\n" +
			debug + body + "SIP/2.0 200 OK\n CSeq: 5 OPTIONS\n Allow: REGISTER\n |\n" + debug + body + "SIP/2.0 200 OK\n Allow: REGISTER\n cseq: 5 OPTIONS\n |\n", ""},
		{"other modules", prefix + `Module="network.http" Level="DEBUG":  Detail="REGISTER"` + "\n HTTPMSG:\n |GET / HTTP/1.1\n |\n" + prefix + `Module="developer.sip" Level="INFO":  Detail="REGISTER"` + "\n" + prefix + "REGISTER\n", ""},
		{"words about REGISTER", prefix + `Module="network.sip" Level="ERROR":  Detail="REGISTER timed out"`, "0 " + sipHead + "ERROR ?<-? REGISTER timed out"},
		{"free words", prefix + `Module="network.sip" Level="ERROR":  REGISTER timed out, Authorization: Digest x`, "0 " + sipHead + "ERROR ?<-? REGISTER timed out,"},
		{"TCP", tcp + `Src-ip="10.0.30.2" Src-port="25013" Dst-ip="10.0.50.11" Dst-port="5060"  Connection-ID="1" Detail="TCP Connecting"`, tcpHead + "DEBUG 10.0.30.2:25013<-10.0.50.11:5060 TCP Connecting"},
		{"TCP closed", tcp + `Src-ip="10.0.30.2" Src-port="25013" Dst-ip="10.0.50.11" Dst-port="5060" Detail="TCP Connection Closed" Reason="Got EOF on socket"`, tcpHead + "DEBUG 10.0.30.2:25013<-10.0.50.11:5060 TCP Connection Closed Got EOF on socket"},
		{"TCP without Src", strings.Replace(tcp, "DEBUG", "ERROR", 1) + `Dst-ip="10.0.50.11" Dst-port="5060" Detail="TCP Connection Failed"`, tcpHead + "ERROR ?<-10.0.50.11:5060 TCP Connection Failed"},
		{"TCP otherwise", tcp + `Detail="Socket limit"`, "0" + tcpHead[1:] + "DEBUG ?<-? Socket limit"},
		{"alarm", `2026-03-02T09:14:07.512-05:00 expc01 alarm: Level="WARN" Event="Alarm Raised" Id="25022" Detail="clocks <differ>" Reason="x" UTCTime="2026-03-02 14:14:07,511"`, "4 14:14:07.511 expc01[alarm] /WARN ?<-? Alarm Raised clocks <differ> x"},
		{"calls", `2026-03-02T09:14:07.512-05:00 expc01 tvcs: Event="Call Attempted" Service="SIP" Level="1" UTCTime="2026-03-02 14:14:07,511"` + "\n" + `2026-03-02T09:14:07.512-05:00 expc01 tvcs: Event="Search Completed" Level="1"`, ""},
		{"not a head", "Module=\"network.sip\" REGISTER\n", ""},
		{"nothing but a time", "2026-03-02T09:14:07.512-05:00 \n2026-03-02T09:14:07.512-05:00 e\n", ""},
	}
	for _, tt := range tests {
		var got []string
		for _, n := range notes(t, tt.text) {
			got = append(got, tell(n))
		}
		if s := strings.Join(got, "; "); s != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, s, tt.want)
		}
	}
}

func TestOneLine(t *testing.T) {
	n := notes(t, info)[0]
	check(t, *n.SIP, map[string]any{"To": "sip:7022@cucm01.example.com", "ToUser": "7022", "ToHost": "cucm01.example.com", "FromTag": "00ebd5d5d8c6035e", "ToTag": "",
		"CSeqMethod": "REGISTER", "Expires": -1, "ContentLength": -1})
	if n.SIP.FromBody || n.Detail != "" {
		t.Errorf("%+v", n)
	}
	for _, detail := range []string{"", "Receive", "Receive Request", "Received Request Method=REGISTER", "Sending Method=REGISTER", "Receive Response, Code=200"} {
		if s, _, _, ok := parseOneLine([]byte(detail)); ok {
			t.Errorf("%q is %+v", detail, s)
		}
	}
}

func TestPlaces(t *testing.T) {
	text := "cut\n" + info + trying
	got := notes(t, text)
	if len(got) != 2 || got[0].Offset != 4 || got[0].Length != int64(len(info)) || got[1].Offset != int64(4+len(info)) || got[1].Length != int64(len(trying)) {
		t.Fatalf("%+v", got)
	}
}

func TestBodyInEveryForm(t *testing.T) {
	const head = "2026-03-02T09:14:07.975-05:00 expe01 tvcs: Module=\"network.sip\"\n"
	const pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
	tests := []struct{ name, text, want string }{
		{"ordinary", head + " SIPMSG:\n |A b\n C: d\n \n |\n\n", "A b\nC: d\n\n"},
		{"bar at column 0", head + " SIPMSG:\n|A b\n C: d\n \n|\n\n", "A b\nC: d\n\n"},
		{"two blanks before the bar", head + " SIPMSG:\n  |A b\n C: d\n \n  |\n\n", "A b\nC: d\n\n"},
		{"bar glued", head + " SIPMSG:\n |A b\n C: d\n \n a=crypto:***|\n\n", "A b\nC: d\n\na=crypto:***"},
		{"not indented", head + "SIPMSG:\n|A b\nC: d\n\n|\n", "A b\nC: d\n\n"},
		{"folded", head + " SIPMSG:\n |A b\n C: d\n  e\n \n |\n", "A b\nC: d\n e\n\n"},
		{"PEM not indented", head + " SIPMSG:\n |A b\n C: d\n \n" + pem + " |\n", "A b\nC: d\n\n" + pem},
		{"HTTP", head + " HTTPMSG:\n |GET / HTTP/1.1\n Host: x\n \n |\n", "GET / HTTP/1.1\nHost: x\n\n"},
		{"CRLF", strings.ReplaceAll(head+" SIPMSG:\n |A b\n C: d\n \n |\n\n", "\n", "\r\n"), "A b\nC: d\n\n"},
		{"on the head line", strings.TrimSpace(head) + " SIPMSG:\n |A b\n C: d\n |\n", "A b\nC: d\n"},
		{"bars within", head + " SIPMSG:\n |A b\n C: d|e\n \n |x\n |\n", "A b\nC: d|e\n\n|x\n"},
		{"cut", head + " SIPMSG:\n |A b\n C: d\n Ex", "A b\nC: d\nEx"},
		{"cut at once", head + " SIPMSG:\n", ""},
		{"only a bar", head + " SIPMSG:\n |", ""},
		{"escaped", strings.TrimSpace(head) + "#012 SIPMSG:#012 |A b#015#012 C: d#012 #012 |#012", "A b\nC: d\n\n"},
		{"none", head + " Text\n XSIPMSG: no\n", "none"},
	}
	for _, tt := range tests {
		got := string(bodyOf([]byte(tt.text)))
		if bodyOf([]byte(tt.text)) == nil {
			got = "none"
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
