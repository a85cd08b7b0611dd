package masking

import (
	"rtmtgrab/bundle/mask"
	"rtmtgrab/bundle/mask/mapfile"
)

// Restored is a text with the names of one scope turned back.
type Restored struct {
	mapfile.Scope
	Text string `json:"text"`
}

// Restore turns the names in a text back, by every map that knows any of them. lost are the
// maps that cannot be used.
func (m *Masker) Restore(text string) (all []Restored, lost []error, err error) {
	all = []Restored{}
	f := mapfile.Of(m.Store)
	lost, err = f.All(func(s mapfile.Scope, b []byte) error {
		table, err := mask.Load(b)
		if err != nil {
			return err
		}
		if back := table.Restore(text); back != text {
			all = append(all, Restored{s, back})
		}
		return nil
	})
	for i := range lost {
		lost[i] = lostHint(lost[i])
	}
	return all, lost, err
}
