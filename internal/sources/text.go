package sources

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"rtmtgrab/internal/expressway"
	"rtmtgrab/internal/registration"
)

// A place is a part of a log.
type place struct {
	log  *logFile
	part int
}

// maxTexts bounds what is kept of one log's records while a page is written.
const maxTexts = 256 << 20

// Settle brings a report that Analyze made of these sources to its last form: each
// record's place is that in the file in which a person finds it, and what is to be
// known of the sources is among the notes.
func (s *Set) Settle(r *registration.Report) {
	r.TimeZone = s.TimeZone
	r.Notes = append(r.Notes, s.Notes()...)
	eachProof(r, func(p *registration.Proof) {
		p.File, p.Offset = s.Place(p.File, p.Offset)
	})
}

// Text returns a function that gives the bytes of a settled report's records. Of
// logs that cannot be read at any place all records that the report names are
// copied out on the first use.
func (s *Set) Text(r *registration.Report) func(registration.Proof) ([]byte, error) {
	return func(p registration.Proof) ([]byte, error) {
		at, ok := s.names[p.File]
		if !ok {
			return nil, fmt.Errorf("there is no log %s", p.File)
		}
		n := min(p.Length, expressway.MaxLine*4)
		if n <= 0 || p.Offset < 0 {
			return nil, fmt.Errorf("%s: no record at byte %d", p.File, p.Offset)
		}
		if at.log.texts == nil {
			if err := at.log.prepare(r); err != nil {
				return nil, fmt.Errorf("read %s again: %w", p.File, err)
			}
		}
		return at.log.texts.read(at.log.base(at.part)+p.Offset, n)
	}
}

// eachProof visits every record that a report names.
func eachProof(r *registration.Report, visit func(*registration.Proof)) {
	all := func(ps []registration.Proof) {
		for i := range ps {
			visit(&ps[i])
		}
	}
	for i := range r.Connections {
		all(r.Connections[i].Proofs)
	}
	for i := range r.Phones {
		p := &r.Phones[i]
		all(p.Proofs)
		for j := range p.CUCMEvents {
			visit(&p.CUCMEvents[j].Proof)
		}
		for j := range p.Transactions {
			for k := range p.Transactions[j].Hops {
				all(p.Transactions[j].Hops[k].Proofs)
			}
		}
	}
}

// texts gives stretches of a log: from the log itself, or from a copy of those
// that are wanted.
type texts struct {
	log    *logFile
	spool  *spool
	copied []extent // by offset
}

// An extent is a stretch of a log and where it was copied to.
type extent struct{ offset, length, at int64 }

// prepare finds out how the log can be read.
func (l *logFile) prepare(r *registration.Report) error {
	random := true
	for _, p := range l.parts {
		f, err := p.open()
		if err != nil {
			return err
		}
		if _, ok := f.(io.ReaderAt); !ok {
			random = false
		}
		f.Close()
		if !random {
			break
		}
	}
	t := &texts{log: l}
	if !random {
		if err := t.copyOut(l.wanted(r)); err != nil {
			return err
		}
	}
	l.texts = t
	return nil
}

// wanted lists the stretches that a report names of a log, joined where they overlap.
func (l *logFile) wanted(r *registration.Report) []extent {
	var all []extent
	eachProof(r, func(p *registration.Proof) {
		at, ok := l.set.names[p.File]
		if ok && at.log == l && p.Length > 0 && p.Offset >= 0 {
			all = append(all, extent{offset: l.base(at.part) + p.Offset, length: min(p.Length, expressway.MaxLine*4)})
		}
	})
	slices.SortFunc(all, func(a, b extent) int { return int(max(-1, min(1, a.offset-b.offset))) })
	var out []extent
	for _, e := range all {
		if n := len(out); n > 0 && e.offset <= out[n-1].offset+out[n-1].length {
			out[n-1].length = max(out[n-1].length, e.offset+e.length-out[n-1].offset)
			continue
		}
		out = append(out, e)
	}
	return out
}

// copyOut streams the log once and keeps what is wanted in the temporary file.
func (t *texts) copyOut(wanted []extent) error {
	sp := &t.log.set.spool
	if err := sp.open(); err != nil {
		return err
	}
	t.spool = sp
	r, err := t.log.open()
	if err != nil {
		return err
	}
	defer r.Close()
	var at, kept int64
	for _, e := range wanted {
		if kept += e.length; kept > maxTexts {
			return nil // the rest has a place and no text
		}
		if err := t.log.set.ctx.Err(); err != nil {
			return err
		}
		n, err := io.CopyN(io.Discard, r, e.offset-at)
		at += n
		if err == nil {
			n, err = io.CopyN(io.NewOffsetWriter(sp.f, sp.size), r, e.length)
			at += n
			t.copied = append(t.copied, extent{e.offset, n, sp.size})
			sp.size += n
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// read returns n bytes of the log, less at its end.
func (t *texts) read(offset, n int64) ([]byte, error) {
	if t.spool != nil {
		i, ok := slices.BinarySearchFunc(t.copied, offset, func(e extent, o int64) int { return int(max(-1, min(1, e.offset-o))) })
		if !ok {
			i--
		}
		if i < 0 || offset >= t.copied[i].offset+t.copied[i].length {
			return nil, errors.New("its text was not kept")
		}
		e := t.copied[i]
		b := make([]byte, min(n, e.offset+e.length-offset))
		_, err := t.spool.f.ReadAt(b, e.at+offset-e.offset)
		return b, err
	}
	var out []byte
	for i, p := range t.log.parts {
		size := p.length
		if size < 0 || i == len(t.log.parts)-1 {
			size = offset + n
		}
		if offset >= size {
			offset -= size
			continue
		}
		b, err := p.read(offset, min(n, size-offset))
		out = append(out, b...)
		n -= int64(len(b))
		if err != nil || n <= 0 || i == len(t.log.parts)-1 {
			return out, err
		}
		offset = 0
	}
	return out, nil
}

// read reads a part that can be read at any place.
func (p *part) read(offset, n int64) ([]byte, error) {
	f, err := p.open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	ra, ok := f.(io.ReaderAt)
	if !ok {
		return nil, errors.New("it cannot be read")
	}
	b := make([]byte, n)
	got, err := ra.ReadAt(b, offset)
	if errors.Is(err, io.EOF) && got > 0 {
		err = nil
	}
	return b[:got], err
}
