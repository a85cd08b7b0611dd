package incident

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"rtmtgrab/internal/atomicfile"
)

// A Pin keeps an incident from being removed. It is a file of its own in the incident's
// folder: it survives whatever is done with the incident, and counts even if it cannot be read.
type Pin struct {
	Time   time.Time `json:"time"`
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
}

func pinFile(s *Store, key string) atomicfile.JSON[Pin] {
	return File[Pin](s, filepath.Join(s.IncidentDir(key), "pin.json"))
}

// SetPin pins an incident; one that is pinned gets the new reason. After nil it is not removed
// before Unpin. ErrRemoved: it is too late.
func SetPin(s *Store, key string, p Pin) error {
	return WhileKept(s, key, func() error { return pinFile(s, key).Save(p) })
}

// Unpin ends that, and reports whether it was pinned.
func Unpin(s *Store, key string) (was bool, err error) {
	err = WhileKept(s, key, func() error {
		if was = IsPinned(s, key); !was {
			return nil
		}
		if err := s.Remove(pinFile(s, key).Path); err != nil {
			return err
		}
		if s.WriteFile != nil {
			return nil
		}
		return atomicfile.SyncDir(s.IncidentDir(key))
	})
	return was, err
}

// IsPinned reports whether an incident is pinned. What cannot be told counts as pinned.
func IsPinned(s *Store, key string) bool {
	_, err := os.Lstat(pinFile(s, key).Path)
	return !errors.Is(err, fs.ErrNotExist)
}

// PinOf is the pin of an incident; of one that cannot be read it knows only that it is there.
func PinOf(s *Store, key string) (p Pin, pinned bool) {
	if !IsPinned(s, key) {
		return Pin{}, false
	}
	p, _, err := pinFile(s, key).Load()
	if err != nil {
		p.Reason = "the pin cannot be read"
	}
	return p, true
}
