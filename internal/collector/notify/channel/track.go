package channel

import (
	"cmp"
	"log/slog"
	"maps"
	"slices"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/collector/health/status"
)

const (
	quiet   = time.Hour       // after a problem was told, until it may be told anew
	calm    = time.Minute     // without a problem, until it is over; not longer than After
	warmup  = 2 * time.Minute // after a start nothing is over: not everything was looked at yet
	restive = 6               // short outages within an hour that are told all the same
)

// A Tracker turns reports of problems into changes that are worth telling. One
// goroutine uses it.
type Tracker struct {
	After time.Duration // what is shorter is not told
	File  string        // where the state is kept
	Log   *slog.Logger  // nil: none

	started time.Time // first look
	state   trackState
	stored  trackState
}

type trackState struct {
	Problems map[string]track `json:"problems"`
}

// track is what is known of one problem. It is kept for an hour after its end, so
// that it is known when it comes back.
type track struct {
	What   string    `json:"what"`
	Hint   string    `json:"hint,omitempty"`
	Blocks bool      `json:"blocks,omitempty"`
	First  time.Time `json:"first"`         // seen by us without a break since
	Since  time.Time `json:"since"`         // the same, as far as the problem itself knows
	Last   time.Time `json:"last,omitzero"` // seen last
	Gone   time.Time `json:"gone,omitzero"` // not seen since
	Open   bool      `json:"open"`          // not over yet
	Told   bool      `json:"told"`          // its beginning was told, its end was not
	Spoke  time.Time `json:"spoke,omitzero"`
	Times  int       `json:"times,omitempty"` // outages since Spoke that were long enough and not told
	Short  int       `json:"short,omitempty"` // outages since Mark that were not
	Mark   time.Time `json:"mark,omitzero"`
}

func (t *Tracker) file() atomicfile.JSON[trackState] {
	return atomicfile.JSON[trackState]{Path: t.File}
}

// Load reads what was kept; nothing kept is no error.
func (t *Tracker) Load() error {
	state, _, err := t.file().Recover(t.Log)
	t.state, t.stored = state, state.clone()
	return err
}

// WasTold reports whether people were told of a problem that lasts, by what a Tracker has kept in
// file.
func WasTold(file, key string) bool {
	state, _, err := atomicfile.JSON[trackState]{Path: file}.Load()
	return err == nil && state.Problems[key].Told
}

// Save keeps the state if it has changed. It is called when the changes of a Look
// are safe.
func (t *Tracker) Save() error {
	same := func(a, b track) bool {
		a.What, a.Hint = b.What, b.Hint // words may hold a number that moves
		a.Last = b.Last                 // every look would be a write
		return a == b
	}
	if maps.EqualFunc(t.state.Problems, t.stored.Problems, same) {
		return nil
	}
	if err := t.file().Save(t.state); err != nil {
		return err
	}
	t.stored = t.state.clone()
	return nil
}

// Revert forgets what was not saved: the changes of the last Look come again.
func (t *Tracker) Revert() { t.state = t.stored.clone() }

func (s trackState) clone() trackState { return trackState{maps.Clone(s.Problems)} }

// Look takes the problems of this moment and returns what is to be told, those that
// block first.
func (t *Tracker) Look(now time.Time, problems []status.Problem) []Change {
	now = now.UTC().Round(0)
	if t.started.IsZero() {
		t.started = now
	}
	if t.state.Problems == nil {
		t.state.Problems = map[string]track{}
	}
	there := map[string]bool{}
	for _, p := range problems {
		there[p.Key] = true
		k := t.state.Problems[p.Key]
		if !k.Open {
			k.Open, k.First, k.Since = true, now, now
		}
		if !p.Since.IsZero() && p.Since.Before(k.Since) {
			k.Since = p.Since.UTC().Round(0)
		}
		k.Last, k.Gone = now, time.Time{}
		k.What, k.Hint, k.Blocks = p.What, p.Hint, p.Blocks
		t.state.Problems[p.Key] = k
	}
	var out []Change
	for key, k := range t.state.Problems {
		if k.First.After(now) { // the clock was set back
			k.First = now
		}
		if k.Spoke.After(now) {
			k.Spoke = now
		}
		c, tell := t.step(now, key, &k, there[key])
		if tell {
			out = append(out, c)
		}
		if !k.Open && now.Sub(k.Gone) > quiet && k.Times == 0 {
			delete(t.state.Problems, key)
			continue
		}
		t.state.Problems[key] = k
	}
	slices.SortFunc(out, func(a, b Change) int {
		if a.Blocks != b.Blocks {
			if a.Blocks {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Key, b.Key)
	})
	return out
}

// step moves one problem on.
func (t *Tracker) step(now time.Time, key string, k *track, there bool) (Change, bool) {
	c := Change{Key: key, What: k.What, Hint: k.Hint, Blocks: k.Blocks, Since: k.Since}
	hushed := !k.Spoke.IsZero() && now.Sub(k.Spoke) < quiet
	if k.Open && !there {
		if k.Gone.IsZero() {
			k.Gone = now
		}
		if now.Sub(k.Gone) >= min(calm, t.After) && now.Sub(t.started) >= min(warmup, t.After) {
			return t.over(now, c, k)
		}
		return c, false
	}
	if k.Open && !k.Told && !hushed && now.Sub(k.First) >= t.After {
		c.Event = Began
		if k.Times > 0 {
			c.Event, c.Times, c.Since, c.Present = Flapped, k.Times+1, k.Spoke, true
		}
		k.Told, k.Spoke, k.Times, k.Short = true, now, 0, 0
		return c, true
	}
	if k.Times > 0 && !hushed && !k.Open {
		c.Event, c.Times, c.Since = Flapped, k.Times, k.Spoke
		k.Times, k.Spoke = 0, now
		return c, true
	}
	if k.Short >= restive && !hushed {
		c.Event, c.Times, c.Since, c.Present = Flapped, k.Short, k.Mark, k.Open
		k.Short, k.Spoke = 0, now
		return c, true
	}
	return c, false
}

// over ends a problem.
func (t *Tracker) over(now time.Time, c Change, k *track) (Change, bool) {
	k.Open = false
	switch {
	case k.Told:
		k.Told = false
		c.Event, c.Ended = Ended, k.Gone
		return c, true
	case k.Last.Sub(k.First) >= t.After: // not Gone: between two looks the machine may have slept
		k.Times++
	default:
		if now.Sub(k.Mark) > quiet {
			k.Mark, k.Short = k.First, 0
		}
		k.Short++
	}
	return c, false
}
