package find

import "bytes"

// nearby is how far from a description the device's name is looked for.
const nearby = 1 << 10

const describes = "escription"

// ofPhone reports whether the description at from is a phone's: of an element of XML, a
// string of JSON or a field of CSV, with a device's name nearer than other descriptions. Of
// other things people do not write down whose they are.
func ofPhone(b []byte, from, to int, columns bool) bool {
	if !columns && !inElement(b, from) {
		return false
	}
	before, after := b[max(0, from-nearby):from], b[to:min(len(b), to+nearby)]
	if key := bytes.LastIndex(before, []byte(describes)); key >= 0 {
		before = before[:key]
	}
	if other := bytes.LastIndex(before, []byte(describes)); other >= 0 {
		before = before[other:]
	}
	if rest := bytes.TrimLeft(after, " \t\r\n]>"); bytes.HasPrefix(rest, []byte("</")) { // the end of this element
		after = rest[max(0, bytes.IndexByte(rest, '>')):]
	}
	if other := bytes.Index(after, []byte(describes)); other >= 0 {
		after = after[:other]
	}
	return namesDevice(before) || namesDevice(after)
}

// inElement reports whether the value at i is that of an element of XML or a string of JSON.
func inElement(b []byte, i int) bool {
	j := i
	for j > 0 && i-j < maxBlanks && (isBlank(b[j-1]) || b[j-1] == '\n' || b[j-1] == '\r') {
		j--
	}
	if j == 0 {
		return false
	}
	switch b[j-1] {
	case '>', '[':
		return true
	case '"':
		j = blanksBefore(b, j-1)
		return j > 0 && b[j-1] == ':'
	}
	return false
}

// namesDevice reports whether a device's name stands in b.
func namesDevice(b []byte) bool {
	for _, prefix := range []string{"SEP", "ATA", "CSF", "TCT", "BOT", "TAB"} {
		for at := 0; ; {
			n := bytes.Index(b[at:], []byte(prefix))
			if n < 0 {
				break
			}
			n += at
			at = n + len(prefix)
			if n > 0 && kinds[b[n-1]]&isAlnum != 0 {
				continue
			}
			to := at
			for to < len(b) && kinds[b[to]]&isAlnum != 0 && kinds[b[to]]&isLower == 0 {
				to++
			}
			if to > at && (prefix[0] != 'S' && prefix[0] != 'A' || to == at+12) && (to == len(b) || kinds[b[to]]&isLower == 0) {
				return true
			}
		}
	}
	return false
}
