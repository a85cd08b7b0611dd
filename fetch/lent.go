package fetch

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

// A Piece is a range of bytes of one file of a host that was copied, whole records.
type Piece struct {
	Family string    `json:"family"`
	Name   string    `json:"name"`         // of the file, when it was last looked at
	Head   []byte    `json:"head"`         // its first bytes, by which it is known again
	At     int64     `json:"at,omitempty"` // where Head stands in it
	Offset int64     `json:"offset"`
	Length int64     `json:"length"`
	Size   int64     `json:"size"`
	MTime  time.Time `json:"mtime"`
	First  time.Time `json:"first"` // of the file's first record, by the host's clock
	From   string    `json:"from"`  // evidence.From…
	SHA256 string    `json:"sha256"`

	Path string `json:"-"` // where it lies on this machine
}

// A ClockOf is a host's clock as one collector measured it.
type ClockOf struct {
	Offset time.Duration `json:"offset"` // host minus collector
	Doubt  time.Duration `json:"doubt"`  // by how much that may be wrong either way
}

// Lendable are the pieces of a host's row in the folder of a grab, and the host's clock; nil:
// it was not measured. Of a family of which the folder has something else by now there is none:
// the next row will have it. What another collector has read is not lent on.
func Lendable(dir string, row evidence.Host) (list []Piece, clock *ClockOf, err error) {
	s, _, err := stateIn(dir).Load()
	if err != nil {
		return nil, nil, err
	}
	for _, f := range row.Files {
		list = append(list, lendable(dir, s.family(f.Family), f)...)
	}
	if c := s.clock(); c.Known {
		clock = &ClockOf{c.Offset, c.Doubt}
	}
	return list, clock, nil
}

func lendable(dir string, f *family, row evidence.File) (list []Piece) {
	for _, src := range row.Sources {
		if src.Collector != "" || src.Length == 0 {
			continue
		}
		e := pieceOf(f, dir, src)
		if e == nil {
			return nil
		}
		list = append(list, Piece{Family: row.Family, Name: e.Name, Head: logset.ShortHead(e.Head, expressway.Ref{MTime: e.MTime}), At: e.At, Offset: e.Offset, Length: src.Length, Size: e.Size, MTime: e.MTime,
			First: e.First, From: src.From, SHA256: src.SHA256, Path: filepath.Join(dir, e.File)})
	}
	return list
}

// pieceOf is the extent that a row calls src; nil: it is not there any more. What a file is called, and
// its size and mtime, may be others by now.
func pieceOf(f *family, dir string, src evidence.Source) *extent {
	var may []*extent
	for _, e := range f.Pieces {
		if e.By == "" && e.Offset == src.Offset && e.whole() >= src.Length && cmp.Or(e.From, evidence.FromHost) == src.From {
			may = append(may, e)
		}
	}
	if len(may) == 1 { // the hash is looked at by who takes it
		return may[0]
	}
	i := slices.IndexFunc(may, func(e *extent) bool { return hashIn(filepath.Join(dir, e.File), src.Length) == src.SHA256 })
	if i < 0 {
		return nil
	}
	return may[i]
}

// hashIn is the hash of the first n bytes of a file, hex; "" if they cannot be read.
func hashIn(path string, n int64) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.CopyN(sum, f, n); err != nil {
		return ""
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// A Loan is what another collector has of a host, and lends.
type Loan struct {
	By     string          // its name
	Row    evidence.Host   // what it has, and what it lacks
	Judged evidence.Window // of which Row speaks, in its time
	Clock  *ClockOf        // nil: it has not measured it
	Ahead  ClockOf         // its clock against this machine's: Offset is by how much it is ahead
	Pieces []Piece

	// Read writes bytes [from, to) of a piece. It has ended when it returns, and what it has
	// written then is what By has put there.
	Read func(ctx context.Context, piece int, from, to int64, w io.Writer) error
}

// Bounds of what is believed of a Loan.
const (
	maxLoanPieces = 2000
	maxLoanSpans  = 1000 // missing ones of a family
	maxLoanClock  = 10 * 365 * 24 * time.Hour
	maxLoanDoubt  = 24 * time.Hour
	maxLoanName   = 255
	maxLoanBytes  = 1 << 40 // the offset and the length of a piece
)

// check says what cannot be of a Loan; nil: nothing.
func (l *Loan) check() error {
	if len(l.Pieces) > maxLoanPieces {
		return fmt.Errorf("it has more than %d pieces", maxLoanPieces)
	}
	if l.Judged.Empty() || !evidence.Believable(l.Judged.Since) || !evidence.Believable(l.Judged.Until) {
		return errors.New("it speaks of no time")
	}
	for _, f := range l.Row.Files {
		if len(f.Missing) > maxLoanSpans {
			return fmt.Errorf("of %s more than %d spans are missing", evidence.Printable(f.Family, 80), maxLoanSpans)
		}
	}
	for _, c := range []*ClockOf{l.Clock, &l.Ahead} {
		if c != nil && (c.Offset < -maxLoanClock || c.Offset > maxLoanClock || c.Doubt < 0 || c.Doubt > maxLoanDoubt) {
			return errors.New("its clock is none")
		}
	}
	return l.checkPieces()
}

// checkPieces says what cannot be of its pieces.
func (l *Loan) checkPieces() error {
	for i, p := range l.Pieces {
		switch {
		case evidence.CheckName(p.Family) != nil, p.Name == "", len(p.Name) > maxLoanName, len(p.Head) > hostconn.HeadSize, p.From != evidence.FromHost && p.From != evidence.FromRing:
			return fmt.Errorf("piece %d is none of a log", i)
		case p.Offset < 0, p.At < 0, p.Size < 0, p.Length <= 0, p.Offset > maxLoanBytes, p.Length > maxLoanBytes:
			return fmt.Errorf("piece %d is no range of bytes", i)
		case !p.MTime.IsZero() && !evidence.Believable(p.MTime), !p.First.IsZero() && !evidence.Believable(p.First):
			return fmt.Errorf("piece %d is of no time", i)
		}
	}
	return nil
}

// later is by how much the time of this machine is later than the lender's for the same moment. By
// the host's clock where both have measured it, else as the collectors' own clocks were compared.
// What is no more than is known of the clocks is none.
func (l *Loan) later(own logset.Clock) time.Duration {
	by, doubt := -l.Ahead.Offset, l.Ahead.Doubt
	if own.Known && l.Clock != nil {
		by, doubt = l.Clock.Offset-own.Offset, l.Clock.Doubt+own.Doubt
	}
	if by.Abs() <= doubt {
		return 0
	}
	return by
}

// covers is what the lender has of a family, in the time of this machine; nothing unless its pieces are
// all that its row speaks of.
func (l *Loan) covers(family string, later time.Duration) (list []evidence.Window) {
	i := slices.IndexFunc(l.Row.Files, func(f evidence.File) bool { return f.Family == family })
	if i < 0 {
		return nil
	}
	var bytes int64
	for _, p := range l.Pieces {
		if p.Family == family {
			bytes += p.Length // each of them, and all that may be kept, is far from the most
		}
	}
	if bytes != l.Row.Files[i].Bytes {
		return nil
	}
	at := l.Judged.Since
	for _, s := range evidence.Merge(l.Judged, l.Row.Files[i].Missing) {
		if at.Before(s.Since) {
			list = append(list, evidence.NewWindow(at.Add(later), s.Since.Add(later)))
		}
		at = s.Until
	}
	if at.Before(l.Judged.Until) {
		list = append(list, evidence.NewWindow(at.Add(later), l.Judged.Until.Add(later)))
	}
	return list
}

// uncovered are spans without what windows cover.
func uncovered(spans []evidence.Span, windows []evidence.Window) []evidence.Span {
	for _, w := range windows {
		left := []evidence.Span{}
		for _, s := range spans {
			for _, part := range []evidence.Span{{Since: s.Since, Until: evidence.Earlier(s.Until, w.Since)}, {Since: evidence.Later(s.Since, w.Until), Until: s.Until}} {
				if part.Since.Before(part.Until) {
					part.Reason = s.Reason
					left = append(left, part)
				}
			}
		}
		spans = left
	}
	return spans
}

// isOfPiece knows the file of a piece again. One that had only been begun when this machine
// looked at it is known by all of what it had.
func (e *extent) isOfPiece(p Piece) bool {
	if e.isOf(&logset.Info{Head: p.Head, At: p.At, Size: p.Size}) {
		return true
	}
	n := min(len(e.Head), len(p.Head))
	begun := int64(len(e.Head)) == e.Size || int64(len(p.Head)) == p.Size
	return e.At == p.At && n >= leastHead && n < hostconn.TinyHead && begun && bytes.Equal(e.Head[:n], p.Head[:n])
}

// leastHead is how much of a file that had only been begun tells it from others: the time of a
// record stands in it.
const leastHead = 24
