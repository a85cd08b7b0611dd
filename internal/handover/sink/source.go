package sink

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"sync/atomic"
)

// A Source reads an artifact from its beginning to its end, once. It never gives the last
// bytes of a file that is not the one that was meant: what is sent is never whole then. Its
// errors are *Error of cause Local, or the context's. Sent and Close may be called while
// somebody reads: a server may answer before it has taken all.
type Source struct {
	a    Artifact
	file *os.File
	flow io.Reader
	sum  hash.Hash // of who reads
	read atomic.Int64
}

// Open opens an artifact for sending at the pace of ctx.
func Open(ctx context.Context, a Artifact) (*Source, error) {
	f, err := OpenFile(a)
	if err != nil {
		return nil, err
	}
	return &Source{a: a, file: f, flow: Reader(ctx, f), sum: sha256.New()}, nil
}

// OpenFile opens an artifact's file, which has its size.
func OpenFile(a Artifact) (*os.File, error) {
	st, err := os.Stat(a.Path)
	switch {
	case err != nil:
		return nil, local(err)
	case !st.Mode().IsRegular():
		return nil, local(fmt.Errorf("%s is not a file", a.Path))
	case st.Size() != a.Size:
		return nil, local(fmt.Errorf("%s has %d bytes, not %d: it was changed", a.Path, st.Size(), a.Size))
	}
	f, err := os.Open(a.Path)
	if err != nil {
		return nil, local(err)
	}
	return f, nil
}

// local is an error of the artifact here. It is of no use to read a changed file again.
func local(err error) *Error { return &Error{Cause: Local, Permanent: true, Err: err} }

// Read is io.Reader's.
func (s *Source) Read(b []byte) (int, error) {
	left := s.a.Size - s.read.Load()
	if left == 0 {
		return 0, io.EOF
	} else if int64(len(b)) > left {
		b = b[:left]
	}
	n, err := s.flow.Read(b)
	if n > 0 {
		left = s.a.Size - s.read.Add(int64(n))
		s.sum.Write(b[:n])
	}
	switch {
	case left == 0 && hex.EncodeToString(s.sum.Sum(nil)) != s.a.SHA256:
		return 0, local(fmt.Errorf("%s was changed: its SHA-256 is another", s.a.Path))
	case err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return n, err
	case err == io.EOF && left > 0:
		return n, local(fmt.Errorf("%s ends at byte %d", s.a.Path, s.a.Size-left))
	case err == io.EOF:
		return n, err
	case pathError(err):
		return n, local(err)
	}
	return n, err // of the pace: the context's, in other words
}

func pathError(err error) bool {
	_, ok := errors.AsType[*os.PathError](err)
	return ok
}

// Skip reads the next n bytes, which the far side has already: until ctx ends, at no pace.
func (s *Source) Skip(ctx context.Context, n int64) error {
	if at := s.read.Load(); n > s.a.Size-at {
		return local(fmt.Errorf("%s has no %d bytes after byte %d", s.a.Path, n, at))
	}
	m, err := io.CopyN(s.sum, Alive(ctx, s.file), n)
	at := s.read.Add(m)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return local(err)
	}
	if at == s.a.Size && hex.EncodeToString(s.sum.Sum(nil)) != s.a.SHA256 {
		return local(fmt.Errorf("%s was changed: its SHA-256 is another", s.a.Path))
	}
	return nil
}

// Sent is how many bytes were read or skipped.
func (s *Source) Sent() int64 { return s.read.Load() }

// Close closes the file.
func (s *Source) Close() error { return s.file.Close() }
