package atomicfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// maxJSON bounds what is read of a file.
const maxJSON = 64 << 20

// A JSON is a state of type T that is kept in one file, mode 0600, as JSON.
// It holds nothing itself: who owns the state decides when it is read and written, and
// what it means that there is none.
type JSON[T any] struct {
	Path    string
	Compact bool // on one line without an end; false: indented

	// Write is what Save writes with, for owners that do something around it; nil: WriteBytes.
	Write func(name string, b []byte) error
}

// A DamagedError is that a file holds no such state, and never will by itself: it is
// cut off, not JSON, too large, there is something behind it, it is no regular file, or
// its owner found something in it that cannot be.
type DamagedError struct {
	Path string
	Err  error
}

func (e *DamagedError) Error() string { return e.Path + " is damaged: " + e.Err.Error() }

// Unwrap is what is wrong with it.
func (e *DamagedError) Unwrap() error { return e.Err }

// An UnreadableError is that the system does not let a file be read: what it holds, and
// in a folder that is closed whether it is there, is not known. It may be known later.
type UnreadableError struct {
	Path string
	Err  error
}

func (e *UnreadableError) Error() string { return e.Path + " cannot be read: " + e.Err.Error() }

// Unwrap is what the system said.
func (e *UnreadableError) Unwrap() error { return e.Err }

// Load reads the state; there is none, and no error, if there is no file. Any error is
// a *DamagedError or an *UnreadableError, each time, until somebody has done something
// about it.
func (j JSON[T]) Load() (state T, there bool, err error) {
	b, err := j.read()
	if errors.Is(err, fs.ErrNotExist) {
		return state, false, nil
	}
	if err != nil {
		return state, false, err
	}

	var read T
	if err := json.Unmarshal(b, &read); err != nil {
		return state, false, &DamagedError{j.Path, err}
	}
	return read, true, nil
}

// read is what the file holds. That it is absent is an error that is fs.ErrNotExist.
func (j JSON[T]) read() ([]byte, error) {
	info, err := os.Stat(j.Path) // before it is opened: that waits for ever at a named pipe
	switch {
	case err != nil:
		return nil, j.unread(err)
	case info.IsDir():
		return nil, &DamagedError{j.Path, errors.New("it is a folder")}
	case !info.Mode().IsRegular():
		return nil, &DamagedError{j.Path, errors.New("it is no regular file")}
	}

	f, err := os.Open(j.Path)
	if err != nil {
		return nil, j.unread(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxJSON+1))
	switch {
	case err != nil:
		return nil, j.unread(err)
	case len(b) > maxJSON:
		return nil, &DamagedError{j.Path, fmt.Errorf("it has more than %d bytes", maxJSON)}
	}
	return b, nil
}

// unread is the error of a file that the system does not give.
func (j JSON[T]) unread(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok { // it would name the file once more
		err = p.Err
	}
	return &UnreadableError{j.Path, err}
}

// Read is Load of a state that has to be there: that it is absent is an error that is
// fs.ErrNotExist.
func (j JSON[T]) Read() (T, error) {
	state, there, err := j.Load()
	if err == nil && !there {
		err = &fs.PathError{Op: "read", Path: j.Path, Err: fs.ErrNotExist}
	}
	return state, err
}

// Recover is Load of a state that its owner can do without: a damaged file is logged and
// set aside (SetAside), and there is no state. log may be nil.
func (j JSON[T]) Recover(log *slog.Logger) (state T, there bool, err error) {
	state, there, err = j.Load()
	damaged, ok := errors.AsType[*DamagedError](err)
	if !ok {
		return state, there, err
	}
	return state, false, j.setAside(damaged, log)
}

// Renew is Recover for an owner that has to go on at once, also without a file that cannot
// be read: damage is why one was set aside, nil where nothing was.
func (j JSON[T]) Renew(log *slog.Logger) (state T, there bool, damage, err error) {
	state, there, damage = j.Load()
	if damage == nil {
		return state, there, nil, nil
	}
	return state, false, damage, j.setAside(damage, log)
}

func (j JSON[T]) setAside(damage error, log *slog.Logger) error {
	aside, err := SetAside(j.Path)
	if err != nil {
		return errors.Join(damage, err)
	}
	if log != nil {
		log.Error("damaged file set aside; starting with an empty state", "file", j.Path, "now", aside, "err", damage)
	}
	return nil
}

// Save replaces the state. After nil it survives a power cut; after an error the file
// is as it was.
func (j JSON[T]) Save(state T) error {
	b, err := j.encode(state)
	if err != nil {
		return fmt.Errorf("encode %s: %w", filepath.Base(j.Path), err)
	}
	if j.Write != nil {
		return j.Write(j.Path, b)
	}
	return WriteBytes(j.Path, b)
}

func (j JSON[T]) encode(state T) ([]byte, error) {
	if j.Compact {
		return json.Marshal(state)
	}
	b, err := json.MarshalIndent(state, "", " ")
	return append(b, '\n'), err
}
