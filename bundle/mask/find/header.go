package find

var schemes = set("digest", "bearer", "basic", "negotiate", "ntlm", "token", "ciscotoken", "oauth")

// headerEnd is where the value of a header ends that begins at i. One that starts its line
// goes to its end; another, within quotes, to these.
func headerEnd(b []byte, i int, starts bool) (end int) {
	end = lineEnd(b, i)
	if !starts {
		for j := i; j < end; j++ {
			switch {
			case b[j] == '"' && j > i+1 && b[j-1] != '\\' && b[j-1] != '=' && quotesClose(b, i, j):
				return j
			case b[j] == '\\' && j+1 < end && (b[j+1] == 'n' || b[j+1] == 'r'), b[j] == '#' && escapeAt(b, j) > 0, b[j] == '<':
				return j
			}
		}
	}
	for end > i && (b[end-1] == '\r' || b[end-1] == '|' || isBlank(b[end-1])) {
		end--
	}
	return end
}

// quotesClose reports whether the quote at j ends what was around the header: those of its
// parameters come in pairs.
func quotesClose(b []byte, i, j int) bool {
	n := 0
	for k := i; k < j; k++ {
		if b[k] == '"' && (k == 0 || b[k-1] != '\\') {
			n++
		}
	}
	return n%2 == 0
}
