package collector

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/collector/control"
	"rtmtgrab/internal/evidence"
)

// Of a bundle that crosses the socket: how long it is, said before, and its SHA-256,
// said after.
const (
	LengthHeader = "Grab-Length"
	SumTrailer   = "Grab-Sha256"
)

// serveBundle sends the bundle of an incident's revision.
func (s *server) serveBundle(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f, err := s.openBundle(q.Get("incident"), q.Get("revision"))
	if err != nil {
		control.Fail(rw, http.StatusNotFound, *s.failure(err))
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		control.Fail(rw, http.StatusNotFound, control.Failure{Message: "the bundle is not a file", Exit: advice.Failed})
		return
	}
	s.log.Info("bundle sent", "file", f.Name(), "to", control.PeerOf(r.Context()).String())
	rw.Header().Set("Content-Type", "application/octet-stream")
	rw.Header().Set(LengthHeader, strconv.FormatInt(info.Size(), 10))
	rw.Header().Set("Trailer", SumTrailer)
	rc := http.NewResponseController(rw)
	sum := sha256.New()
	for r.Context().Err() == nil {
		rc.SetWriteDeadline(time.Now().Add(control.Patience))
		_, err := io.CopyN(io.MultiWriter(rw, sum), f, 256<<10)
		if errors.Is(err, io.EOF) {
			rw.Header().Set(SumTrailer, hex.EncodeToString(sum.Sum(nil)))
			return
		}
		if err != nil {
			break
		}
	}
	panic(http.ErrAbortHandler) // or it would look whole
}

// openBundle opens what the store knows as the bundle of a revision.
func (s *server) openBundle(id, revision string) (*os.File, error) {
	in, err := s.store.Load(id)
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
