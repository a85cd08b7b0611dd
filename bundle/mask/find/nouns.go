package find

import "bytes"

var numberNouns = set("number", "numbers", "extension", "ext", "dn", "dns")

// maxNumber is how many digits a directory number may have.
const maxNumber = 20

// listed finds a number after the word number, and those that a list goes on with.
func listed(s *scanner, from, to int) {
	if from < 4 || from == s.line.from || s.b[from-1] != ' ' {
		return
	}
	if s.line.numbers == from || numberNouns.in[wordBefore(s.b, from)] {
		s.add(Numbers, ruleNumber, from, to)
		s.line.numbers = -1
		for _, and := range []string{", ", " and ", " to "} {
			if bytes.HasPrefix(s.b[to:], []byte(and)) {
				s.line.numbers = to + len(and)
			}
		}
	}
}

// wordBefore is the word before that of from, in lower case, if a blank is between them.
func wordBefore(b []byte, from int) string {
	i := from - 1
	if i < 1 || b[i] != ' ' {
		return ""
	}
	j := i
	for j > 0 && i-j < 12 && kinds[b[j-1]]&isLetter != 0 {
		j--
	}
	var buf [16]byte
	return string(appendLower(buf[:0], b[j:i]))
}

// nounEnds are the letters that afterNoun's words end with.
var nounEnds = tableOf("SPetrETR")

// afterNoun finds a host after the word node, where only what has a digit or a dot is one,
// and after the transport of a Via.
func afterNoun(s *scanner, from, to int, flags uint8) {
	switch s.b[s.last.From-2] {
	case 'S', 'P':
		if before := s.b[max(s.line.from, from-14) : from-1]; bytes.Contains(before, []byte("SIP/2.0/")) {
			s.host(from, to, ruleHost)
		}
		return
	case 'e', 't', 'r', 'E', 'T', 'R':
		if flags&(isDigit|isDot) == 0 {
			return
		}
	default:
		return
	}
	switch wordBefore(s.b, from) {
	case "node", "host", "server", "peer":
		if kinds[s.b[from]]&isLetter != 0 {
			s.host(from, to, ruleHost)
		}
	}
}

// bracket finds the number behind a device: SEP00EBD5D5D8E8 (7042).
func bracket(s *scanner, i int) {
	n := len(s.hits)
	if !s.Identities || n == 0 || i == 0 || i+1 >= len(s.b) || kinds[s.b[i+1]] != isDigit {
		return
	}
	h := &s.hits[n-1]
	if h.Class != MACs && h.Rule != ruleDevice || int(h.To) != i && int(h.To) != i-1 {
		return
	}
	to := i + 1
	for to < len(s.b) && kinds[s.b[to]] == isDigit {
		to++
	}
	if to < len(s.b) && s.b[to] == ')' && to-i <= maxNumber {
		s.add(Numbers, ruleNumber, i+1, to)
	}
}
