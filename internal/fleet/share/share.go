// Package share lends what one collector has copied for an incident to the other collectors of
// the site, by way of the hub, until the incident is sealed: if this one is gone by then, who takes
// over has it all the same. What a collector lacks when it is about to seal it borrows.
//
// What is lent is packed, encrypted to the site's other collectors and to nobody else, and signed by
// who lends; it names the place where it was put, so that it is good for no other. A value is at most
// 2 MiB, nothing larger is held in memory, and between two of them it rests, so that neither holding
// nor copying waits for it. A hub that is away, or full, costs this and nothing else. What cannot be
// opened, is of somebody else, or is not what it says it is is left out, and said; what this collector
// has read itself is never replaced.
//
// It does not know how logs are copied or put together (package fetch does), whose an incident is, or
// how a bundle is made. That a collector of the site says the truth of what it saw on a host nobody
// can know: its slices are named by it in the bundle. Whose keys are in the directory the hub says.
package share

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"rtmtgrab/bundle/seal/envelope"
	"rtmtgrab/internal/config/fleetconf"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/incident"
)

// A Lender is what one collector lends and borrows. Its fields are set before the first call and not
// changed afterwards; it is safe for concurrent use.
type Lender struct {
	Place   func() Place
	Entries func(site string) []fleet.Entry // of all that reach a site, by the directory
	Hub     func() Hub                      // nil: there is none
	Keys    Keyring
	Store   *incident.Store
	Table   *incident.Table
	Log     *slog.Logger

	Now   func() time.Time // nil: time.Now
	Quick int              // for tests: waits are so many times shorter; zero: 1

	state
}

// A Place is what a collector is in its fleet, by the configuration in force.
type Place struct {
	Tenant, Name string
	Lends        bool // fleet.share
}

// PlaceOf is that of a configuration's fleet; nil: there is none.
func PlaceOf(f *fleetconf.Fleet) Place {
	if f == nil {
		return Place{}
	}
	return Place{Tenant: f.Tenant, Name: f.Name, Lends: f.Share}
}

// state is what it has lent.
type state struct {
	mu   sync.Mutex
	told map[string]string // collectors, and by what they were known last
	full time.Time         // since then the hub has had no room; zero: it has
}

// Waits. All but lookEvery and restMost bound what others can cost.
const (
	lookEvery = time.Second            // between two looks at what is there to lend
	restMost  = 500 * time.Millisecond // after one part
	restTimes = 3                      // as long as the part took, so many times
	askFor    = 10 * time.Second
	waitFor   = 5 * time.Second // who borrows waits for what another is still putting there
	againIn   = 500 * time.Millisecond
	fullFor   = 30 * time.Second
	freshFor  = 12 * time.Hour // after which all that is lent is put there anew, before the hub forgets it
)

func (l *Lender) now() time.Time {
	if l.Now != nil {
		return l.Now()
	}
	return time.Now()
}

// pace is a wait, as long as the tests let it be.
func (l *Lender) pace(d time.Duration) time.Duration { return d / time.Duration(max(1, l.Quick)) }

// others are the other collectors of a site that lend and borrow, by name.
func (l *Lender) others(site string) (list []fleet.Entry) {
	me := l.Place().Name
	for _, e := range l.Entries(site) {
		if e.Collector != me && e.Lends != nil {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b fleet.Entry) int { return strings.Compare(a.Collector, b.Collector) })
	return list
}

// recipients are those of collectors; what cannot be one is left out.
func (l *Lender) recipients(list []fleet.Entry) (keys []string) {
	for _, e := range list {
		if !envelope.IsRecipient(e.Lends.Recipient) {
			l.say(e.Collector, "what it says of its key is none", "")
			continue
		}
		l.say(e.Collector, "", e.Lends.Recipient+" "+e.Lends.Signer)
		keys = append(keys, e.Lends.Recipient)
	}
	return keys
}

// say logs by what a collector is known, when that is new or another than it was: who runs the hub
// could have put it there.
func (l *Lender) say(collector, wrong, known string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.told == nil {
		l.told = map[string]string{}
	}
	was, before := l.told[collector]
	if before && was == wrong+known {
		return
	}
	l.told[collector] = wrong + known
	switch {
	case wrong != "":
		l.Log.Warn("nothing is lent to a collector of the site", "collector", collector, "why", wrong)
	case before:
		l.Log.Warn("a collector of the site has other keys than before, by which slices are lent: it was set up anew, or somebody who runs the hub has put them there", "collector", collector, "keys", known)
	default:
		l.Log.Info("slices are lent to a collector of the site, and borrowed of it", "collector", collector, "keys", known)
	}
}

var errNoHub = errors.New("the hub of the fleet cannot be asked")
