package find

import "bytes"

var schemes = set("digest", "bearer", "basic", "negotiate", "ntlm", "token", "ciscotoken", "oauth")

// authorization treats a header with credentials, whose value begins at i.
func (s *scanner) authorization(from, to, i int) int {
	end, starts := s.headerEnd(from, i)
	for i < end && (isBlank(s.b[i]) || s.b[i] == '"' || s.b[i] == '\\') {
		i++
	}
	word := i
	for word < end && kinds[s.b[word]]&isAlnum != 0 {
		word++
	}
	scheme := string(bytes.ToLower(s.b[i:word]))
	challenge := lower(s.b[from]) == 'w' || bytes.Contains(bytes.ToLower(s.b[from:to]), []byte("nticat"))
	if challenge || scheme == "digest" {
		s.line.params = end
		if starts {
			s.line.folded = foldParams
		}
		return word
	}
	at := i
	if schemes[scheme] {
		at = word
	}
	for at < end && isBlank(s.b[at]) {
		at++
	}
	if starts {
		s.line.folded = foldSecret
	} else if n := bytes.IndexByte(s.b[at:max(at, end)], '"'); n > 0 {
		end = at + n
		if s.b[end-1] == '\\' {
			end--
		}
	}
	s.out(ruleAuthorization, at, end)
	return max(end, i)
}

// toEnd takes out all of a header's value.
func (s *scanner) toEnd(r Rule, from, i int) int {
	end, starts := s.headerEnd(from, i)
	for i < end && (isBlank(s.b[i]) || s.b[i] == '"' || s.b[i] == '\\') {
		i++
	}
	if starts {
		s.line.folded = foldSecret
	}
	s.out(r, i, end)
	return max(end, i)
}

// headerEnd is where the value of a header ends whose name stands at from. One that begins a
// line goes to its end; another, within quotes, to these.
func (s *scanner) headerEnd(from, i int) (end int, starts bool) {
	end = s.lineEnd(i)
	starts = from == s.line.text
	if !starts {
		for j := i; j < end; j++ {
			switch {
			case s.b[j] == '"' && j > i+1 && s.b[j-1] != '\\' && s.b[j-1] != '=' && s.quotesClose(i, j):
				return j, false
			case s.b[j] == '\\' && j+1 < end && (s.b[j+1] == 'n' || s.b[j+1] == 'r'), s.b[j] == '#' && escapeAt(s.b, j) > 0, s.b[j] == '<':
				return j, false
			}
		}
	}
	for end > i && (s.b[end-1] == '\r' || s.b[end-1] == '|' || isBlank(s.b[end-1])) {
		end--
	}
	return end, starts
}

// quotesClose reports whether the quote at j ends what was around the header: those of its
// parameters come in pairs.
func (s *scanner) quotesClose(i, j int) bool {
	n := 0
	for k := i; k < j; k++ {
		if s.b[k] == '"' && (k == 0 || s.b[k-1] != '\\') {
			n++
		}
	}
	return n%2 == 0
}
