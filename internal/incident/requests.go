package incident

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
)

// A HeldRequest asks the watcher of a store to deal with an alert in quarantine.
type HeldRequest struct {
	Alert string    `json:"alert"` // ID
	What  string    `json:"what"`  // RequestRelease or RequestDrop
	Force bool      `json:"force,omitempty"`
	Time  time.Time `json:"time"`
}

// What a HeldRequest can ask for.
const (
	RequestRelease = "release"
	RequestDrop    = "drop"
)

func (s *Store) releases() string { return filepath.Join(s.Dir, "releases") }

// Ask leaves a request for the watcher, which looks every few seconds, or at its
// start. Only who may write in the store can leave one.
func (s *Store) Ask(r HeldRequest) error {
	if !isID(r.Alert) {
		return fmt.Errorf("alert %q: not an alert's ID", evidence.Printable(r.Alert, 80))
	}
	if err := atomicfile.MkdirAll(s.releases()); err != nil {
		return err
	}
	return s.writeJSON(s.request(r.Alert), r)
}

func (s *Store) request(id string) string { return filepath.Join(s.releases(), id+".json") }

// Answer does what was asked for. The requests that were dealt with, well or not,
// are gone afterwards; what there is no room for is asked again. changed says that
// there is something for Decide.
func (j *Journal) Answer(ctx context.Context) (changed bool) {
	entries, err := os.ReadDir(j.st.releases())
	if err != nil {
		return false // nobody ever asked
	}
	for _, f := range entries {
		id, ok := strings.CutSuffix(f.Name(), ".json")
		if !ok || !isID(id) || ctx.Err() != nil {
			continue
		}
		var r HeldRequest
		err := atomicfile.ReadJSON(filepath.Join(j.st.releases(), f.Name()), &r)
		switch {
		case err != nil:
		case r.What == RequestRelease:
			_, err = j.Release(id, r.Force)
			changed = changed || err == nil
		case r.What == RequestDrop:
			err = j.Drop(id)
		default:
			err = fmt.Errorf("%q is nothing that can be asked for", evidence.Printable(r.What, 40))
		}
		if atomicfile.Full(err) {
			if !j.noRoom {
				j.log.Error("an alert in quarantine is released or dropped when there is room", "alert", id[:12], "err", err)
			}
			j.noRoom = true
			return changed
		}
		j.noRoom = false
		if err != nil {
			j.log.Error("an alert in quarantine stays there", "alert", id[:12], "err", err)
		} else {
			j.log.Info("alert: "+r.What, "alert", id[:12])
		}
		if err := j.st.remove(j.st.request(id)); err != nil {
			j.log.Error("a request cannot be removed", "alert", id[:12], "err", err)
		}
	}
	return changed
}
