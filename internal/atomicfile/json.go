package atomicfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
)

// maxJSON bounds what is read of a file.
const maxJSON = 64 << 20

// damagedSuffix ends the names of files that Recover set aside.
const damagedSuffix = ".damaged"

// A JSON is a state of type T that is kept in one file, mode 0600, as indented JSON.
// It holds nothing itself: who owns the state decides when it is read and written.
type JSON[T any] struct{ Path string }

// A DamagedError is that a file holds no such state: it is cut off, not JSON, too
// large, or there is something behind it.
type DamagedError struct {
	Path string
	Err  error
}

func (e *DamagedError) Error() string { return e.Path + " is damaged: " + e.Err.Error() }

// Unwrap is what is wrong with it.
func (e *DamagedError) Unwrap() error { return e.Err }

// Load reads the state; there is none, and no error, if there is no file. A damaged
// file is a *DamagedError each time, until somebody has done something about it.
func (j JSON[T]) Load() (state T, there bool, err error) {
	f, err := os.Open(j.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return state, false, nil
	}
	if err != nil {
		return state, false, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxJSON+1))
	if err != nil {
		return state, false, err
	}
	var read T
	switch err := json.Unmarshal(b, &read); {
	case len(b) > maxJSON:
		return state, false, &DamagedError{j.Path, fmt.Errorf("it has more than %d bytes", maxJSON)}
	case err != nil:
		return state, false, &DamagedError{j.Path, err}
	}
	return read, true, nil
}

// Recover is Load of a state that its owner can do without: a damaged file is logged,
// set aside under a name that ends in .damaged, and there is no state. log may be nil.
func (j JSON[T]) Recover(log *slog.Logger) (state T, there bool, err error) {
	state, there, err = j.Load()
	damaged, ok := errors.AsType[*DamagedError](err)
	if !ok {
		return state, there, err
	}
	aside := j.Path + damagedSuffix
	if err := Rename(j.Path, aside); err != nil {
		return state, false, errors.Join(damaged, err)
	}
	if log != nil {
		log.Error("a damaged file was set aside; its state begins anew", "file", j.Path, "now", aside, "err", damaged.Err)
	}
	return state, false, nil
}

// Save replaces the state. After nil it survives a power cut; after an error the file
// is as it was.
func (j JSON[T]) Save(state T) error { return WriteJSON(j.Path, state) }
