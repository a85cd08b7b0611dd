package expressway

import (
	"bytes"
	"strings"
)

// contacts reads the phone's marks from its Contacts.
func (s *SIP) contacts() {
	for i := range s.Contacts {
		_, params := cutAddress(s.Contacts[i].Raw)
		for params != "" {
			var name, value string
			name, value, params = nextParam(params)
			switch {
			case name == "":
			case name[0] == '+':
				s.phone(name, value)
			case strings.EqualFold(name, "x-cisco-newreg"):
				s.NewReg = s.NewReg || !s.Request
			case strings.EqualFold(name, "cisco-keep-alive"):
				s.KeepAlive = true
			}
		}
	}
	if s.Device == "" {
		s.Device = s.AlarmName
	}
}

// phone reads +sip.instance, +u.sip!devicename.ccm.cisco.com and its like, in the
// procedure's spelling (+u.sip.device.name) too.
func (s *SIP) phone(name, value string) {
	has := func(prefix string) bool {
		return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
	}
	switch {
	case has("+sip.instance"):
		if s.Instance == "" {
			s.Instance, s.MAC = value, macOfInstance(value)
		}
	case has("+u.sip!devicename"), has("+u.sip.devicename"), has("+u.sip.device.name"):
		setString(&s.Device, value)
	case has("+u.sip!model"), has("+u.sip.model"):
		setString(&s.Model, value)
	case has("+u.sip!userid"), has("+u.sip.userid"), has("+u.sip.user.id"):
		setString(&s.UserID, value)
	}
}

func setString(to *string, v string) {
	if *to == "" {
		*to = v
	}
}

// isBulk knows the part of a body that registers all lines.
func isBulk(content []byte) bool {
	lower := bytes.ToLower(content)
	_, part, ok := bytes.Cut(lower, []byte("<bulkregisterreq"))
	if !ok {
		return false
	}
	part, _, _ = bytes.Cut(part, []byte("</bulkregisterreq"))
	for {
		if _, part, ok = bytes.Cut(part, []byte("<contact")); !ok {
			return false
		}
		tag, _, _ := bytes.Cut(part, []byte(">"))
		_, all, ok := bytes.Cut(tag, []byte("all"))
		all = bytes.TrimLeft(all, " =\t\r\n")
		if ok && len(all) > 4 && (all[0] == '"' || all[0] == '\'') && string(all[1:5]) == "true" {
			return true
		}
	}
}

// lacks reports whether the content is shorter than it should be. The log has LF for
// CRLF, and drops the last line end.
func (s *SIP) lacks(content []byte) bool {
	return len(content)+bytes.Count(content, []byte("\n"))+2 < s.ContentLength
}
