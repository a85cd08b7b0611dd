package logset

import (
	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/expressway"

	"context"
)

// A lender is a hostconn.Conn of a host whose open files its users share.
type lender interface {
	HoldTurn(ctx context.Context) (done func(), err error)
	Offer(h hostconn.Handle, what any)
	Borrow() []hostconn.Lent
}

// A lentFile is what a Holder tells the others of a file that they may borrow.
type lentFile struct {
	dir string
	Info
}

func (h *Holder) holdsNothing() bool {
	for _, s := range h.sets {
		if len(s.Files) > 0 {
			return false
		}
	}
	return true
}

// borrow makes the files that others hold of this host its own too. They are looked at
// again like all that are held.
func (h *Holder) borrow(from lender) {
	for _, lent := range from.Borrow() {
		file, ok := lent.What.(lentFile)
		family := expressway.FamilyOf(file.Name, h.Host.Families)
		if !ok || family == "" || file.dir != h.Host.Dir {
			lent.Handle.Close()
			continue
		}
		s := h.Set(family)
		s.Files = append(s.Files, &File{Info: file.Info, Handle: lent.Handle, borrowed: true})
		h.HeldAt = h.now()
	}
}
