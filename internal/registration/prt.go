package registration

import (
	"time"

	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/wire"
)

// generate is where a phone's problem report is asked for.
const generate = "Device > Phone > SEP... > Generate PRT"

// problemReports says of which phones CUCM asked for their problem report (PRT), as the
// logs show.
func problemReports(w *wire.Wire, all []told) {
	asked := ordersBy(w)
	asked.notShared(all)
	for i := range all {
		t := &all[i]
		at := asked.of(w, t)
		if at == nil {
			continue
		}
		t.out.PRTAsked = stamp(at.At)
		t.out.Statements = append(t.out.Statements, Statement{"CUCM asked the phone for its problem report (PRT) at " + t.out.PRTAsked.Format(time.RFC3339) + ".", Certain})
		t.out.Proofs = append(t.out.Proofs, proofsOf(w, []logs.Proof{at.Shows("NOTIFY to the phone: it is to send its problem report (prt-report)")})...)
	}
}

// orders are the last ones, by what they say of the phone.
type orders struct {
	call   map[logs.Text]*logs.Order
	mac    map[string]*logs.Order
	number map[string]*logs.Order // of those that say nothing else
}

func ordersBy(w *wire.Wire) orders {
	by := orders{map[logs.Text]*logs.Order{}, map[string]*logs.Order{}, map[string]*logs.Order{}}
	list := logs.Orders(w.Logs)
	for i := range list {
		o := &list[i]
		switch {
		case o.Call != 0:
			by.call[o.Call] = o
			if o.MAC != "" {
				by.mac[o.MAC] = o
			}
		case o.Number != "":
			by.number[o.Number] = o
		}
	}
	return by
}

// notShared leaves out orders that only a number names which several phones have: a shared line.
func (by orders) notShared(all []told) {
	has := map[string]bool{}
	for i := range all {
		for _, n := range all[i].Numbers {
			if has[n] {
				delete(by.number, n)
			}
			has[n] = true
		}
	}
}

// of is the last order to a phone.
func (by orders) of(w *wire.Wire, t *told) (last *logs.Order) {
	take := func(o *logs.Order) {
		if o != nil && (last == nil || o.At > last.At) {
			last = o
		}
	}
	for _, x := range t.Txns {
		take(by.call[x.Timeline.Call])
	}
	if t.MAC != "" {
		take(by.mac[t.MAC])
	}
	if last == nil && len(by.number) > 0 {
		for _, n := range t.Numbers {
			take(by.number[n])
		}
	}
	return last
}
