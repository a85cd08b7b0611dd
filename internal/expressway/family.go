// Package expressway reads the log language of Cisco Expressway
// (docs/expressway-logs.md): which files belong to a family, where a record
// starts, when it was made, and what a stretch of records tells about a peer.
//
// It is pure: readers in, values out, in bounded memory. It never fails on what
// it does not understand: bytes without a record start belong to the record
// before them. It does not know where the bytes come from.
package expressway

import (
	"strings"
	"unicode"
)

// FamilyOf names the family, of those given, to which a file of this name
// belongs: the name is the family's, or starts with it followed by '.', '-' or
// '_'. Of several the longest counts; "" is none.
func FamilyOf(name string, families []string) string {
	best := ""
	for _, f := range families {
		rest, ok := strings.CutPrefix(name, f)
		if ok && len(f) > len(best) && (rest == "" || strings.ContainsRune(".-_", rune(rest[0]))) {
			best = f
		}
	}
	return best
}

// NaturalLess orders names as a person would: runs of digits by their value.
func NaturalLess(a, b string) bool {
	for a != "" && b != "" {
		da, db := digits(a), digits(b)
		if da > 0 && db > 0 {
			na, nb := strings.TrimLeft(a[:da], "0"), strings.TrimLeft(b[:db], "0")
			if len(na) != len(nb) {
				return len(na) < len(nb)
			}
			if na != nb {
				return na < nb
			}
			a, b = a[da:], b[db:]
			continue
		}
		if a[0] != b[0] {
			return a[0] < b[0]
		}
		a, b = a[1:], b[1:]
	}
	return len(a) < len(b)
}

func digits(s string) int {
	for i, r := range s {
		if r > unicode.MaxASCII || !unicode.IsDigit(r) {
			return i
		}
	}
	return len(s)
}
