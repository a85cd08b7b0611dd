package expressway

import (
	"slices"
	"strings"
)

// maxHost is how many characters of a host's name are kept.
const maxHost = 253

// hostName is a host as a record names it, fit to be printed.
func hostName(b []byte) string {
	b = b[:min(len(b), maxHost)]
	for _, c := range b {
		if c <= ' ' || c >= 0x7f {
			return strings.Map(func(r rune) rune {
				if r <= ' ' || r >= 0x7f {
					return '?'
				}
				return r
			}, string(b))
		}
	}
	return string(b)
}

// HostNames maps every way in which logs write a host (expc01, EXPC01,
// expc01.example.com, expc01.example.com.) to the one name that it is to bear. Names
// that differ in case or in a final dot are one host; a short name and a full one are
// if no other full name begins like it. Addresses are only ever themselves.
//
// known are names that are to be kept where one of them is meant, of a manifest or a
// configuration; else the shortest name is taken, in lower case if it is written so
// somewhere. The order of the names does not count.
func HostNames(known, seen []string) map[string]string {
	all := map[string][]string{} // by what they are folded to
	for _, name := range slices.Concat(known, seen) {
		if f := foldHost(name); f != "" && !slices.Contains(all[f], name) {
			all[f] = append(all[f], name)
		}
	}
	full := map[string][]string{} // full names by their first label
	for f := range all {
		if label, _, ok := strings.Cut(f, "."); ok && !isAddress([]byte(f)) {
			full[label] = append(full[label], f)
		}
	}
	for label, names := range full {
		if short := all[label]; len(names) == 1 && short != nil {
			all[label] = append(short, all[names[0]]...)
			delete(all, names[0])
		}
	}
	out := map[string]string{}
	for _, names := range all {
		slices.SortFunc(names, compareNames)
		best := names[0]
		if i := slices.IndexFunc(known, func(k string) bool { return slices.Contains(names, k) }); i >= 0 {
			best = known[i]
		}
		for _, n := range names {
			out[n] = best
		}
	}
	return out
}

// compareNames puts the shortest first, and of equals what is in lower case.
func compareNames(a, b string) int {
	if n := len(a) - len(b); n != 0 {
		return n
	}
	return strings.Compare(b, a) // A is before a
}

func foldHost(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// sameHost reports whether two names that stand next to each other are likely those of
// one host: a server writes its own name or address where a line has none.
func sameHost(a, b string) bool {
	if a == "" || b == "" || isAddress([]byte(a)) != isAddress([]byte(b)) {
		return true
	}
	a, b = foldHost(a), foldHost(b)
	return a == b || strings.HasPrefix(a, b+".") || strings.HasPrefix(b, a+".")
}
