// Package remote has a running grab watch do what a command asks for: it finds the one
// that works by the same configuration, shows what it says while it works, and brings
// its bundles to where this user can open them.
//
// A bundle is brought whole, with the watcher's SHA-256, or not at all, and only under the
// name of the incident that was asked for. It does not know what is asked for.
package remote

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/collector/control"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/version"
)

// A Watcher is a running grab watch.
type Watcher struct {
	*control.Client
	Hello collector.Hello
}

// helloWait bounds the asking who is there.
const helloWait = 5 * time.Second

// FindAloud is Find, and says what was found; nil if there is no watcher, or none for this
// user.
func FindAloud(ctx context.Context, file string, say func(format string, args ...any)) *Watcher {
	w, err := Find(ctx, file)
	switch {
	case w == nil && errors.Is(err, control.ErrDenied):
		say("grab: warning: %v; continuing without grab watch (members of socket.group may use it)", err)
	case w == nil && err != nil:
		say("grab: warning: %v; continuing without grab watch", err)
	case w == nil:
	case w.Hello.Version != version.Version:
		say("using the grab watch on %s; its version is %s, this is %s", w.Path, w.Hello.Version, version.Version)
	default:
		say("using the grab watch on %s", w.Path)
	}
	return w
}

// Find finds the grab watch that runs by the configuration in file or where it is
// looked for. Its error says why one that may be there could not be spoken to.
func Find(ctx context.Context, file string) (*Watcher, error) {
	path, places, ok := Where(file)
	if !ok {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, helloWait)
	defer cancel()
	var failed error
	for _, place := range places {
		w := &Watcher{Client: &control.Client{Path: place}}
		err := w.Do(ctx, http.MethodGet, "/hello", nil, &w.Hello)
		switch {
		case errors.Is(err, control.ErrNone):
		case err != nil:
			failed = err
		case path == "" || sameFile(path, w.Hello.Config):
			return w, nil
		}
	}
	return nil, failed
}

// Silent is that a grab watch runs by that configuration and does not answer.
func Silent(ctx context.Context, file string) error {
	if _, err := Find(ctx, file); errors.Is(err, control.ErrSilent) {
		return err
	}
	return nil
}

// Where is the configuration's file, "" if there is none that this user can
// find, and where its watcher may answer. A file that this user may not read counts:
// its watcher may. false: nobody is to be asked.
func Where(file string) (path string, places []string, ok bool) {
	path, err := config.Find(file)
	switch {
	case err == nil:
	case errors.Is(err, config.ErrNotFound):
		return "", control.Paths(config.Default().Store), true
	case !errors.Is(err, fs.ErrPermission):
		return "", nil, false // a wrong name is the user's to fix
	default:
		if path = file; path == "" {
			path = os.Getenv("GRAB_CONFIG")
		}
	}
	look, err := config.Look(path)
	switch {
	case err != nil:
		return path, control.Paths(config.Default().Store), true
	case look.Socket.Path == config.SocketNone:
		return "", nil, false
	case look.Socket.Path != "":
		return path, []string{look.Socket.Path}, true
	}
	return path, control.Paths(look.Store), true
}

// sameFile compares files, one of which may be hidden from this user.
func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	if errX == nil && errY == nil {
		return os.SameFile(x, y)
	}
	abs, err := filepath.Abs(a)
	return err == nil && abs == filepath.Clean(b)
}
