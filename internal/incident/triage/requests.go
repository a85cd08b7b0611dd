package triage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// A QuarantineRequest asks the watcher of a store to deal with an alert in quarantine.
type QuarantineRequest struct {
	Alert string    `json:"alert"` // ID
	What  string    `json:"what"`  // RequestRelease or RequestDrop
	Force bool      `json:"force,omitempty"`
	Time  time.Time `json:"time"`
}

// What a QuarantineRequest can ask for.
const (
	RequestRelease = "release"
	RequestDrop    = "drop"
)

func requestsDir(st *incident.Store) string { return filepath.Join(st.Dir, "releases") }

func requestFile(st *incident.Store, id string) atomicfile.JSON[QuarantineRequest] {
	return incident.File[QuarantineRequest](st, filepath.Join(requestsDir(st), id+".json"))
}

// Ask leaves a request for the watcher, which looks every few seconds, or at its
// start. Only who may write in the store can leave one.
func Ask(st *incident.Store, r QuarantineRequest) error {
	if !incident.IsID(r.Alert) {
		return fmt.Errorf("alert %q: not an alert's ID", evidence.Printable(r.Alert, 80))
	}
	if err := atomicfile.MkdirAll(requestsDir(st)); err != nil {
		return err
	}
	return requestFile(st, r.Alert).Save(r)
}

// A RequestQueue is the requests that wait for a journal.
type RequestQueue struct {
	Journal *Journal
	noRoom  bool // for what was asked, and that was said
}

// Answer does what was asked for. The requests that were dealt with, well or not,
// are gone afterwards; what there is no room for is asked again. changed says that
// there is something for Decide.
func (q *RequestQueue) Answer(ctx context.Context) (changed bool) {
	j := q.Journal
	entries, err := os.ReadDir(requestsDir(j.st))
	if err != nil {
		return false // nobody ever asked
	}
	for _, f := range entries {
		id, ok := strings.CutSuffix(f.Name(), ".json")
		if !ok || !incident.IsID(id) || ctx.Err() != nil {
			continue
		}
		what, err := answer(j, id)
		if atomicfile.Full(err) {
			if !q.noRoom {
				j.log.Error("disk full: the quarantine request waits", "alert", id[:12], "err", err)
			}
			q.noRoom = true
			return changed
		}
		q.noRoom = false

		if err != nil {
			j.log.Error("quarantine request refused", "alert", id[:12], "err", err)
		} else {
			changed = changed || what == RequestRelease
			j.log.Info("alert: "+what, "alert", id[:12])
		}
		if err := j.st.Remove(requestFile(j.st, id).Path); err != nil {
			j.log.Error("cannot remove a request", "alert", id[:12], "err", err)
		}
	}
	return changed
}

// answer does what was asked about one alert.
func answer(j *Journal, id string) (what string, err error) {
	r, err := requestFile(j.st, id).Read()
	if err != nil {
		return "", err
	}
	switch r.What {
	case RequestRelease:
		_, err = j.Release(id, r.Force)
	case RequestDrop:
		err = j.Drop(id)
	default:
		err = fmt.Errorf("unknown request %q", evidence.Printable(r.What, 40))
	}
	return r.What, err
}
