package mailauth

import "strings"

// fold is s with ASCII letters in lower case. Other letters stay: for Unicode the
// Kelvin sign is a k, and the long s an s.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// listed reports whether alerts.from names the address or its domain.
func (r Rule) listed(a address) bool {
	for _, want := range r.From {
		want = fold(want)
		if want == fold(a.String()) && !strings.HasPrefix(want, "@") || want == "@"+a.domain {
			return true
		}
	}
	return false
}

// domains are those that From may be of.
func (r Rule) domains() []string {
	list := r.Domains
	if len(list) == 0 {
		for _, f := range r.From {
			list = append(list, f[strings.LastIndexByte(f, '@')+1:])
		}
	}
	return list
}

// domain is the widest of the rule's domains that d is, or is below; "" if there
// is none. Below a name of one label nothing is, or "com" would be everybody.
func (r Rule) domain(d string) (widest string) {
	d = fold(d)
	if !isDomain(d) {
		return ""
	}
	for _, own := range r.domains() {
		own = fold(own)
		below := strings.Contains(own, ".") && strings.HasSuffix(d, "."+own)
		if (d == own || below) && (widest == "" || len(own) < len(widest)) {
			widest = own
		}
	}
	return widest
}

// aligned reports whether a domain that was authenticated speaks for that of From:
// both are, or are below, the same domain of the rule.
func (r Rule) aligned(d, from string) bool {
	own := r.domain(d)
	return own != "" && own == r.domain(from)
}

// isDomain reports whether s is a name of the DNS as it is written in results and
// signatures: labels of ASCII letters, digits, "-" and "_", in lower case.
func isDomain(s string) bool {
	if len(s) == 0 || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}
