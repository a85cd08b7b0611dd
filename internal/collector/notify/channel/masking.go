package channel

import (
	"fmt"
	"slices"

	"rtmtgrab/internal/atomicfile"
)

// strengths are those of a Masking, each taking out more than the one before it.
var strengths = []string{"none", "credentials", "identities"}

// A Masking takes out of notices what is not to leave.
type Masking struct {
	Strength string                       // "none", "credentials" or "identities"
	Do       func(Notice) (Notice, error) // an error may pass; nil: nothing is taken out
}

// of masks a notice from which less, or one does not know what, was taken out.
func (m Masking) of(n Notice, was string) (Notice, error) {
	if m.Do == nil || slices.Index(strengths, was) >= slices.Index(strengths, m.Strength) {
		return n, nil
	}
	masked, err := m.Do(n)
	if err != nil {
		return n, fmt.Errorf("mask the notice: %w", err)
	}
	masked.ID = n.ID // a file of an earlier version does not say what it is made of
	return masked, nil
}

// kept is a notice as it waits on disk: a reload may want more taken out of it before it goes.
type kept struct {
	Notice
	Masked   string   `json:"masked,omitempty"` // the strength; "": it is not known
	Key      string   `json:"key,omitempty"`    // of Incident, which does not send it
	Machines []string `json:"machines,omitempty"`
}

func keptOf(n Notice, masked string) kept {
	k := kept{Notice: n, Masked: masked}
	if n.Incident != nil {
		k.Key, k.Machines = n.Incident.Key, n.Incident.Machines
	}
	return k
}

// notice is what is to be sent.
func (k kept) notice() Notice {
	if k.Incident != nil {
		in := *k.Incident
		in.Key, in.Machines = k.Key, k.Machines
		k.Notice.Incident = &in
	}
	return k.Notice
}

// file is where a notice waits.
func (o *Outbox) file(name string) atomicfile.JSON[kept] {
	return atomicfile.JSON[kept]{Path: o.path(name)}
}
