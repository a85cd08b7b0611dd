// Package inventory finds what a store has: the incident or the bundle that a person
// means by a name, and the list of all.
//
// It only reads, and needs no lock. It opens a bundle for the list only where an earlier
// version sealed it, and a bounded number of those.
package inventory

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/seal/envelope"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// Last is the name of the newest incident.
const Last = "@last"

// ErrNoBundle is of an incident that has no bundle.
var ErrNoBundle = errors.New("no bundle")

// A Finder finds what a person names: a path, an incident by its ID, or Last.
type Finder struct {
	Store func() (*incident.Store, error) // asked for only if the name is no path
}

// Manifest is that of a bundle's file or of an incident, an open one too, and the path of
// the bundle, if there is one.
func (f Finder) Manifest(ctx context.Context, name string) (evidence.Manifest, string, error) {
	missing := isPath(name)
	if missing == nil {
		m, err := readManifest(name)
		if err == nil {
			err = bundle.CheckNames(ctx, name)
		}
		return m, name, err
	}
	store, in, err := f.incident(name, missing, anyIncident)
	if err != nil {
		return evidence.Manifest{}, "", err
	}
	m, err := oneshot.ManifestOf(store, in)
	if err != nil {
		return m, in.Bundle, err
	}
	return withComing(store, in, m), in.Bundle, nil
}

// readManifest is that of a file that a person named.
func readManifest(path string) (evidence.Manifest, error) {
	if envelope.IsEncrypted(path) {
		return evidence.Manifest{}, &envelope.EncryptedError{Path: path}
	}
	m, err := bundle.ReadManifest(path)
	if err != nil {
		err = advice.WithHint(err, "`grab list` has the bundles of the store; `grab verify` says what is wrong with a damaged one, `grab report` reads a folder or logs")
	}
	return m, err
}

// Path is the path itself, or that of an incident's newest bundle. Last is the newest
// incident that has one.
func (f Finder) Path(name string) (string, error) {
	missing := isPath(name)
	if missing == nil {
		return name, nil
	}
	_, in, err := f.incident(name, missing, withBundle)
	switch {
	case err != nil:
		return "", err
	case in.Bundle == "":
		return "", advice.WithHint(fmt.Errorf("incident %s: %w yet, it is %s", in.ID, ErrNoBundle, in.State), "`grab show "+in.ID+"` shows what was copied so far; if nothing works at it any more `grab retry "+in.ID+"` brings it to its end")
	case !exists(in.Bundle):
		return "", fmt.Errorf("incident %s: %w: %s is not there any more", in.ID, ErrNoBundle, in.Bundle)
	}
	return in.Bundle, nil
}

// Paths does so with each name.
func (f Finder) Paths(names []string) (paths []string, err error) {
	for _, name := range names {
		path, err := f.Path(name)
		if err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// ID is name, or that of the incident that Last means.
func (f Finder) ID(name string) (string, error) {
	if name != Last {
		return name, nil
	}
	_, in, err := f.incident(name, nil, anyIncident)
	return in.ID, err
}

// Incident is the ID of the incident that is meant: of Last, or of a bundle's file. Any other
// name is an ID, which whoever works at it looks up.
func (f Finder) Incident(name string) (string, error) {
	if name == Last {
		return f.ID(name)
	}
	if st, err := os.Stat(name); err == nil && st.Mode().IsRegular() {
		m, err := readManifest(name)
		return m.Incident, err
	}
	return name, nil
}

// incident finds one in the store; of all that may be meant by Last the newest. missing
// says that the name is no path.
func (f Finder) incident(name string, missing error, may wanted) (*incident.Store, incident.Incident, error) {
	store, err := f.Store()
	if errors.Is(err, config.ErrNotFound) && name != Last {
		return nil, incident.Incident{}, missing // there is no store in which it could be
	}
	switch {
	case err != nil && name == Last:
		return nil, incident.Incident{}, fmt.Errorf("%s: %w", Last, err)
	case err != nil:
		return nil, incident.Incident{}, errors.Join(missing, err)
	case name == Last:
		in, err := newest(store, may)
		return store, in, err
	}
	in, err := store.Load(name)
	switch path := bundleOf(store, name); {
	case err == nil:
	case errors.Is(err, incident.ErrRemoved):
	case !errors.Is(err, incident.ErrNotFound):
		if path != "" {
			err = advice.WithHint(err, "its bundle is "+path+": name that instead")
		}
	case missing != nil && calledLikeFile(name):
		err = missing
	default:
		err = advice.WithHint(fmt.Errorf("no file %s, and %w", evidence.Printable(name, 300), err), "`grab list` has the incidents; "+Last+" is the newest")
	}
	return store, in, err
}

// calledLikeFile says that no incident has such a name.
func calledLikeFile(name string) bool {
	return strings.ContainsAny(name, `/\`) || slices.Contains([]string{".zip", ".zst", ".gz", ".age"}, filepath.Ext(name))
}

// bundleOf is the newest bundle in the store that bears an incident's name, "" if there is none.
func bundleOf(store *incident.Store, id string) (path string) {
	entries, _ := os.ReadDir(store.Bundles()) // a folder that cannot be read has none
	newest := time.Time{}
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), id)
		if !ok || !strings.HasPrefix(rest, ".") && !strings.HasPrefix(rest, "-r") || strings.HasSuffix(rest, ".part") {
			continue
		}
		if st, err := e.Info(); err == nil && !st.ModTime().Before(newest) {
			path, newest = filepath.Join(store.Bundles(), e.Name()), st.ModTime()
		}
	}
	return path
}

// A wanted says which incidents Last may mean, and what one is called.
type wanted struct {
	what string
	fits func(incident.Incident) bool
}

var (
	anyIncident = wanted{"incident", func(incident.Incident) bool { return true }}
	withBundle  = wanted{"incident with a bundle", func(in incident.Incident) bool { return exists(in.Bundle) }}
)

// A noLast is that the store has nothing that Last could mean.
type noLast struct{ what, dir string }

func (e noLast) Error() string      { return Last + ": the store " + e.dir + " has no " + e.what }
func (noLast) Is(target error) bool { return target == incident.ErrNotFound }

// newest is the newest incident that may be meant.
func newest(store *incident.Store, may wanted) (incident.Incident, error) {
	keys, err := store.Keys()
	if err != nil {
		return incident.Incident{}, err
	}
	slices.SortFunc(keys, func(a, b string) int { return strings.Compare(b, a) }) // they begin with a time
	var found incident.Incident
	for _, k := range keys {
		if found.Key != "" && second(k) != second(found.Key) {
			break
		}
		if in, err := store.Read(k); err == nil && in.Kind != incident.KindDrill && may.fits(in) && (found.Key == "" || in.Created.After(found.Created)) {
			found = in
		}
	}
	if found.Key != "" {
		return found, nil
	}
	return found, noLast{may.what, store.Dir}
}

// second is the time with which a key begins.
func second(key string) string { return key[:min(len(key), len("20060102T150405Z"))] }

// isPath is nil if there is a file or folder of that name.
func isPath(name string) error {
	_, err := os.Stat(name)
	return err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return path != "" && !errors.Is(err, fs.ErrNotExist)
}
