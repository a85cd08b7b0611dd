package expressway

import (
	"bytes"
	"strings"
)

// isServiceControl reports whether an Event header is of CUCM's orders to a phone.
func isServiceControl(v []byte) bool {
	name, _, _ := bytes.Cut(v, []byte(";"))
	return strings.EqualFold(string(bytes.TrimSpace(name)), "service-control")
}

// prtReport reads the body of such a NOTIFY: lines of key=value, of which action=prt-report
// asks for the phone's problem report.
func (s *SIP) prtReport(content []byte) {
	if !s.service || !s.Request || s.Method != "NOTIFY" {
		return
	}
	for line := range bytes.Lines(content) {
		key, value, _ := strings.Cut(string(bytes.TrimSpace(line)), "=")
		value = strings.Trim(strings.TrimSpace(value), `{}"`)
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "action":
			s.PRTReport = s.PRTReport || strings.EqualFold(value, "prt-report")
		case "registercallid":
			if s.RegisterCall == "" {
				s.RegisterCall = value
			}
		}
	}
	if !s.PRTReport {
		s.RegisterCall = ""
	}
}
