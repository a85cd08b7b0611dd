package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/collector/control"
	"rtmtgrab/internal/evidence"
)

// Of a bundle that crosses the socket: how long it is, said before, and its SHA-256,
// said after.
const (
	lengthHeader = "Grab-Length"
	sumTrailer   = "Grab-Sha256"
)

// serveBundle sends the bundle of an incident's revision.
func (w *watching) serveBundle(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f, err := w.openBundle(q.Get("incident"), q.Get("revision"))
	if err != nil {
		control.Fail(rw, http.StatusNotFound, *w.failure(err))
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		control.Fail(rw, http.StatusNotFound, control.Failure{Message: "the bundle is no file", Exit: advice.Failed})
		return
	}
	w.log.Info("bundle", "file", f.Name(), "to", control.PeerOf(r.Context()).String())
	rw.Header().Set("Content-Type", "application/octet-stream")
	rw.Header().Set(lengthHeader, strconv.FormatInt(info.Size(), 10))
	rw.Header().Set("Trailer", sumTrailer)
	rc := http.NewResponseController(rw)
	sum := sha256.New()
	for r.Context().Err() == nil {
		rc.SetWriteDeadline(time.Now().Add(control.Patience))
		_, err := io.CopyN(io.MultiWriter(rw, sum), f, 256<<10)
		if errors.Is(err, io.EOF) {
			rw.Header().Set(sumTrailer, hex.EncodeToString(sum.Sum(nil)))
			return
		}
		if err != nil {
			break
		}
	}
	panic(http.ErrAbortHandler) // or it would look whole
}

// openBundle opens what the store knows as the bundle of a revision.
func (w *watching) openBundle(id, revision string) (*os.File, error) {
	in, err := w.store.Load(id)
	if err != nil {
		return nil, err
	}
	for _, rev := range slices.Backward(in.Revisions) {
		if strconv.Itoa(rev.Revision) == revision {
			return os.Open(rev.Bundle)
		}
	}
	return nil, fmt.Errorf("incident %s has no bundle of revision %s", in.ID, evidence.Printable(revision, 20))
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
	want, err := strconv.ParseInt(resp.Header.Get(lengthHeader), 10, 64)
	if err != nil {
		return "", fmt.Errorf("%w: it does not say how long the bundle is", control.ErrLost)
	}
	path = filepath.Join(dir, name)
	return path, atomicfile.Write(path, func(f io.Writer) error {
		sum := sha256.New()
		n, err := io.Copy(io.MultiWriter(f, sum), io.LimitReader(resp.Body, want+1))
		switch {
		case err != nil:
			return fmt.Errorf("%w: %w", control.ErrLost, err)
		case n != want:
			return fmt.Errorf("%w: %d bytes came, not %d", control.ErrLost, n, want)
		case hex.EncodeToString(sum.Sum(nil)) != resp.Trailer.Get(sumTrailer):
			return fmt.Errorf("%w: the bytes that came are not those of the bundle", control.ErrLost)
		}
		return nil
	})
}
