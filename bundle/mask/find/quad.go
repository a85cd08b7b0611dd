package find

// A quad is an IPv4 address as it is written, with dots or dashes.
type quad struct {
	n    int // bytes; 0: there is none
	sep  byte
	addr [4]byte
}

// quadOf reads the four numbers that b begins with, if there are no more.
func quadOf(b []byte) (q quad) {
	i := 0
	for part := range 4 {
		if part > 0 {
			if i >= len(b) || b[i] != '.' && b[i] != '-' || q.sep != 0 && b[i] != q.sep {
				return quad{}
			}
			q.sep = b[i]
			i++
		}
		v, digits := 0, 0
		for i < len(b) && kinds[b[i]] == isDigit && digits < 4 {
			v = v*10 + int(b[i]-'0')
			i++
			digits++
		}
		if digits == 0 || digits > 3 || v > 255 || digits > 1 && b[i-digits] == '0' {
			return quad{}
		}
		q.addr[part] = byte(v)
	}
	if i < len(b) && (kinds[b[i]] == isDigit || b[i] == q.sep && i+1 < len(b) && kinds[b[i+1]] == isDigit) {
		return quad{}
	}
	q.n = i
	return q
}

// somebodys reports whether an address has a pseudonym; it says what blockOf does.
func (q quad) somebodys() bool {
	return q.n > 0 && q.addr[0] != 0 && q.addr[0] != 127 && q.addr[0] < 224
}
