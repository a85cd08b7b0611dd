package incident

import (
	"errors"
	"io/fs"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
)

// An Attempt is one pass over a host, whatever came of it.
type Attempt struct {
	Began time.Time `json:"began"`
	Ended time.Time `json:"ended"`
	What  string    `json:"what"`            // "pass"
	Error string    `json:"error,omitempty"` // "" if all went well
}

// A HostState is what is known of one host of an incident.
type HostState struct {
	Row      evidence.Host   `json:"row"`
	Judged   evidence.Window `json:"judged"`          // the window that Row speaks of
	Held     time.Time       `json:"held,omitzero"`   // its files were held for the first time
	Copied   time.Time       `json:"copied,omitzero"` // the first pass without an error was on disk
	Attempts []Attempt       `json:"attempts"`
}

// asked reports whether the host was tried at all.
func (h HostState) asked() bool { return len(h.Attempts) > 0 }

func (s *Store) readRow(key, host string) (HostState, error) {
	var h HostState
	err := atomicfile.ReadJSON(s.resultPath(key, host), &h)
	if errors.Is(err, fs.ErrNotExist) {
		return HostState{}, nil
	}
	return h, err
}
