package expressway

import "strings"

// MACOfCallID reads a MAC address from the first twelve hexadecimal digits of a Call-ID
// like 00ebd5d5-d8c60008-3d372b84-5f6b0fd9@192.0.2.35. It is a guess: many phones make
// their Call-IDs so, not all.
func MACOfCallID(callID string) (mac string, ok bool) {
	id, _, _ := strings.Cut(callID, "@")
	if len(id) != 35 || id[8] != '-' || id[17] != '-' || id[26] != '-' {
		return "", false
	}
	return macOf(id[:8] + id[9:13])
}

// macOfInstance reads the MAC address of <urn:uuid:00000000-0000-0000-0000-00ebd5d5d8c6>.
// A UUID that does not begin with zeros has none. Some phones put a blank or a
// hyphen at its end.
func macOfInstance(instance string) string {
	_, uuid, _ := strings.Cut(instance, "uuid:")
	rest, ok := strings.CutPrefix(strings.Trim(uuid, "<>- "), "00000000-0000-0000-0000-")
	if !ok {
		return ""
	}
	mac, _ := macOf(rest)
	return mac
}

// macOf takes twelve hexadecimal digits for the address of one station.
func macOf(digits string) (string, bool) {
	if len(digits) != 12 || strings.Trim(digits, "0123456789abcdefABCDEF") != "" || strings.Trim(digits, "0") == "" {
		return "", false
	}
	if strings.IndexByte("13579bdfBDF", digits[1]) >= 0 { // a group's
		return "", false
	}
	return strings.ToUpper(digits), true
}
