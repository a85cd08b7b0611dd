package find

import "bytes"

// extent is where the value at i stands: between quotes, up to the next element, or up to a
// sign that ends values.
func extent(b []byte, i int, sep byte, k Key) (from, to int) {
	limit := min(len(b), i+maxValue)
	switch {
	case k == keyLong:
		limit = min(len(b), i+maxLong)
	case k >= keySecret:
		limit = min(len(b), i+maxSecret)
	}
	if sep == '>' {
		n := bytes.IndexByte(b[i:limit], '<')
		if n < 0 {
			return i, i
		}
		return i, i + len(bytes.TrimRight(b[i:i+n], " \t\r\n"))
	}
	escaped := i < limit && b[i] == '\\'
	if escaped {
		i++
	}
	if i < limit && (b[i] == '"' || b[i] == '\'') {
		return i + 1, quoteEnd(b[:limit], i, escaped)
	}
	for to = i; to < limit && !ends(b[to], k); to++ {
	}
	return i, to
}

// quoteEnd is where what is in the quotes ends that begin at i. escaped: there is a backslash
// in front of both.
func quoteEnd(b []byte, i int, escaped bool) int {
	for to := i + 1; to < len(b) && b[to] != '\n'; to++ {
		switch {
		case b[to] == '\\' && to+1 < len(b) && !escaped:
			to++
		case b[to] == b[i] && b[to-1] == '\\' && to > i+1:
			return to - 1
		case b[to] == b[i]:
			return to
		}
	}
	return max(i+1, i+1+lineEnd(b[i+1:], 0))
}

// ends reports whether a sign ends a value that stands in no quotes.
func ends(c byte, k Key) bool {
	switch c {
	case ' ', '\t', '\r', '\n', '"', '<', '>', ';', '&', ',', 0, '|':
		return true
	case '\'', ')', '}', ']', '?', '#', '%':
		return k < keySecret
	}
	return false
}
