package expressway

import (
	"bytes"
	"rtmtgrab/internal/evidence"
	"strconv"
	"strings"
	"time"
)

// A SIP is what is known of a SIP message, from its one line or from its text. It
// never has the value of a credential. Text is as it was logged unless stated.
type SIP struct {
	Request bool
	Method  string // of an answer: that of the request
	Code    int    // of an answer
	Phrase  string // of an answer's first line
	URI     string // of a request's first line

	To, ToUser, From string // To, From: the URI
	ToHost           string // without port, in lower case
	FromTag, ToTag   string
	CallID           string
	CSeq             uint32
	CSeqMethod       string

	FromBody bool // made from the message's text: what follows, but for Cut, is known only then
	// Cut: the text ends before Content-Length bytes, or in the headers without a
	// Content-Length of 0. What is missing from a cut message may have been there. Of one
	// line: no quote closes it, and the last that it has may lack its end.
	Cut           bool
	Vias          []string // topmost first
	Branch        string   // of the topmost Via
	Expires       int      // seconds; -1: no such header, as in what is made from one line
	Contacts      []Contact
	Bulk          bool // has <bulkregisterreq> with <contact all="true">: all lines register
	ContentLength int  // -1: no such header
	ContentType   string
	// Of an answer: its body is an x-cisco-remotecc-response, which answers a full
	// REGISTER; the worst code in it; the numbers of the lines that it lists.
	Remotecc     bool
	RemoteccCode int
	Numbers      []string
	NewReg       bool // an answer with x-cisco-newreg in a Contact
	KeepAlive    bool // cisco-keep-alive in a Contact: keep-alive to a secondary CUCM
	// Of CUCM's NOTIFY of Event service-control: the phone is to send its problem report (PRT);
	// and the Call-ID of the registration that it is about.
	PRTReport    bool
	RegisterCall string
	service      bool // Event: service-control

	Device, Model, UserID string // from Contact; Device also from the alarm's Name=
	Instance              string // +sip.instance of the first Contact that has one
	MAC                   string // of Instance: twelve digits in upper case, or empty

	Date              time.Time // zero: no such header, or unreadable
	UserAgent, Server string
	Reason            string // the header with a cisco-alarm, else the first
	Warning           string
	RetryAfter        string
	Auth              string // scheme of (Proxy-)Authorization: "", "digest", "bearer", "basic", "other"
	Challenge         string // the same of WWW- or Proxy-Authenticate
	ChallengeError    string // error="…" of a challenge, e.g. invalid_token

	// Of Reason: text="cisco-alarm:14 Name=SEP… Load=… Last=cm-closed-tcp".
	Alarm     int    // 0: none
	AlarmName string // Name=
	AlarmLoad string // ActiveLoad=, or Load= of older phones
	AlarmLast string // Last=
}

// ParseSIP reads a SIP message with line ends of LF or CRLF, as far as it goes: it may be
// cut anywhere, folded, in short header forms. False: its first line is none of SIP.
func ParseSIP(body []byte) (SIP, bool) {
	s := SIP{FromBody: true, Expires: -1, ContentLength: -1}
	body = bytes.TrimLeft(body, "\r\n")
	first, rest, whole := bytes.Cut(body, []byte("\n"))
	if !s.firstLine(trimCR(first), whole) {
		return SIP{}, false
	}
	content, ended := s.headers(rest)
	s.Cut = !ended && s.ContentLength != 0 || s.lacks(content)
	if !s.Request {
		s.Method = s.CSeqMethod
	}
	s.Bulk = ended && isBulk(content)
	s.remotecc(content)
	s.prtReport(content)
	s.contacts()
	return s, true
}

func trimCR(b []byte) []byte { return bytes.TrimSuffix(b, []byte("\r")) }

func (s *SIP) firstLine(b []byte, whole bool) bool {
	method, rest, _ := bytes.Cut(b, []byte(" "))
	if v, ok := bytes.CutPrefix(method, []byte("SIP/")); ok && len(v) > 0 && isDigit(v[0]) {
		code, phrase, _ := bytes.Cut(bytes.TrimLeft(rest, " "), []byte(" "))
		s.Code, s.Phrase = num(code), string(bytes.TrimSpace(phrase))
		return len(code) == 3 && s.Code >= 100 && s.Code < 700
	}
	if len(method) < 3 || len(method) > 20 || len(bytes.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")) > 0 {
		return false
	}
	uri, version, _ := bytes.Cut(rest, []byte(" "))
	if whole && !bytes.HasPrefix(version, []byte("SIP/")) || bytes.IndexByte(uri, ':') < 0 {
		return false
	}
	s.Request, s.Method, s.URI = true, word(method), withoutPassword(string(uri))
	return true
}

// headers reads headers and returns what follows the empty line; false: there is
// none. A line that has no name in front continues the one before, indented or not.
func (s *SIP) headers(b []byte) (content []byte, ended bool) {
	var name, value, joined []byte
	for len(b) > 0 {
		line, rest, whole := bytes.Cut(b, []byte("\n"))
		b = rest
		if line = trimCR(line); len(line) == 0 && whole {
			s.header(name, value)
			return rest, true
		}
		if n, v, ok := cutName(line); ok {
			s.header(name, value)
			name, value, joined = n, v, nil
			continue
		}
		if joined == nil {
			joined = append(make([]byte, 0, 2*len(value)), value...)
		}
		joined = append(append(joined, ' '), bytes.TrimSpace(line)...)
		value = bytes.TrimSpace(joined)
	}
	s.header(name, value)
	return nil, false
}

// cutName splits a line into a header's name and value.
func cutName(line []byte) (name, value []byte, ok bool) {
	i := 0
	for i < len(line) && (line[i]|0x20 >= 'a' && line[i]|0x20 <= 'z' || isDigit(line[i]) || line[i] == '-' || line[i] == '_') {
		i++
	}
	rest := bytes.TrimLeft(line[i:], " ")
	if i == 0 || len(rest) == 0 || rest[0] != ':' {
		return nil, nil, false
	}
	return line[:i], bytes.TrimSpace(rest[1:]), true
}

// longestName is that of a header that is read.
const longestName = len("proxy-authorization")

// header takes in one header. Of those that may stand once, the first counts.
func (s *SIP) header(name, v []byte) {
	var buf [longestName]byte
	if len(name) > len(buf) || len(name) == 0 {
		return
	}
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		buf[i] = c
	}
	switch string(buf[:len(name)]) {
	case "via", "v":
		s.via(v)
	case "to", "t":
		s.to(v)
	case "from", "f":
		s.from(v)
	case "call-id", "i":
		set(&s.CallID, v)
	case "cseq":
		s.cseq(v)
	case "contact", "m":
		s.contact(v)
	case "expires":
		setSeconds(&s.Expires, v)
	case "content-length", "l":
		setSeconds(&s.ContentLength, v)
	case "content-type", "c":
		set(&s.ContentType, v)
	case "date":
		s.date(v)
	case "user-agent":
		set(&s.UserAgent, v)
	case "server":
		set(&s.Server, v)
	case "event", "o":
		s.service = s.service || isServiceControl(v)
	case "reason":
		s.reason(v)
	case "warning":
		set(&s.Warning, v)
	case "retry-after":
		set(&s.RetryAfter, v)
	case "authorization", "proxy-authorization":
		s.authorization(v)
	case "www-authenticate", "proxy-authenticate":
		s.challenge(v)
	}
}

func set(to *string, v []byte) {
	if *to == "" {
		*to = string(v)
	}
}

func setSeconds(to *int, v []byte) {
	if *to < 0 {
		*to = seconds(string(v))
	}
}

func (s *SIP) to(v []byte) {
	if s.To == "" {
		s.To, s.ToTag = address(v)
		s.ToUser, s.ToHost = userHost(s.To)
	}
}

func (s *SIP) from(v []byte) {
	if s.From == "" {
		s.From, s.FromTag = address(v)
	}
}

func (s *SIP) contact(v []byte) {
	for rest := string(v); rest != "" && len(s.Contacts) < maxValues; {
		var item string
		if item, rest = cutItem(rest, ','); item != "" {
			s.Contacts = append(s.Contacts, parseContact(item))
		}
	}
}

func (s *SIP) date(v []byte) {
	if t, err := time.Parse("Mon, 2 Jan 2006 15:04:05 MST", string(v)); err == nil && s.Date.IsZero() && evidence.Believable(t) {
		s.Date = t.UTC()
	}
}

func (s *SIP) authorization(v []byte) {
	if s.Auth == "" {
		s.Auth = scheme(v)
	}
}

func (s *SIP) challenge(v []byte) {
	if s.Challenge == "" {
		s.Challenge = scheme(v)
		s.ChallengeError = authParam(v, "error")
	}
}

func address(v []byte) (uri, tag string) {
	uri, params := cutAddress(string(v))
	tag, _ = param(params, "tag")
	return withoutPassword(uri), tag
}

func (s *SIP) via(v []byte) {
	for rest := string(v); rest != "" && len(s.Vias) < maxValues; {
		var item string
		if item, rest = cutItem(rest, ','); item == "" {
			continue
		}
		if s.Vias == nil {
			s.Vias = make([]string, 0, 4)
			s.Branch = ViaParam(item, "branch")
		}
		s.Vias = append(s.Vias, item)
	}
}

func (s *SIP) cseq(v []byte) {
	method := bytes.TrimLeft(v, "0123456789")
	n, err := strconv.ParseUint(string(v[:len(v)-len(method)]), 10, 32)
	if err == nil && s.CSeqMethod == "" {
		s.CSeq, s.CSeqMethod = uint32(n), word(bytes.TrimSpace(method))
	}
}

// scheme is the word in front of a credential or challenge, if it is a known one:
// nothing of another is told.
func scheme(v []byte) string {
	word, _, _ := bytes.Cut(v, []byte(" "))
	switch w := strings.ToLower(string(word)); w {
	case "digest", "bearer", "basic":
		return w
	}
	return "other"
}

// authParam reads a parameter of a challenge.
func authParam(v []byte, name string) string {
	_, rest, _ := strings.Cut(string(v), " ")
	for rest != "" {
		var item string
		item, rest = cutItem(rest, ',')
		if n, value, _ := strings.Cut(item, "="); strings.EqualFold(strings.TrimSpace(n), name) {
			return strings.Clone(unquote(value)) // and nothing of the nonce beside it
		}
	}
	return ""
}

// reason takes in Reason: SIP;cause=200;text="cisco-alarm:14 Name=… Last=…".
func (s *SIP) reason(v []byte) {
	_, alarm, ok := bytes.Cut(v, []byte("cisco-alarm:"))
	if s.Reason == "" || ok && s.Alarm == 0 {
		s.Reason = string(v)
	}
	if !ok || s.Alarm != 0 {
		return
	}
	text, _, _ := bytes.Cut(alarm, []byte(`"`))
	for i, word := range bytes.Fields(text) {
		if i == 0 {
			s.Alarm = max(0, num(word))
		}
		switch key, value, _ := bytes.Cut(word, []byte("=")); string(key) {
		case "Name":
			set(&s.AlarmName, value)
		case "Load", "ActiveLoad":
			set(&s.AlarmLoad, value)
		case "Last":
			set(&s.AlarmLast, value)
		}
	}
}
