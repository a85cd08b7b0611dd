package hostcmd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/klauspost/compress/gzip"
)

// Found is the answer to VerbRead.
type Found struct {
	Path          string // under which the file was found
	Before, After Status
	N             int // bytes of data
	Head          []byte
}

// Answer reads what was printed for it; the data go into b, which is r.Count long.
func (r Read) Answer(out io.Reader, b []byte) (got Found, err error) {
	a := newAnswer(out, r.Nonce, int64(len(b)+len(b)/100)+r.Head+16<<10) // gzip may make it a little longer
	if err := a.begin(); err != nil {
		return got, err
	}
	before, err := a.field()
	if err != nil {
		return got, err
	}
	if got.Path, err = a.field(); err != nil {
		return got, err
	}
	if got.Before, err = parseStatus(before); err != nil {
		return got, err
	}
	if !r.Gzip {
		err = a.plain(&got, r.Head, b)
	} else {
		err = a.packed(&got, r.Head, b)
	}
	if err == nil && (got.After.ID != got.Before.ID || r.ID != got.Before.ID || !got.Before.Regular()) {
		err = a.garbled("the file", before)
	}
	return got, err
}

// plain reads data and what stands behind it. Where the data end shows only
// from the end backwards.
func (a *answer) plain(got *Found, head int64, b []byte) error {
	n, err := io.ReadFull(a.r, b)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	behind := head + 1<<10 // the most that can stand behind the data
	rest, err := io.ReadAll(io.LimitReader(a.r, behind+1))
	if err != nil {
		return err
	}
	at := max(0, n-int(behind))
	data, err := a.trailer(append(bytes.Clone(b[at:n]), rest...), got)
	got.N = at + data
	if err == nil && got.N > len(b) {
		err = a.garbled("the length of the data", strconv.Itoa(got.N))
	}
	return err
}

// packed unpacks the data, which say themselves where they end.
func (a *answer) packed(got *Found, head int64, b []byte) error {
	z, err := gzip.NewReader(a.r)
	if err != nil {
		return a.badPack(err)
	}
	z.Multistream(false)
	got.N, err = io.ReadFull(z, b)
	if err == nil { // there must not be more; and this reads the check sum
		var one [1]byte
		if n, more := io.ReadFull(z, one[:]); n > 0 || more != io.EOF {
			return a.badPack(fmt.Errorf("it goes on: %w", errors.Join(more)))
		}
	} else if err != io.EOF && err != io.ErrUnexpectedEOF {
		return a.badPack(err)
	}
	if err == io.ErrUnexpectedEOF { // of the data, or of the stream: the next read tells
		if _, end := z.Read(make([]byte, 1)); end != io.EOF {
			return a.badPack(end)
		}
	}
	rest, err := io.ReadAll(io.LimitReader(a.r, head+1<<10))
	if err != nil {
		return err
	}
	at, err := a.trailer(rest, got)
	if err == nil && at != 0 {
		err = a.garbled("what follows the data", string(rest[:min(at, 80)]))
	}
	return err
}

func (a *answer) badPack(err error) error {
	if err == nil || err == io.EOF || err == io.ErrUnexpectedEOF {
		return ErrCutOff
	}
	return fmt.Errorf("unpack what the host sends: %w", err)
}

// trailer takes the head and the second stat off the end of b, and returns where
// the data end in b.
func (a *answer) trailer(b []byte, got *Found) (data int, err error) {
	sep := []byte("\x00" + a.mark + "\x00")
	end := bytes.LastIndex(b, sep)
	if end < 0 {
		return 0, ErrCutOff
	}
	start := bytes.LastIndex(b[:end], sep)
	after, whole := bytes.CutSuffix(b[end+len(sep):], []byte{0})
	if start < 0 || !whole {
		return 0, ErrCutOff
	}
	got.Head = bytes.Clone(b[start+len(sep) : end])
	got.After, err = parseStatus(string(after))
	return start, err
}

// Seen is the answer to VerbLook about one file: what was found, without data and with
// Before as After, or why nothing was.
type Seen struct {
	Found
	Code, Reason string // an exit code and what was printed; "": it was found
}

// Answer reads what was printed for it: one Seen for each file, in their order.
func (wish Look) Answer(out io.Reader) ([]Seen, error) {
	a := newAnswer(out, wish.Nonce, int64(len(wish.Files))*(wish.Head+16<<10))
	if err := a.begin(); err != nil {
		return nil, err
	}
	list := make([]Seen, len(wish.Files))
	for i, f := range wish.Files {
		var err error
		if list[i], err = a.seen(f, wish.Head); err != nil {
			return nil, err
		}
	}
	end, err := a.field()
	if err == nil && end != wish.Nonce {
		err = a.garbled("the end", end)
	}
	return list, err
}

func (a *answer) seen(file File, head int64) (got Seen, err error) {
	var f [3]string
	for i := range f {
		if f[i], err = a.field(); err != nil {
			return got, err
		}
	}
	switch f[0] {
	case "!":
		return Seen{Code: f[1], Reason: f[2]}, nil
	case "=":
	default:
		return got, a.garbled("what is said of a file", f[0])
	}
	s, err := parseStatus(f[1])
	if err != nil {
		return got, err
	}
	if !s.Regular() || file.ID != "" && s.ID != file.ID {
		return got, a.garbled("the file", f[1])
	}
	got.Path, got.Before, got.After = f[2], s, s
	got.Head, err = a.until(head)
	return got, err
}

// ProbeAnswer reads the answer to VerbProbe.
func ProbeAnswer(out io.Reader, mark string) error {
	a := newAnswer(out, mark, 1<<10)
	if err := a.begin(); err != nil {
		return err
	}
	id, err := a.field()
	if err == nil && !isID(id) {
		err = a.garbled("the root folder", id)
	}
	return err
}
