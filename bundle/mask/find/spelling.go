package find

// Canonical appends a hit's value as the table has it.
func Canonical(to []byte, h *Hit) []byte {
	switch h.Class {
	case MACs:
		return canonicalMAC(to, h.V)
	case Names:
		return appendLower(to, h.V)
	}
	return append(to, h.V...)
}

// Respell appends the digits of as in the spelling of raw.
func Respell(to, raw []byte, as string) []byte {
	upper := anyOf(raw, isUpper)
	if !upper && !anyOf(raw, isLower) {
		upper = len(to) > 0 && kinds[to[len(to)-1]]&isUpper != 0 // SEP001122334455
	}
	n := 0
	for _, c := range raw {
		if isHex(c) && n < len(as) {
			c = as[n]
			if upper && c >= 'a' {
				c -= 'a' - 'A'
			}
			n++
		}
		to = append(to, c)
	}
	return to
}

// Recase appends a name with capitals where raw has them.
func Recase(out, raw []byte, as string) []byte {
	for i := range len(as) {
		c := as[i]
		if k := raw[min(i, len(raw)-1)]; kinds[k]&isUpper != 0 && c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		out = append(out, c)
	}
	return out
}
