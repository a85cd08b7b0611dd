package logset

import (
	"io"
	"time"

	"rtmtgrab/internal/expressway"
)

// Split says how many bytes of an extent lie before a time, and how many after it: by
// search, so that little is read whatever the file is.
func (e *Extent) Split(r io.ReaderAt, near time.Time, ref expressway.Ref) (before, after int64, err error) {
	switch {
	case e.Empty():
		return 0, 0, nil
	case !e.First.Before(near):
		return 0, e.To - e.From, nil
	}
	s := &search{r: r, size: e.Size, ref: ref}
	lo, hi := e.From, e.To
	for hi-lo > probeStep {
		mid := lo + (hi-lo)/2
		p, ok, err := s.probe(mid)
		switch {
		case err != nil:
			return 0, 0, err
		case ok && p.off < hi && p.t.Before(near):
			lo = p.off + 1
		default:
			hi = mid
		}
	}
	return hi - e.From, e.To - hi, nil
}

// TrimFront leaves the first n bytes of an extent out, up to the next record, and
// returns from when on all records are kept; zero if none is.
func (e *Extent) TrimFront(r io.ReaderAt, n int64, ref expressway.Ref) (since time.Time, err error) {
	p, ok, err := e.record(r, n, ref)
	if err != nil {
		return since, err
	}
	if !ok {
		e.From = e.To
		return since, nil
	}
	e.From = p.off
	return p.t.Add(Disorder), nil // one a little older may have stood before it
}

// TrimBack leaves the last n bytes of an extent out, from the last record start before
// them on, and returns until when all records are kept; zero if none is.
func (e *Extent) TrimBack(r io.ReaderAt, n int64, ref expressway.Ref) (until time.Time, err error) {
	back := int64(ProbeReach / 4) // to have a record start that is not too far, most are shorter
	for at := e.To - e.From - n; at > 0; at, back = at-back, back*2 {
		p, ok, err := e.record(r, at, ref)
		switch {
		case err != nil:
			return until, err
		case ok && p.off <= e.To-n:
			e.To = p.off
			return p.t.Add(-Disorder), nil
		}
	}
	e.To = e.From
	return until, nil
}

// record is the first record of an extent that starts at or after its byte n.
func (e *Extent) record(r io.ReaderAt, n int64, ref expressway.Ref) (p point, ok bool, err error) {
	if n >= e.To-e.From {
		return p, false, nil
	}
	s := &search{r: r, size: e.Size, ref: ref}
	p, ok, err = s.probe(e.From + max(n, 0))
	return p, ok && p.off < e.To, err
}
