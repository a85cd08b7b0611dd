package sight

import (
	"testing"
	"time"

	"rtmtgrab/internal/fleet"
)

// TestUnheard: a collector that is there and has not said yet how it is does not work, as far as is known.
func TestUnheard(t *testing.T) {
	now := time.Now()
	of := func(w *fleet.Status) map[string]*Collector {
		return map[string]*Collector{"dmz-a": {Name: "dmz-a", State: fleet.Here, Since: now, Word: w}}
	}
	if o := conclude(now, of(nil), map[string][]string{}); o.Works || !o.Collectors[0].Unheard() {
		t.Errorf("%+v", o)
	}
	if o := conclude(now, of(&fleet.Status{Collector: "dmz-a", State: fleet.StateWorks}), map[string][]string{}); !o.Works || o.Collectors[0].Unheard() {
		t.Errorf("%+v", o)
	}
}
