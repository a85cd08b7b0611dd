package evidence

import (
	"fmt"
	"regexp"
	"strings"
)

var nameRE = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// CheckName says why a name of a host, site or family cannot be used as part of
// a file's name on every system, or returns nil.
func CheckName(name string) error {
	stem, _, _ := strings.Cut(strings.ToUpper(name), ".")
	switch {
	case !nameRE.MatchString(name):
		return fmt.Errorf("%q: a name has 1 to 63 of A-Z a-z 0-9 . _ - and starts with a letter or digit", name)
	case strings.HasSuffix(name, "."):
		return fmt.Errorf("%q: a name may not end in a dot", name)
	case reserved(stem):
		return fmt.Errorf("%q: this name is reserved on Windows", name)
	}
	return nil
}

var fileRE = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,126}$`)

// CheckFileName is CheckName for the longer names of files: 1 to 127 characters.
func CheckFileName(name string) error {
	stem, _, _ := strings.Cut(strings.ToUpper(name), ".")
	switch {
	case !fileRE.MatchString(name):
		return fmt.Errorf("%q: a file's name has 1 to 127 of A-Z a-z 0-9 . _ - and starts with a letter or digit", Printable(name, 200))
	case strings.HasSuffix(name, "."):
		return fmt.Errorf("%q: a name may not end in a dot", name)
	case reserved(stem):
		return fmt.Errorf("%q: this name is reserved on Windows", name)
	}
	return nil
}

func reserved(stem string) bool {
	switch stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	return len(stem) == 4 && (strings.HasPrefix(stem, "COM") || strings.HasPrefix(stem, "LPT")) && stem[3] >= '0' && stem[3] <= '9'
}

// Printable makes foreign text fit for one line of a log or a screen: control
// characters become a blank, and at most limit runes stay.
func Printable(s string, limit int) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.ToValidUTF8(s, "?") {
		if n == limit {
			b.WriteString("...")
			break
		}
		if r < 0x20 || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == 0x2028 || r == 0x2029 || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) || r == 0x200e || r == 0x200f || r == 0xfeff {
			r = ' '
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}
