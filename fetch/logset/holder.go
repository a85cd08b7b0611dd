package logset

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/expressway"
)

// UnknownClock is by how much a window is widened on either side for a host
// whose clock could not be measured.
const UnknownClock = 60 * time.Second

// A Holder has the log files of one host open. Its exported fields are set before the
// first call; it is not for concurrent use, but its Sets are each a goroutine's own
// between two calls.
type Holder struct {
	Host hostconn.Host
	Now  func() time.Time                                     // collector's clock; nil is time.Now
	Skip func(listed []hostconn.Entry, e hostconn.Entry) bool // an entry that need not be held; nil: none. It is asked while entries are chosen

	Restless time.Time // from when on the folder never came to rest, at the last Hold; zero: it did
	HeldAt   time.Time // when the last file was held that was new; zero: none on this connection
	Notes    []string  // remarks about the host, for whoever uses the Holder to take

	conn      hostconn.Conn
	sets      map[string]*Set
	listing   []hostconn.Entry // of the families' files, the last
	irregular []hostconn.Entry // of the last listing, what has a log's name and is no regular file
	round     int              // counts listings of this connection and of earlier ones
	closing   sync.WaitGroup   // handles that nobody needs any more: a round trip that nobody waits for
}

// Connect dials unless there is a connection, and reports whether it did.
func (h *Holder) Connect(ctx context.Context) (fresh bool, err error) {
	if h.conn != nil {
		return false, nil
	}
	conn, err := h.Host.Dial(ctx)
	if err != nil {
		return false, err
	}
	h.conn, h.HeldAt = conn, time.Time{}
	return true, nil
}

// Conn is the connection, nil if there is none.
func (h *Holder) Conn() hostconn.Conn { return h.conn }

// closeBeside lets go of handles beside what comes next on the connection. Drop waits for it.
func (h *Holder) closeBeside(files []*File) {
	if len(files) > 0 {
		h.closing.Go(func() { each(len(files), func(i int) { files[i].Handle.Close() }) })
	}
}

// Drop lets go of all handles and of the connection.
func (h *Holder) Drop(broken bool) {
	conn := h.conn
	h.conn = nil
	if conn != nil && broken {
		conn.Close(true) // first: a sick peer answers no CLOSE
	}
	for _, s := range h.sets {
		each(len(s.Files), func(i int) { s.Files[i].Handle.Close() })
		s.found = remember(s.found, s.Files)
		s.Files = nil
	}
	h.closing.Wait()
	if conn != nil && !broken {
		conn.Close(false)
	}
}

// Set is the open files of a family.
func (h *Holder) Set(family string) *Set {
	s := h.sets[family]
	if s == nil {
		if h.sets == nil {
			h.sets = map[string]*Set{}
		}
		s = &Set{Family: family, Zone: h.Host.Zone}
		h.sets[family] = s
	}
	return s
}

// setOf is the set of the family to which a file's name belongs.
func (h *Holder) setOf(name string) *Set {
	return h.Set(expressway.FamilyOf(name, h.Host.Families))
}

// Clock is the outcome of asking a host for its time: host minus collector, and by how
// much that may be wrong either way. The zero Clock was not measured.
type Clock struct {
	Offset, Doubt time.Duration
	Known         bool
}

// Uncertainty is by how much the host's clock may differ from what is known of it.
func (c Clock) Uncertainty() time.Duration {
	if !c.Known {
		return UnknownClock
	}
	return c.Doubt
}

// StillIs is the clock when it was measured once more: c, as long as both may be right.
func (c Clock) StillIs(again Clock) Clock {
	if c.Known && again.Known && (again.Offset-c.Offset).Abs() <= c.Doubt+again.Doubt {
		return c
	}
	return again
}

// Contradicted reports whether the files say that a clock which was measured days away from
// this machine's is not the one by which they are written: the newest was written about now by
// this machine's clock, and days ago by the host's.
func (h *Holder) Contradicted(c Clock) bool {
	var newest time.Time
	for _, e := range h.listing {
		if e.MTime.After(newest) {
			newest = e.MTime
		}
	}
	now, most := h.now(), 24*time.Hour
	return c.Known && c.Offset.Abs() > most && now.Sub(newest).Abs() <= most && now.Add(c.Offset).Sub(newest).Abs() > most
}

// Measure asks for the host's clock beside other work. Its user waits for the answer
// before the connection is dropped.
func (h *Holder) Measure(ctx context.Context) <-chan Clock {
	answer := make(chan Clock, 1)
	conn := h.conn
	go func() {
		defer close(answer)
		if offset, doubt, err := conn.Clock(ctx); err == nil {
			answer <- Clock{offset, min(doubt, UnknownClock), true}
		} else {
			answer <- Clock{}
		}
	}()
	return answer
}

// now is the collector's time.
func (h *Holder) now() time.Time {
	if h.Now != nil {
		return h.Now()
	}
	return time.Now()
}

// note writes a remark about the host down, once.
func (h *Holder) note(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	if !slices.Contains(h.Notes, s) && len(h.Notes) < 100 {
		h.Notes = append(h.Notes, s)
	}
}
