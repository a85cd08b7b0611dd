package fetch

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
	"slices"
	"time"

	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
)

// ErrLoan is that a Loan is not what it says it is.
var ErrLoan = errors.New("it is not what it says it is")

// An adopter takes of a Loan what a grab lacks.
type adopter struct {
	*Grab
	loan  Loan
	asked evidence.Window
	later time.Duration
	bytes int64 // that were taken
}

// adopt takes of a Loan what is missing in a row, which is this grab's of the window asked, and is the
// row as it is then. What was read here stays as it is, whatever the Loan has in its place; a family
// counts as covered by it once all of it that was lacking is here.
func (a *adopter) adopt(ctx context.Context, row evidence.Host) (evidence.Host, error) {
	if err := a.loan.check(); err != nil {
		return row, fmt.Errorf("%w: %w", ErrLoan, err)
	}
	s := a.store.state
	a.later = a.loan.later(s.clock())
	var errs []error
	for _, file := range row.Files {
		gain := a.loan.covers(file.Family, a.later)
		left := uncovered(file.Missing, gain)
		if lengthOf(left) == lengthOf(file.Missing) {
			continue // it has nothing that is lacking here
		}
		f := s.family(file.Family)
		if err := errors.Join(a.takeFamily(ctx, f), a.store.save(f)); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", file.Family, err))
			continue
		}
		for _, w := range gain {
			f.Lent = covering(f.Lent, w, a.asked)
		}
		f.Absent = false // it was there when the other looked
	}
	if a.bytes > 0 {
		a.takeClock()
		a.store.note("%s of its logs were read by collector %s%s, and came by way of the fleet's hub", human.Size(a.bytes), a.loan.By, a.way())
	}
	err := errors.Join(errors.Join(errs...), a.save())
	row, rowErr := a.rejoin(context.WithoutCancel(ctx), row)
	return row, errors.Join(err, rowErr)
}

// way is how the lender reached the host.
func (a *adopter) way() string {
	if a.loan.Row.HostKey == "" {
		return ""
	}
	return fmt.Sprintf(" (host key %s)", evidence.Printable(a.loan.Row.HostKey, 100))
}

// takeClock has the host's clock be as the lender has measured it, where nobody here has.
func (a *adopter) takeClock() {
	if c := a.loan.Clock; c != nil && a.store.state.Clock == nil {
		a.store.state.setClock(logset.Clock{Offset: c.Offset + a.loan.Ahead.Offset, Doubt: c.Doubt + a.loan.Ahead.Doubt, Known: true}, a.clock())
	}
}

func lengthOf(spans []evidence.Span) (d time.Duration) {
	for _, s := range spans {
		d += s.Until.Sub(s.Since)
	}
	return d
}

// takeFamily takes what is lacking of a family, piece by piece, each whole or not at all.
func (a *adopter) takeFamily(ctx context.Context, f *family) error {
	var want int64
	for _, p := range a.loan.Pieces {
		if p.Family == f.name {
			for _, l := range lacksOf(f, p) {
				want += l.to - l.from
			}
		}
	}
	if most := limit(a.Share, a.store.state.Families, a.asked); want > most-onDisk(a.store.state.Families) {
		return fmt.Errorf("there is more of it than may be kept of one host (%d MiB, limits.per_host)", most>>20)
	}
	for i, p := range a.loan.Pieces {
		if p.Family != f.name {
			continue
		}
		for _, l := range lacksOf(f, p) {
			if err := a.takePart(ctx, f, i, l); err != nil {
				return err
			}
		}
	}
	return nil
}

// onDisk is how much of a host is here.
func onDisk(families map[string]*family) (n int64) {
	for _, f := range families {
		for _, e := range f.Pieces {
			n += e.Length
		}
	}
	return n
}

// lacksOf are the parts of a piece's range of which no whole record is here.
func lacksOf(f *family, p Piece) (parts []lack) {
	var own []*extent
	for _, e := range f.Pieces {
		if e.whole() > 0 && e.isOfPiece(p) {
			own = append(own, e)
		}
	}
	slices.SortStableFunc(own, func(a, b *extent) int { return cmp.Compare(a.Offset, b.Offset) })
	from, to := p.Offset, p.Offset+p.Length
	for _, e := range own {
		if e.Offset > from && from < to {
			parts = append(parts, lack{from: from, to: min(e.Offset, to)})
		}
		from = max(from, e.Offset+e.whole())
	}
	if from < to {
		parts = append(parts, lack{from: from, to: to})
	}
	return parts
}

// takePart takes a part of a piece. It is on disk then, and is not written down yet.
func (a *adopter) takePart(ctx context.Context, f *family, i int, l lack) (err error) {
	p := a.loan.Pieces[i]
	f.Seq++
	e := &extent{Name: p.Name, Head: p.Head, At: p.At, Offset: l.from, Length: l.to - l.from, Size: p.Size, MTime: p.MTime, First: p.First,
		File: fmt.Sprintf("%s.%d.raw", f.name, f.Seq), By: a.loan.By}
	if p.From == evidence.FromRing {
		e.From = evidence.FromRing
	}
	dst, err := a.store.open(e.File, os.O_CREATE|os.O_RDWR)
	if err != nil {
		return err
	}
	w := &exactly{file: dst, left: e.Length, sum: sha256.New()}
	err = dst.Truncate(0)
	if err == nil {
		err = a.loan.Read(ctx, i, l.from-p.Offset, l.to-p.Offset, w)
	}
	if err == nil && w.left > 0 {
		err = fmt.Errorf("%w: %d bytes of %s are missing", ErrLoan, w.left, evidence.Printable(p.Name, 80))
	}
	if whole := e.Length == p.Length; err == nil && whole && hex.EncodeToString(w.sum.Sum(nil)) != p.SHA256 {
		err = fmt.Errorf("%w: %s has another hash", ErrLoan, evidence.Printable(p.Name, 80))
	}
	if syncErr := dst.Sync(); err == nil {
		err = syncErr
	}
	err = errors.Join(err, dst.Close())
	if err != nil {
		os.Remove(a.store.path(e.File)) // it counts for nothing, with or without its file
		return err
	}
	f.Pieces = append(f.Pieces, e)
	a.bytes += e.Length
	return nil
}

// exactly writes so many bytes to a file, and no more.
type exactly struct {
	file file
	at   int64
	left int64
	sum  hash.Hash
}

func (w *exactly) Write(b []byte) (int, error) {
	if int64(len(b)) > w.left {
		return 0, fmt.Errorf("%w: there are more bytes than it says", ErrLoan)
	}
	n, err := w.file.WriteAt(b, w.at)
	w.at, w.left = w.at+int64(n), w.left-int64(n)
	w.sum.Write(b[:n])
	return n, err
}

// rejoin is the row with what is on disk by now.
func (a *adopter) rejoin(ctx context.Context, row evidence.Host) (evidence.Host, error) {
	s := a.store.state
	row.Files, row.Notes = slices.Clone(row.Files), slices.Clone(row.Notes)
	for _, n := range s.Notes {
		if !slices.Contains(row.Notes, n) {
			row.Notes = append(row.Notes, n)
		}
	}
	if c := s.clock(); c.Known && row.ClockOffsetMS == nil {
		ms := c.Offset.Milliseconds()
		row.ClockOffsetMS, row.ClockFrom, row.WidenedMS = &ms, "date", c.Uncertainty().Round(time.Millisecond).Milliseconds()
	}
	var errs []error
	for i := range row.Files {
		f := &row.Files[i]
		fam := s.family(f.Family)
		if !slices.ContainsFunc(fam.Pieces, func(e *extent) bool { return e.By != "" }) && len(fam.Lent) == 0 {
			continue
		}
		c, err := a.count(ctx, f.Family)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		f.First, f.Last, f.Bytes, f.SHA256, f.Records, f.Sources = c.file.First, c.file.Last, c.file.Bytes, c.file.SHA256, c.file.Records, c.file.Sources
		f.Missing = uncovered(f.Missing, fam.Lent)
		if c.defect != "" {
			f.Missing = []evidence.Span{{Since: a.asked.Since, Until: a.asked.Until, Reason: evidence.ReasonRead}}
		}
		f.Coverage = evidence.Judge(a.asked, f.Missing)
		if f.Path == "" && (f.Coverage != evidence.Lost || f.Bytes > 0) {
			f.Path = "hosts/" + row.Host + "/" + f.Family + ".txt"
		}
	}
	row.Conclude()
	return row, errors.Join(errs...)
}
