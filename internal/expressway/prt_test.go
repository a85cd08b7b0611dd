package expressway

import "testing"

func TestPRTReport(t *testing.T) {
	head := "NOTIFY sip:1b2c@10.1.2.3:5061;transport=tls SIP/2.0\r\nTo: <sip:7042@10.0.20.11>\r\nCall-ID: x@10.0.20.11\r\nCSeq: 101 NOTIFY\r\n"
	body := "action=prt-report\r\nRegisterCallId={00ebd5d5-d8c60002-1a2b3c4d-5e6f7a8b@10.1.2.3}\r\n"
	for name, c := range map[string]struct {
		text  string
		asked bool
	}{
		"asked":                   {head + "Event: service-control\r\nSubscription-State: active\r\n\r\n" + body, true},
		"in short":                {head + "o: Service-Control;x=y\n\n" + body, true},
		"another order":           {head + "Event: service-control\r\n\r\naction=reset\r\nRegisterCallId={a@b}\r\n", false},
		"another event":           {head + "Event: message-summary\r\n\r\n" + body, false},
		"cut before the body":     {head + "Event: service-control\r\n", false},
		"an answer":               {"SIP/2.0 200 OK\r\nCSeq: 101 NOTIFY\r\nEvent: service-control\r\n\r\n" + body, false},
		"a word that begins so":   {head + "Event: service-control\r\n\r\naction=prt-reports\r\n", false},
		"without the registering": {head + "Event: service-control\r\n\r\naction = PRT-Report", true},
	} {
		s, ok := ParseSIP([]byte(c.text))
		if !ok || s.PRTReport != c.asked {
			t.Errorf("%s: %v, %+v", name, ok, s)
		}
		if c.asked && name != "without the registering" && s.RegisterCall != "00ebd5d5-d8c60002-1a2b3c4d-5e6f7a8b@10.1.2.3" {
			t.Errorf("%s: %q", name, s.RegisterCall)
		}
	}
}
