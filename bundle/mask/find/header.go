package find

import "rtmtgrab/bundle/mask/find/undo"

var schemes = set("digest", "bearer", "basic", "negotiate", "ntlm", "token", "ciscotoken", "oauth")

// headerEnd is where the value of a header ends that begins at i. One that starts its line
// goes to its end; another, within quotes, to these.
func headerEnd(b []byte, i int, starts bool) (end int) {
	end = lineEnd(b, i)
	if !starts {
		open := false // a quote of a parameter
		for j := i; j < end; j++ {
			switch {
			case b[j] == '"' && b[j-1] != '\\':
				if j > i+1 && !open && b[j-1] != '=' {
					return j
				}
				open = !open
			case b[j] == '\\' && j+1 < end && (b[j+1] == 'n' || b[j+1] == 'r'), b[j] == '#' && undo.EscapeAt(b, j) > 0, b[j] == '<':
				return j
			}
		}
	}
	for end > i && (b[end-1] == '\r' || b[end-1] == '|' || isBlank(b[end-1])) {
		end--
	}
	return end
}
