package expressway

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestHeadTime(t *testing.T) {
	ny, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	ref := Ref{MTime: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), Zone: ny}
	for _, tt := range []struct{ name, line, want string }{
		{"UTCTime wins", `2026-03-02T09:14:07.512-05:00 expc01 tvcs: UTCTime="2026-03-02 14:14:07,511" Module="network.sip"`, "2026-03-02T14:14:07.511Z"},
		{"prefix alone", `2026-03-02T09:14:07.512-05:00 expc01 XCP_JABBERD[20026]: text`, "2026-03-02T14:14:07.512Z"},
		{"no milliseconds", `2016-04-19T17:09:13+10:00 host tvcs: text`, "2016-04-19T07:09:13Z"},
		{"fraction not padded", `2021-06-17T17:46:20.092+00:00 h tvcs: UTCTime="2021-06-17 17:46:20,92" X="1"`, "2021-06-17T17:46:20.092Z"},
		{"UTCTime without fraction", `2021-06-17T17:46:20.092+00:00 h tvcs: UTCTime="2021-06-17 17:46:20" X="1"`, "2021-06-17T17:46:20Z"},
		{"UTCTime last", `2026-03-02T09:14:07.512-05:00 h tvcs: Event="Call Attempted" Level="1" UTCTime="2026-03-02 14:14:07,1"`, "2026-03-02T14:14:07.001Z"},
		{"odd UTCTime falls back", `2026-03-02T09:14:07.512-05:00 h tvcs: UTCTime="yesterday"`, "2026-03-02T14:14:07.512Z"},
		{"syslog, last year", `Dec 31 19:00:01 expe01 tvcs: text`, "2026-01-01T00:00:01Z"},
		{"syslog, one digit", `Jan  1 00:00:00 expe01 tvcs: text`, "2026-01-01T05:00:00Z"},
		{"body", ` Via: SIP/2.0/TLS 198.51.100.7:47177`, ""},
		{"a date in a body", `2026-03-02T09:14:07.512-05:00`, ""},
		{"no 30 February", `2026-02-30T09:14:07.512-05:00 h x`, ""},
		{"half a head", `2026-03-02T09:1`, ""},
		{"dot without digits", `2026-03-02T09:14:07.-05:00 host text`, ""},
	} {
		got, ok := HeadTime([]byte(tt.line), ref)
		if s := got.Format(time.RFC3339Nano); ok != (tt.want != "") || ok && s != tt.want {
			t.Errorf("%s: %v %v, want %q", tt.name, s, ok, tt.want)
		}
	}
}

func TestFamilyOf(t *testing.T) {
	fams := []string{"network_log", "messages", "messages_audit"}
	for name, want := range map[string]string{
		"network_log": "network_log", "network_log.1": "network_log", "network_log-20260302.gz": "network_log", "network_log_old": "network_log",
		"network_logs": "", "xnetwork_log": "", "messages_audit.2": "messages_audit", "messages.;rm -rf": "messages", "": "", "network_lo": "",
	} {
		if got := FamilyOf(name, fams); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	if !NaturalLess("a.2", "a.10") || NaturalLess("a.10", "a.2") || NaturalLess("a", "a") || !NaturalLess("a", "a.1") {
		t.Error("natural order")
	}
}

// FuzzLines: lines joined are the input, whatever it is and however it arrives.
func FuzzLines(f *testing.F) {
	f.Add([]byte("2026-03-02T09:14:07.512-05:00 h tvcs: x\n SIPMSG:\n |a\n \n |\n\n"), false)
	f.Add([]byte("cut li\x00\x00\x002026-03-02T09:14:07.512-05:00 h tvcs: x"), true)
	f.Add([]byte(strings.Repeat("z", 3*MaxLine)+"\n\nJun 17 23:56:04 host x"), false)
	f.Fuzz(func(t *testing.T, in []byte, slow bool) {
		var r io.Reader = bytes.NewReader(in)
		if slow {
			r = iotest.HalfReader(r)
		}
		lines := NewLineReader(r, 7, Ref{})
		at := int64(7)
		for {
			line, err := lines.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if line.Offset != at || line.Length < 1 {
				t.Fatalf("line at %d of %d bytes, want offset %d", line.Offset, line.Length, at)
			}
			if got := in[at-7:][:len(line.Text)]; !bytes.Equal(got, line.Text) {
				t.Fatalf("text at %d: %q, want %q", at, line.Text, got)
			}
			at += line.Length
		}
		if at != int64(7+len(in)) {
			t.Fatalf("%d bytes came back of %d", at-7, len(in))
		}
	})
}

func TestGluedRecord(t *testing.T) {
	lines := NewLineReader(strings.NewReader("2026-03-02T09:14:07-05:00 a cut\x00\x00\x002026-03-02T09:15:07-05:00 b tvcs: x\n"), 0, Ref{})
	heads := 0
	for line, err := lines.Next(); err == nil; line, err = lines.Next() {
		if line.Head {
			heads++
		}
	}
	if heads != 2 {
		t.Errorf("%d records, want 2", heads)
	}
}

const sample = `2026-03-02T09:14:07.512-05:00 expc01 tvcs: UTCTime="2026-03-02 14:14:07,511" Module="network.sip" Level="INFO":  Action="Received" Local-ip="10.0.30.2" Local-port="25100" Src-ip="10.0.40.9" Src-port="7001" Detail="Receive Request Method=REGISTER, CSeq=1176, To=sip:7022@cucm01.example.com"
2026-03-02T09:14:07.975-05:00 expc01 tvcs: UTCTime="2026-03-02 14:14:07,975" Module="network.sip" Level="DEBUG":  Action="Sent" Local-ip="10.0.30.2" Local-port="5061" Dst-ip="198.51.100.7" Dst-port="47177" Msg-Hash="2361015613522984204"
 SIPMSG:
 |REGISTER sip:cucm01 SIP/2.0
 Proxy-Authorization: Digest username="x"
 Authorization: Digest username="y"

 |

`

func TestSurvey(t *testing.T) {
	var s Survey
	if err := s.Add(strings.NewReader(sample), Ref{}); err != nil {
		t.Fatal(err)
	}
	if s.Records != 2 || s.SIP != 1 || s.Bodies != 1 || s.Credentials != 2 || s.BodiesLogged() != "yes" {
		t.Errorf("%+v %s", s, s.BodiesLogged())
	}
	if own, peers := s.Own(), s.Peers(); len(own) != 1 || own[0] != "10.0.30.2" || len(peers) != 1 || peers[0] != "10.0.40.9" {
		t.Errorf("own %v, peers %v", own, peers)
	}
	if s.Last.Sub(s.First) != 464*time.Millisecond {
		t.Errorf("from %v to %v", s.First, s.Last)
	}
	var info Survey
	if err := info.Add(strings.NewReader(strings.SplitAfter(sample, "\n")[0]), Ref{}); err != nil || info.BodiesLogged() != "no" {
		t.Errorf("INFO only: %s, %v", info.BodiesLogged(), err)
	}
}

// A survey tells the role by the ports of traversal zones, and the host's name, only where
// several records agree and none contradicts.
func TestSurveyRole(t *testing.T) {
	rec := func(host, near, far string) string {
		return "2026-03-02T14:14:07.500+00:00 " + host + ` tvcs: UTCTime="2026-03-02 14:14:07,500" Module="network.tcp" Level="DEBUG":  Src-ip="10.0.0.9" Src-port="` + far + `" Local-ip="10.0.0.1" Local-port="` + near + `"` + "\n"
	}
	e, c, phone := rec("expe01", "7001", "25013"), rec("expc01", "25013", "7002"), rec("expe01", "5061", "7005")
	for _, tt := range []struct{ text, want string }{
		{e + e + e, "E expe01"}, {c + c + c, "C expc01"}, {e + e, " expe01"}, {c + c + c + rec("expc01", "7001", "25013"), " expc01"},
		{phone + phone + phone + phone, " expe01"}, {phone + e + e + e, "E expe01"}, {rec("x", "7001", "7002") + strings.Repeat(rec("x", "7001", ""), 4), " x"},
		{strings.Repeat(e, nameEvery) + rec("other", "1", "2"), "E "}, {"", " "}, {rec("EXPE01.", "1", "2") + strings.Repeat(rec("expe01", "1", "2"), nameEvery), " expe01"},
	} {
		var s, joined Survey
		if err := s.Add(strings.NewReader(tt.text), Ref{}); err != nil {
			t.Fatal(err)
		}
		joined.Join(&s)
		if got := s.Role() + " " + s.Name(); got != tt.want || joined.Role()+" "+joined.Name() != tt.want {
			t.Errorf("%q, want %q of\n%s", got, tt.want, tt.text)
		}
	}
}
