package remote

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/checkup"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/app/progress"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/collector/control"
	"rtmtgrab/internal/evidence"
)

// A Person is who asks.
type Person struct {
	Err         io.Writer        // shows how far the work is
	Findings    *checkup.Printer // shows what a check finds
	Interrupted <-chan struct{}  // closed: stop, and hand over what there is
}

// ErrBeforeBegun is that the person stopped what had not begun.
var ErrBeforeBegun = errors.New("interrupted before the start")

// Ask has the watcher work at a request and decodes the result. name is the incident
// that it works at, as soon as it is known.
func (w *Watcher) Ask(ctx context.Context, who Person, path string, req, result any) (name string, err error) {
	p := progress.New(who.Err)
	defer p.Close()
	b, err := w.Work(ctx, path, req, who.Interrupted, func(raw json.RawMessage) {
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
			who.Findings.Show(*got.Finding, got.Columns)
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

// Grab has the watcher grab, and its bundle brought to where this user can open it:
// to out if it is given, to the current folder if the store is closed to him.
func (w *Watcher) Grab(ctx context.Context, who Person, path string, req any, out string) (o oneshot.Outcome, err error) {
	if out == "" && !opens(w.Hello.Bundles) {
		out = "."
	}
	if err := oneshot.PrepareOut(out); err != nil {
		return o, advice.Usage(err)
	}
	select {
	case <-who.Interrupted:
		return o, ErrBeforeBegun
	default:
	}
	name, err := w.Ask(ctx, who, path, req, &o)
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

// bring writes the bundle of an outcome into a folder of this user's and returns its
// path there.
func (w *Watcher) bring(ctx context.Context, o oneshot.Outcome, dir string) (path string, err error) {
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
