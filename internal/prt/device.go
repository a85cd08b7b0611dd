package prt

import (
	"regexp"
	"strings"
)

var (
	phoneRE  = regexp.MustCompile(`^SEP[0-9A-F]{12}$`)
	clientRE = regexp.MustCompile(`^(CSF|BOT|TCT|TAB)[A-Z0-9._-]{1,12}$`)
)

// Device is a device's name as CUCM has it, out of what a form's field says: SEP and a MAC, or
// CSF, BOT, TCT, TAB and a name. Some firmware writes quotes into the field.
func Device(field string) (name string, ok bool) {
	s := strings.ToUpper(strings.Trim(strings.TrimSpace(field), `"'`))
	s = strings.TrimSpace(s)
	return s, phoneRE.MatchString(s) || clientRE.MatchString(s)
}

// plain is another field's value for people: short and printable.
func plain(field string) string {
	return short(strings.Trim(strings.TrimSpace(field), `"'`))
}
