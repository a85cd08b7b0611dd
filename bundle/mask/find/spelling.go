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
