// Package control is the way from a command to the grab watch that runs on the same
// machine: HTTP with JSON over a Unix socket, or over a named pipe on Windows.
//
// It guarantees that only the service's own user, root and the members of one group
// can speak to the watcher, that a socket which a dead process left is replaced and
// that of a living one is not, that either side notices within Patience when the
// other one hangs, and that nothing a peer sends is held without bound.
//
// It knows nothing of incidents or hosts: what is asked and answered is its users'.
package control

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"
)

// Why nobody can be spoken to.
var (
	ErrNone   = errors.New("no grab watch answers")
	ErrSilent = errors.New("grab watch runs and does not answer")
	ErrDenied = errors.New("this user may not use the socket of grab watch")
	ErrTaken  = errors.New("another process is listening on the socket")
	ErrLost   = errors.New("the connection to grab watch was lost")
	ErrLong   = errors.New("the path is longer than 103 bytes") // no socket can have it
)

// Patience is how long either side waits for a sign of life of the other.
const Patience = 30 * time.Second

// Bounds of what is sent.
const (
	maxRequest = 64 << 10 // a request's body, and each line that follows it
	maxAnswer  = 64 << 20 // one line of an answer: a manifest of many hosts is long
	maxHeader  = 16 << 10
)

// A Failure is an error as it crosses the socket: the same words, hint and exit
// code that the command would have ended with.
type Failure struct {
	Message string `json:"error"`
	Hint    string `json:"hint"`
	Exit    int    `json:"exit"`
}

func (f *Failure) Error() string { return f.Message }

// Answer writes v as the answer to a short request.
func Answer(w http.ResponseWriter, v any) { send(w, http.StatusOK, v) }

// Fail answers a short request with an error.
func Fail(w http.ResponseWriter, status int, f Failure) { send(w, status, f) }

// Path is where the watcher of a store listens if nothing else is configured. runtime
// is systemd's RUNTIME_DIRECTORY, of which the first is taken; it may be empty.
func Path(runtime, store string) string {
	if list := filepath.SplitList(runtime); len(list) > 0 && list[0] != "" && !pipes {
		return filepath.Join(list[0], socketName)
	}
	return inStore(store)
}

// Paths are the places where a client looks for the watcher of a store; store may be
// empty if it is not known.
func Paths(store string) []string {
	var list []string
	if !pipes {
		list = append(list, system)
	}
	if store != "" {
		list = append(list, inStore(store))
	}
	return list
}

const (
	socketName = "grab.sock"
	system     = "/run/grab/" + socketName // where configs/grab.service has it
)

func denied(path string, err error) error { return fmt.Errorf("%w: %s: %w", ErrDenied, path, err) }
