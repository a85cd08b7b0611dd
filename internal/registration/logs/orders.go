package logs

import (
	"cmp"
	"slices"

	"rtmtgrab/internal/expressway"
)

// An Order is CUCM's NOTIFY to a phone to send its problem report (PRT).
type Order struct {
	At     int64
	Host   Text   // that logged it
	Call   Text   // Call-ID of the registration that it is about; may be 0
	MAC    string // of the phone, by that Call-ID; may be empty
	Number string // of the To header
	place  Place
}

// maxOrders bounds what is kept of one source.
const maxOrders = 10_000

// noteOrder keeps an order.
func (sc *scanner) noteOrder(s *Scan, n *expressway.Note, host Text, at int64, where Place) {
	if !n.SIP.PRTReport || s.ration.notes <= 0 || len(s.orders) >= maxOrders {
		return
	}
	o := Order{At: at, Host: host, Call: sc.texts.add(n.SIP.RegisterCall), Number: n.SIP.ToUser[:min(len(n.SIP.ToUser), maxText)], place: where}
	o.MAC, _ = expressway.MACOfCallID(n.SIP.RegisterCall)
	s.ration.note(sc.texts, o.Call)
	s.orders = append(s.orders, o)
}

// Orders are those of all sources, by time.
func Orders(l *Logs) (all []Order) {
	for _, s := range l.Scans {
		all = append(all, s.orders...)
	}
	slices.SortFunc(all, func(a, b Order) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.place.Source, b.place.Source), cmp.Compare(a.place.Offset, b.place.Offset))
	})
	return all
}

// Shows makes a proof of an order.
func (o *Order) Shows(what string) Proof { return Proof{o.Host, o.place, o.At, what} }
