package wire

import (
	"math"
	"sort"
	"time"
)

// A tenure is the time of one connection between two ends, up to the next one between the
// same two: a port is opened again and again, tens of thousands of times in a long log. The
// first tenure has no connection: it is the time before them.
type tenure struct {
	since int64 // the next one begins where this one's ends
	link  *Link
	after *Link // a connection that no record shows, used when link had closed; nil: none was
}

// slack is by how much the records of a connection and of its messages may disagree.
const slack = int64(500 * time.Millisecond)

// tenuresOf are those of the connections between two ends, which come in time order.
func tenuresOf(of []*Link) []tenure {
	out := []tenure{{since: math.MinInt64}}
	free := int64(math.MinInt64) // since when the ends are known to have no connection
	for _, k := range of {
		since := free
		switch {
		case k.Opened != 0:
			since = k.Opened - slack
		case k.Closed == 0 || len(k.notes) > 1: // else only its end was logged
			since = k.notes[0].At - slack
		}
		if k.Closed != 0 {
			free = k.Closed
		}
		if !k.Failed {
			out = append(out, tenure{since: max(since, out[len(out)-1].since), link: k})
		}
	}
	return out
}

// tenureAt is the index of the last tenure that has begun at a time.
func tenureAt(ts []tenure, at int64, begun func(t *tenure, at int64) bool) int {
	next := sort.Search(len(ts), func(i int) bool { return !begun(&ts[i], at) })
	return max(0, next-1)
}

func begun(t *tenure, at int64) bool { return t.since <= at }
