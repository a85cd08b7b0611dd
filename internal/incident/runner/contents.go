package runner

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"rtmtgrab/internal/evidence"
)

// A ContentsJob is the copied records of one host that are to be looked over.
type ContentsJob struct {
	Manifest evidence.Manifest                // with that host's row, and the zone of its logs
	Path     func(host, family string) string // as in SealJob
	Scratch  string
}

// notLooked begins the note on records that nobody looked over.
const notLooked = "its records were not looked over"

// looked is what was found in a host's slices.
type looked struct {
	at    string // the slices; "": nobody looked yet
	found evidence.Contents
	err   error
}

// lookOver has what was copied of each host looked over: once, when nothing more comes,
// so that nothing waits for it that holds or copies. What it finds no coverage depends on:
// where it fails a note says so. An error is that of a ctx that is done.
func (u *run) lookOver(ctx context.Context) error {
	if u.r.Contents == nil {
		return nil
	}
	var wg sync.WaitGroup
	for _, h := range u.hosts {
		wg.Go(func() { h.lookOver(ctx) })
	}
	wg.Wait()
	return ctx.Err()
}

// lookOver puts into the host's row what its records say. If the window grows meanwhile
// and a pass brings more, it changes nothing: the next freeze looks again.
func (h *hostRun) lookOver(ctx context.Context) {
	u := h.run
	u.mu.Lock()
	row := h.state.Result
	fresh := h.tried || noteAt(row) >= 0 // else the row is an earlier revision's, and has it
	u.mu.Unlock()
	key := slicesOf(row)
	if !fresh || key == "" {
		return
	}
	if h.looked.at != key {
		job := ContentsJob{Scratch: u.r.Store.IncidentDir(u.key), Path: func(host, _ string) string { return u.r.Store.Slices(u.key, host) }}
		job.Manifest = evidence.Manifest{Incident: u.id, Site: u.site, TimeZone: u.inc.TimeZone, Hosts: []evidence.Host{row}}
		found, err := u.r.Contents(ctx, job)
		if ctx.Err() != nil {
			return
		}
		h.looked = looked{key, found, err}
		if err != nil {
			u.r.log().Warn("records are not looked over; the logs and their coverage are as they were copied", "incident", u.id, "host", h.ref.Name, "why", evidence.Printable(err.Error(), 200))
		}
	}
	if row, ok := h.addLooked(); ok {
		u.tell(Event{What: EventLooked, Host: h.ref.Name, Result: &row, Coverage: row.Coverage})
	}
}

// addLooked puts what was found into the host's row, if that is still of the same slices.
func (h *hostRun) addLooked() (row evidence.Host, ok bool) {
	h.run.mu.Lock()
	defer h.run.mu.Unlock()
	if slicesOf(h.state.Result) != h.looked.at {
		return row, false
	}
	h.looked.tell(&h.state.Result)
	h.saved = false
	return h.state.Result, true
}

// tell puts it into a row.
func (l *looked) tell(row *evidence.Host) {
	row.Notes = slices.DeleteFunc(slices.Clone(row.Notes), isNotLooked)
	if l.err == nil {
		l.found.Tell(row)
		return
	}
	row.Notes = append(row.Notes, fmt.Sprintf("%s: %s; whether SIP messages are logged in full, and which peers they name, is not known; logs and coverage are not touched by that", notLooked, evidence.Printable(l.err.Error(), 200)))
}

// slicesOf names what was copied of a host; "" if that is nothing.
func slicesOf(row evidence.Host) (key string) {
	for _, f := range row.Files {
		if f.Path != "" && f.Bytes > 0 {
			key += f.Family + " " + f.SHA256 + "\n"
		}
	}
	return key
}

func isNotLooked(note string) bool { return strings.HasPrefix(note, notLooked) }

// noteAt is which note says that the records were not looked over; -1: none.
func noteAt(row evidence.Host) int { return slices.IndexFunc(row.Notes, isNotLooked) }
