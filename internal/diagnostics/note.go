package diagnostics

import (
	"path/filepath"
	"strings"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/incident"
)

// A Phase is how far the log of one appliance is.
type Phase string

// The phases, in order. What is started was saved as starting before the appliance was asked.
const (
	phaseStarting Phase = "starting"
	phaseStarted  Phase = "started"
	phaseJoined   Phase = "joined"  // another peer of its cluster was started
	phaseStopped  Phase = "stopped" // to be collected
	phaseDone     Phase = "done"
)

// A Note is what is known of an incident's diagnostic logs, on disk.
type Note struct {
	Key      string           `json:"key"`
	Incident string           `json:"incident"`
	Site     string           `json:"site"`
	Hosts    map[string]*Host `json:"hosts"`
}

// A Host is one appliance in a Note.
type Host struct {
	Phase   Phase             `json:"phase"`
	By      string            `json:"by,omitempty"`
	Started time.Time         `json:"started,omitzero"`
	Seen    time.Time         `json:"seen,omitzero"` // it was shown to run, and to be ours
	Stopped time.Time         `json:"stopped,omitzero"`
	Mark    map[string]string `json:"mark,omitempty"` // by which the run is known again; none: there is nothing
	Why     string            `json:"why,omitempty"`
	LeftOn  bool              `json:"left_on,omitempty"` // it may still be running
}

// Running reports whether it is being written for an incident.
func (h *Host) Running() bool { return h.Phase == phaseStarting || h.Phase == phaseStarted }

func notesDir(st *incident.Store) string { return filepath.Join(st.Dir, "diagnostics") }

func noteFile(st *incident.Store, key string) atomicfile.JSON[Note] {
	return incident.File[Note](st, filepath.Join(notesDir(st), key+".json"))
}

// Notes are those of a store: of what is under way, and of what may have been left running.
func Notes(st *incident.Store) (list []Note) {
	found, _ := filepath.Glob(filepath.Join(notesDir(st), "*.json")) // of a pattern that is right
	for _, name := range found {
		key := strings.TrimSuffix(filepath.Base(name), ".json")
		if n, there, err := noteFile(st, key).Load(); err == nil && there && n.Hosts != nil {
			n.Key = key
			list = append(list, n)
		}
	}
	return list
}

// leftOn reports whether some appliance may still be running what was started here.
func (n Note) leftOn() bool {
	for _, h := range n.Hosts {
		if h.LeftOn {
			return true
		}
	}
	return false
}
