package evidence

import "strings"

// Unnamed is what is said of a host without its name before it, for where the name stands
// already. An address in brackets behind the name stays, without them.
func Unnamed(host, said string) string {
	if rest, ok := strings.CutPrefix(said, host+": "); ok {
		return rest
	}
	if rest, ok := strings.CutPrefix(said, host+" ("); ok {
		if address, rest, ok := strings.Cut(rest, ")"); ok {
			return address + rest
		}
	}
	return said
}
