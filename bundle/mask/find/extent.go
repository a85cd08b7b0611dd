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
	if sep == '>' && bytes.HasPrefix(b[i:], []byte(cdata)) {
		i += len(cdata)
		return i, i + max(0, bytes.Index(b[i:min(len(b), i+maxSecret)], []byte("]]>")))
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
		to, closed := quoteEnd(b[:limit], i, escaped)
		if k >= keySecret || closed && !opens(b[i+1:to]) {
			return i + 1, to
		}
		i++ // was cut off, or is none
	}
	for to = i; to < limit && !ends(b[to], k); to++ {
	}
	return i, to
}

// opens reports whether the quote behind a value opens another one: user="jane method=".
func opens(v []byte) bool {
	n := len(v) - 1
	return n > 0 && v[n] == '=' && bytes.IndexByte(v[:n], ' ') >= 0 && all(v[bytes.LastIndexByte(v[:n], ' ')+1:n], isAlnum|isDash)
}

const cdata = "<![CDATA["

// maxBlanks is how many blanks may stand on each side of the sign behind a key.
const maxBlanks = 64

// blanksBefore is where the blanks in front of i begin. Behind a quote line feeds count.
func blanksBefore(b []byte, i int) int {
	j := i
	for j > 0 && i-j < maxBlanks && isBlank(b[j-1]) {
		j--
	}
	k := j
	for k > 0 && i-k < maxBlanks && (isBlank(b[k-1]) || b[k-1] == '\n' || b[k-1] == '\r') {
		k--
	}
	if k > 0 && b[k-1] == '"' {
		return k
	}
	return j
}

// quotedBefore reports whether what ends in front of i stands in quotes.
func quotedBefore(b []byte, i int) bool {
	i = blanksBefore(b, i)
	return i > 0 && b[i-1] == '"'
}

// quoteEnd is where what is in the quotes ends that begin at i. escaped: there is a backslash
// in front of both.
func quoteEnd(b []byte, i int, escaped bool) (to int, closed bool) {
	for to = i + 1; to < len(b) && b[to] != '\n'; to++ {
		switch {
		case b[to] == '\\' && to+1 < len(b) && !escaped:
			to++
		case b[to] == b[i] && b[to-1] == '\\' && to > i+1:
			return to - 1, true
		case b[to] == b[i]:
			return to, true
		}
	}
	return max(i+1, i+1+lineEnd(b[i+1:], 0)), false
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
