package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/checkup"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/app/progress"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/collector/control"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/version"
	"rtmtgrab/internal/wiring"
)

func directFlag(fl *pflag.FlagSet, direct *bool) {
	fl.BoolVar(direct, "direct", false, "work in this process even if a grab watch runs, with files that this user can read")
}

// remote is a running grab watch.
type remote struct {
	*control.Client
	hello collector.Hello
}

// helloWait bounds the asking who is there.
const helloWait = 5 * time.Second

// runningWatcher finds the grab watch that runs by the configuration this command would use,
// and says so; nil if there is none, or none for this user.
func runningWatcher(ctx context.Context, a *app, direct bool) *remote {
	if direct {
		return nil
	}
	w, err := findWatcher(ctx, a.config)
	switch {
	case w == nil && errors.Is(err, control.ErrDenied):
		a.say("grab: warning: %v; continuing without grab watch (members of socket.group may use it)", err)
	case w == nil && err != nil:
		a.say("grab: warning: %v; continuing without grab watch", err)
	case w == nil:
	case w.hello.Version != version.Version:
		a.say("using the grab watch on %s; its version is %s, this is %s", w.Path, w.hello.Version, version.Version)
	default:
		a.say("using the grab watch on %s", w.Path)
	}
	return w
}

// findWatcher is runningWatcher without a word, for the configuration in file or where it
// is looked for. Its error says why one that may be there could not be spoken to.
func findWatcher(ctx context.Context, file string) (*remote, error) {
	path, places, ok := whereWatcher(file)
	if !ok {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, helloWait)
	defer cancel()
	var failed error
	for _, place := range places {
		w := &remote{Client: &control.Client{Path: place}}
		err := w.Do(ctx, http.MethodGet, "/hello", nil, &w.hello)
		switch {
		case errors.Is(err, control.ErrNone):
		case err != nil:
			failed = err
		case path == "" || sameFile(path, w.hello.Config):
			return w, nil
		}
	}
	return nil, failed
}

// whereWatcher is the configuration's file, "" if there is none that this user can
// find, and where its watcher may answer. A file that this user may not read counts:
// its watcher may. false: nobody is to be asked.
func whereWatcher(file string) (path string, places []string, ok bool) {
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

// ask has the watcher work at a request and decodes the result. name is the incident
// that it works at, as soon as it is known.
func (w *remote) ask(ctx context.Context, a *app, path string, req, result any) (name string, err error) {
	p := progress.New(a.err)
	defer p.Close()
	b, err := w.Work(ctx, path, req, a.interrupted, func(raw json.RawMessage) {
		var got collector.Word
		if json.Unmarshal(raw, &got) != nil {
			return // a word of another version
		}
		switch {
		case got.Say != "":
			p.Say("%s", got.Say)
		case got.Fetched != nil:
			p.Fetched(*got.Fetched)
		case got.Finding != nil:
			a.findings().Show(*got.Finding, got.Columns)
		case got.Event != nil:
			name = got.Event.Incident
			p.Event(got.Event.Event())
		}
	})
	if err != nil {
		return name, err
	}
	if err := json.Unmarshal(b, result); err != nil {
		return name, fmt.Errorf("%w: unexpected result: %w", control.ErrLost, err)
	}
	return name, nil
}

// grab has the watcher grab, and its bundle brought to where this user can open it:
// to out if it is given, to the current folder if the store is closed to him.
func (w *remote) grab(ctx context.Context, a *app, path string, req any, out string) (o oneshot.Outcome, err error) {
	if out == "" && !opens(w.hello.Bundles) {
		out = "."
	}
	if err := oneshot.PrepareOut(out); err != nil {
		return o, advice.Usage(err)
	}
	if a.ended() {
		return o, errBeforeBegun
	}
	name, err := w.ask(ctx, a, path, req, &o)
	if errors.Is(err, control.ErrLost) && name != "" {
		return o, advice.WithHint(fmt.Errorf("incident %s: %w", name, err), "it goes on by itself, or when grab watch runs again: `grab retry "+name+"` fetches its bundle")
	}
	if err != nil {
		return o, err
	}
	if out == "" && !opens(o.Bundle) {
		out = "."
	}
	if out == "" {
		return o, nil
	}
	brought, err := w.bring(ctx, o, out)
	if err != nil {
		return o, advice.WithHint(fmt.Errorf("fetch the bundle %s: %w", o.Bundle, err), "the bundle on the server is intact")
	}
	o.Bundle = brought
	return o, nil
}

// opens reports whether this user can read a file or folder.
func opens(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

func nowThrough(ctx context.Context, a *app, w *remote, f *oneshot.Request) error {
	o, err := w.grab(ctx, a, "/now", f, f.Out)
	if err != nil {
		return err
	}
	if err := printOutcome(a, o, wiring.ZoneNamed(o.TimeZone)); err != nil {
		return err
	}
	sayRecovery(a, f, o.Asked, wiring.ZoneNamed(o.TimeZone))
	return nil
}

func retryThrough(ctx context.Context, a *app, w *remote, q oneshot.RetryRequest, out string) error {
	o, err := w.grab(ctx, a, "/retry", q, out)
	if err != nil {
		return err
	}
	return printOutcome(a, o, wiring.ZoneNamed(o.TimeZone))
}

func checkThrough(ctx context.Context, a *app, w *remote, q checkup.Request) error {
	var rep checkup.Report
	if _, err := w.ask(ctx, a, "/check", q, &rep); err != nil {
		return err
	}
	return concludeCheck(a, rep)
}

// bring writes the bundle of an outcome into a folder of this user's and returns its
// path there.
func (w *remote) bring(ctx context.Context, o oneshot.Outcome, dir string) (path string, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	name := filepath.Base(o.Bundle)
	if !strings.HasPrefix(name, o.Incident+".") && !strings.HasPrefix(name, o.Incident+"-r") || o.Incident != filepath.Base(o.Incident) || o.Incident[0] == '.' {
		return "", fmt.Errorf("the watcher names its bundle %q", evidence.Printable(o.Bundle, 200))
	}
	resp, err := w.Get(ctx, "/bundle?"+url.Values{"incident": {o.Incident}, "revision": {strconv.Itoa(o.Revision)}}.Encode())
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	want, err := strconv.ParseInt(resp.Header.Get(collector.LengthHeader), 10, 64)
	if err != nil {
		return "", fmt.Errorf("%w: the size of the bundle is missing", control.ErrLost)
	}
	path = filepath.Join(dir, name)
	return path, atomicfile.Write(path, func(f io.Writer) error {
		sum := sha256.New()
		n, err := io.Copy(io.MultiWriter(f, sum), io.LimitReader(resp.Body, want+1))
		switch {
		case err != nil:
			return fmt.Errorf("%w: %w", control.ErrLost, err)
		case n != want:
			return fmt.Errorf("%w: received %d bytes of %d", control.ErrLost, n, want)
		case hex.EncodeToString(sum.Sum(nil)) != resp.Trailer.Get(collector.SumTrailer):
			return fmt.Errorf("%w: the SHA-256 of what was received is not the bundle's", control.ErrLost)
		}
		return nil
	})
}
