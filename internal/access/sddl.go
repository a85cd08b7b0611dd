package access

import (
	"fmt"
	"strconv"
	"strings"
)

var rightNames = map[string]uint32{
	"FA": fileAll, "FR": fileRead, "FW": fileWrite, "FX": fileExecute,
	"GA": fileAll, "GR": fileRead, "GW": fileWrite, "GX": fileExecute,
	"CC": 0x1, "DC": 0x2, "LC": 0x4, "SW": 0x8, "RP": 0x10, "WP": 0x20, "DT": 0x40, "LO": 0x80, "CR": 0x100,
	"SD": Delete, "RC": 0x20000, "WD": WriteList, "WO": WriteOwner,
}

// Parse reads the owner and the access list of a security descriptor's text.
func Parse(sddl string) (List, error) {
	l := List{Open: true}
	rest := sddl
	for rest != "" {
		if len(rest) < 2 || rest[1] != ':' {
			return List{}, fmt.Errorf("access list: %.40q is not understood", rest)
		}
		kind, value := rest[0], rest[2:]
		end := partEnd(value)
		value, rest = value[:end], value[end:]
		switch kind {
		case 'O':
			l.Owner = value
		case 'D':
			if strings.HasPrefix(value, "NO_ACCESS_CONTROL") {
				continue
			}
			l.Open = false
			if err := l.entries(value); err != nil {
				return List{}, err
			}
		}
	}
	return l, nil
}

// partEnd is where the next part (O: G: D: S:) begins: outside of parentheses.
func partEnd(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		case ':':
			if depth == 0 && i > 0 {
				return i - 1
			}
		}
	}
	return len(s)
}

// entries reads "FLAGS(type;flags;rights;;;trustee[;condition])...".
func (l *List) entries(s string) error {
	for {
		start := strings.IndexByte(s, '(')
		if start < 0 {
			return nil
		}
		s = s[start:]
		end := closing(s)
		if end < 0 {
			return fmt.Errorf("access list: %.40q does not end", s)
		}
		text := s[1:end]
		s = s[end+1:]
		f := strings.SplitN(text, ";", 7)
		if len(f) < 6 {
			return fmt.Errorf("access list: %.40q is not understood", text)
		}
		rights, err := parseRights(f[2])
		if err != nil {
			return err
		}
		e := Entry{Rights: rights, Trustee: f[5], below: hasFlag(f[1], "IO")}
		switch f[0] {
		case "A", "OA":
		case "XA", "ZA": // if a condition holds: it may
		case "D", "OD":
			e.Deny = true
		default: // of audit, or a denial that may not hold
			continue
		}
		l.Entries = append(l.Entries, e)
	}
}

// closing is the index of the parenthesis that ends the one s begins with.
func closing(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func hasFlag(flags, flag string) bool {
	for i := 0; i+2 <= len(flags); i += 2 {
		if flags[i:i+2] == flag {
			return true
		}
	}
	return false
}

func parseRights(s string) (uint32, error) {
	if s != "" && s[0] >= '0' && s[0] <= '9' {
		n, err := strconv.ParseUint(s, 0, 32)
		if err != nil {
			return 0, fmt.Errorf("access list: rights %.20q are not understood", s)
		}
		return generic(uint32(n)), nil
	}
	var all uint32
	for i := 0; i < len(s); i += 2 {
		r, ok := rightNames[s[i:min(i+2, len(s))]]
		if !ok {
			return 0, fmt.Errorf("access list: rights %.20q are not understood", s)
		}
		all |= r
	}
	return all, nil
}

// generic spells generic rights out.
func generic(n uint32) uint32 {
	for bit, means := range map[uint32]uint32{1 << 28: fileAll, 1 << 29: fileExecute, 1 << 30: fileWrite, 1 << 31: fileRead} {
		if n&bit != 0 {
			n |= means
		}
	}
	return n & fileAll
}
