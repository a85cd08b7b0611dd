package registration

import (
	"slices"

	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/wire"
)

// fit leaves as many phones as a report lists, in their order, and says how many it leaves
// out: first strangers, which never registered here and for which nobody asked.
func fit(all []told) (kept []told, left int) {
	if len(all) <= logs.MaxPhones {
		return all, 0
	}
	room := logs.MaxPhones
	keep := make([]bool, len(all))
	for _, first := range []bool{true, false} {
		for i := range all {
			if room > 0 && !keep[i] && (!first || all[i].known()) {
				keep[i] = true
				room--
			}
		}
	}
	for i := range all {
		if keep[i] {
			kept = append(kept, all[i])
		}
	}
	return kept, len(all) - len(kept)
}

// known: the phone registered once in these logs, or somebody asked for it.
func (t *told) known() bool {
	return t.Named || t.Alerted || slices.ContainsFunc(t.Txns, func(x *wire.Txn) bool { return x.Code/100 == 2 })
}

// listedOf are the transactions that a report lists where there are too many; nil: all.
// Of each phone they are those around what happened to it, and then the newest.
func listedOf(all []told) map[*wire.Txn]bool {
	sum, most := 0, 0
	for i := range all {
		sum, most = sum+len(all[i].Txns), max(most, len(all[i].Txns))
	}
	if sum <= logs.MaxTransactions && most <= logs.MaxOfPhone {
		return nil
	}
	listed := map[*wire.Txn]bool{}
	left := logs.MaxTransactions
	take := func(of []*wire.Txn, room *int) {
		for _, t := range slices.Backward(of) {
			if !listed[t] && *room > 0 && left > 0 {
				listed[t] = true
				*room--
				left--
			}
		}
	}
	rooms := make([]int, len(all))
	for i, p := range all {
		rooms[i] = logs.MaxOfPhone
		for j, t := range p.Txns {
			if slices.Contains(p.Keys, t) {
				take(p.Txns[max(0, j-4):min(len(p.Txns), j+5)], &rooms[i])
			}
		}
	}
	for i, p := range all {
		take(p.Txns, &rooms[i])
	}
	return listed
}
