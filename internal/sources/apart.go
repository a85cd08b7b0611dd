package sources

import (
	"bufio"
	"io"

	"rtmtgrab/internal/expressway"
)

// apart gives a log that was put together of several files. Where one of them ends within a record,
// and the next begins with another, its last byte is given as the end of a line: else the torn
// record would take in what the other one says, of another phone perhaps. Offsets stay as they are.
type apart struct {
	io.Closer
	r      *bufio.Reader
	at     int64          // of the next byte
	joints func() []int64 // where files begin behind others, as far as the log was read; in order
	ref    expressway.Ref
	err    error // of the log, behind what r has; nil: there is more
}

const (
	apartAtOnce = 64 << 10
	apartAhead  = 256 // bytes that tell whether a record begins
)

func newApart(r io.ReadCloser, joints func() []int64, ref expressway.Ref) *apart {
	return &apart{Closer: r, r: bufio.NewReaderSize(r, apartAtOnce), joints: joints, ref: ref}
}

func (a *apart) Read(b []byte) (int, error) {
	p, err := a.r.Peek(apartAtOnce)
	if a.err == nil {
		a.err = err
	}
	give := len(p)
	if a.err == nil {
		give -= apartAhead // what begins there does not show yet
	}
	if give = min(give, len(b)); give == 0 && len(b) > 0 {
		return 0, a.err
	}
	copy(b, p[:give])
	for _, j := range a.joints() {
		if i := j - a.at; i > 0 && i <= int64(give) && p[i-1] != '\n' && a.begins(p[i:]) {
			b[i-1] = '\n'
		}
	}
	a.at += int64(give)
	a.r.Discard(give) // so much is there
	return give, nil
}

// begins reports whether a text begins with a record.
func (a *apart) begins(text []byte) bool {
	text = text[:min(len(text), apartAhead)]
	if i := expressway.LineBreak(text); i >= 0 {
		text = text[:i]
	}
	_, ok := expressway.HeadTime(text, a.ref)
	return ok
}

// records opens the log for those who read its records.
func (l *logFile) records(ref expressway.Ref) (io.ReadCloser, error) {
	r, err := l.open()
	switch {
	case err != nil:
		return nil, err
	case l.many:
		return newApart(r, l.begun, ref), nil
	case len(l.joints) > 0:
		return newApart(r, func() []int64 { return l.joints }, ref), nil
	}
	return r, nil
}

// begun is where the parts begin that were come to, but the first one.
func (l *logFile) begun() (all []int64) {
	var at int64
	for _, p := range l.parts[:len(l.parts)-1] {
		n := p.size()
		if n < 0 {
			break
		}
		at += n
		all = append(all, at)
	}
	return all
}
