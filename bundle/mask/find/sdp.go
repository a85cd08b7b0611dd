package find

import "bytes"

// dullSessions are what phones and servers put where a session's name stands.
var dullSessions = set("-", "", "sip call", "session", "session sdp", "session description", "sdp data", "tandberg", "cisco sdp 0", "cisco sdp", "polycom ip phone", "media stream", "call", "talk", "asterisk", "b2bua", "streaming", "no name", "voip call")

// mediaLine treats a line of SDP, which begins with v=0: in what people wrote into it
// themselves, who they are and how they are reached. The text of the line is at i.
func mediaLine(s *scanner, i int) {
	from, end := i+2, lineEnd(s.b, i)
	for end > from && (s.b[end-1] == '\r' || isBlank(s.b[end-1])) {
		end--
	}
	if s.b[i] == 'v' {
		s.line.sdp = end-from == 1 && s.b[from] == '0'
	}
	if !s.line.sdp || end-from > maxValue {
		return
	}
	switch s.b[i] {
	case 's', 'i':
		if !dullSessions.folds(s.b[from:end]) {
			s.thing(from, end, ruleDisplay)
		}
	case 'p', 'e':
		reached(s, from, end, s.b[i] == 'p')
	}
}

// reached treats a number or an address of mail, with the name of whose it is in brackets
// behind it, or before it where that has brackets.
func reached(s *scanner, from, end int, number bool) {
	at, name := Span{from, end}, Span{from, from}
	if open := bytes.IndexAny(s.b[from:end], "(<"); open >= 0 {
		last := end
		if s.b[end-1] == ')' || s.b[end-1] == '>' {
			last--
		}
		first, second := Span{from, from + open}, Span{from + open + 1, max(last, from+open+1)}
		if s.b[from+open] == '(' {
			at, name = first, second
		} else {
			at, name = second, first
		}
	}
	s.thing(name.From, name.To, ruleDisplay)
	if number {
		s.thing(at.From, at.To, ruleNumber)
	}
}
