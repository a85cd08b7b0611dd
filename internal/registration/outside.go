package registration

import (
	"fmt"
	"slices"
	"strings"

	"rtmtgrab/internal/human"
	"rtmtgrab/internal/registration/phone"
	"rtmtgrab/internal/registration/wire"
)

// maxOutside bounds the addresses of senders that are told.
const maxOutside = 5

// outsideNotes tell of those who sent REGISTERs and are no phones of CUCM's.
func outsideNotes(w *wire.Wire, outside []*phone.Phone) []string {
	if len(outside) == 0 {
		return nil
	}
	var from []string
	for _, p := range outside {
		a := w.Texts.AddrPort(p.Txns[0].Last.Messages[0].Far).Addr()
		if a.IsValid() && !slices.Contains(from, a.String()) {
			from = append(from, a.String())
		}
	}
	slices.Sort(from)
	where := ""
	if n := len(from); n > 0 {
		where = " They came from " + strings.Join(from[:min(n, maxOutside)], ", ")
		if n > maxOutside {
			where += fmt.Sprintf(" and %s more", human.Plural(n-maxOutside, "address"))
		}
		where += "."
	}
	return []string{fmt.Sprintf("REGISTERs of %s are left out: no Expressway sent them on, they name no device of CUCM's, and what they register with is no CUCM node of the others. Scanners do so, and devices that register with the Expressway itself.%s",
		human.Plural(len(outside), "sender"), where)}
}
