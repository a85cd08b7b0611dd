package expressway

import (
	"io"
	"strings"
	"testing"
)

// TestMessage: every SIP message of a log, whatever its method; what is none is none.
func TestMessage(t *testing.T) {
	const head = `2026-03-02T09:14:07.975-05:00 expe01 tvcs: UTCTime="2026-03-02 14:14:07,975" Module="network.sip" Level="DEBUG":  Action="Sent" Local-ip="10.0.40.5" Local-port="5061" Dst-ip="2001:db8::7" Dst-port="47177" Msg-Hash="23"`
	for name, c := range map[string]struct {
		record, body string
		whole        bool
	}{
		"answer":            {head + "\n SIPMSG:\n |SIP/2.0 100 Trying\n CSeq: 1 INVITE\n \n |\n\n", "SIP/2.0 100 Trying\nCSeq: 1 INVITE\n\n", true},
		"glued bar":         {head + "\n SIPMSG:\n|INVITE sip:a@b SIP/2.0\n l: 1\n \n x|\n", "INVITE sip:a@b SIP/2.0\nl: 1\n\nx", true},
		"cut":               {head + "\n SIPMSG:\n |NOTIFY sip:a@b SIP/2.0\n CSe", "NOTIFY sip:a@b SIP/2.0\nCSe", false},
		"relayed":           {head + "#012 SIPMSG:#012 |BYE sip:a@b SIP/2.0#012 CSeq: 2 BYE#012 #012 |\n", "BYE sip:a@b SIP/2.0\nCSeq: 2 BYE\n\n", true},
		"HTTP":              {head + "\n HTTPMSG:\n |GET http://a HTTP/1.1\n |\n", "", false},
		"HTTP that quotes":  {head + "\n HTTPMSG:\n |GET http://a HTTP/1.1\n SIPMSG:\n |BYE sip:a@b SIP/2.0\n |\n", "", false},
		"no message at all": {head + "\n", "", false},
	} {
		rec, err := NewRecordReader(strings.NewReader(c.record), 0, Ref{}).Next()
		if err != nil && err != io.EOF {
			t.Fatal(err)
		}
		m, ok := rec.Message(nil)
		if ok != (c.body != "") || string(m.Body) != c.body || m.Whole != c.whole {
			t.Errorf("%s: %q, %v", name, m.Body, m.Whole)
		}
		if ok && (m.Host != "expe01" || !m.Sent || m.Local.String() != "10.0.40.5:5061" || m.Peer.String() != "[2001:db8::7]:47177" || m.Hash != "23" || m.Time.Nanosecond() != 975e6) {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

func TestMessageLine(t *testing.T) {
	for line, want := range map[string]bool{
		`2026-03-02T09:14:07.975-05:00 expe01 tvcs: UTCTime="2026-03-02 14:14:07,975" Module="network.sip" Level="INFO":  Action="Sent" Detail="Sending Response Code=200, Method=BYE"`: true,
		`2026-03-02T09:14:07.975-05:00 expe01 tvcs: UTCTime="2026-03-02 14:14:07,975" Module="network.sip" Level="ERROR":  Detail="Receive buffer is full"`:                             false,
		`2026-03-02T09:14:07.975-05:00 expe01 tvcs: UTCTime="2026-03-02 14:14:07,975" Module="network.tcp" Level="DEBUG":  Detail="TCP Connecting"`:                                     false,
	} {
		rec, err := NewRecordReader(strings.NewReader(line+"\n"), 0, Ref{}).Next()
		if err != nil && err != io.EOF || rec.MessageLine() != want {
			t.Errorf("%s: %v, %v", line, rec.MessageLine(), err)
		}
	}
}
