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
	Result   evidence.Host   `json:"row"`
	Judged   evidence.Window `json:"judged"`          // the window that Result speaks of
	Held     time.Time       `json:"held,omitzero"`   // its files were held for the first time
	Copied   time.Time       `json:"copied,omitzero"` // the first pass without an error was on disk
	Attempts []Attempt       `json:"attempts"`
}

// Asked reports whether the host was tried at all.
func (h HostState) Asked() bool { return len(h.Attempts) > 0 }

// readHost reads what is known of a host, which is nothing before it was asked.
func (s *Store) readHost(key, host string) (HostState, error) {
	var h HostState
	err := atomicfile.ReadJSON(s.resultPath(key, host), &h)
	if errors.Is(err, fs.ErrNotExist) {
		return HostState{}, nil
	}
	return h, err
}

func (s *Store) saveHost(key, host string, h HostState) error {
	return s.writeJSON(s.resultPath(key, host), h)
}
