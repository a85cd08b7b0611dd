package hubcheck

import (
	"context"
	"slices"
	"time"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/human"
)

// nameHint is what helps against two collectors of one name.
const nameHint = "give each collector a name and credentials of its own (fleet.name): of alerts that others see each comes to one of the two, and what both have of an alert has the same name wherever it is delivered"

// named says whether another collector has this one's name: the collector has said so of itself, or somebody
// speaks by that name although none runs here. ok: there is something to say.
func named(ctx context.Context, h *hub.Hub, name string, idle bool) (f Found, ok bool) {
	kv, err := h.Stream.KeyValue(ctx, fleet.StatusBucket)
	if err != nil {
		return f, false // streams says it
	}
	e, err := kv.Get(ctx, fleet.Token(name))
	if err != nil {
		return f, false
	}
	word, err := fleet.ParseStatus(e.Key(), e.Value())
	if err != nil {
		return f, false
	}
	f = Found{What: "name", Level: Warn, Hint: nameHint}
	switch now, err := hub.Clock(ctx, kv); {
	case slices.Contains(word.Keys, fleet.NameProblem):
		f.Detail = "two collectors call themselves " + name + ", as they say themselves"
	case idle && err == nil && !now.IsZero():
		f.Detail = "a collector that calls itself " + name + " spoke " + human.Ago(max(0, now.Sub(e.Created())).Round(time.Second)) + ", and grab watch is not running here: it ended just now without a goodbye, or there are two of that name"
	default:
		return f, false
	}
	return f, true
}
