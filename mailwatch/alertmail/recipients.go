package alertmail

import (
	"net/mail"
	"slices"
	"strings"

	"rtmtgrab/internal/evidence"
)

// Limits of an alert's recipients.
const (
	maxRecipients = 50
	maxAddress    = 254 // characters
	maxListed     = 64 << 10
)

// recipients are the addresses that a mail was sent or delivered to, each once
// without regard to case, those of the delivering servers first. All of them are
// what the sender or a server on the way wrote: they tell where a mail goes, not
// whether it may.
func (l *Letter) recipients() []string {
	var list []string
	for _, name := range []string{"delivered-to", "x-original-to", "envelope-to", "to", "cc"} {
		for _, f := range l.All(name) {
			for _, a := range addresses(f.Value) {
				if len(list) == maxRecipients {
					return list
				}
				if !slices.ContainsFunc(list, func(o string) bool { return strings.EqualFold(o, a) }) {
					list = append(list, a)
				}
			}
		}
	}
	return list
}

// addresses are those in a field's value, by its grammar or, where it is none,
// whatever has an @ in it.
func addresses(value string) []string {
	value = cut(value, maxListed)
	var found []string
	if parsed, err := mail.ParseAddressList(value); err == nil {
		for _, a := range parsed {
			found = append(found, a.Address)
		}
	} else {
		found = strings.FieldsFunc(value, func(c rune) bool { return strings.ContainsRune(" \t,;<>()[]\"", c) })
	}
	return slices.DeleteFunc(found, func(a string) bool {
		return len(a) > maxAddress || strings.IndexByte(a, '@') < 1 || evidence.Printable(a, maxAddress) != a
	})
}
