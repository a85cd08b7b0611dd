package share

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/fetch"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/runner"
)

// mostLent bounds how many hosts' documents are looked at, for one host.
const mostLent = 200

// An Adopter is a puller that takes what another collector lends.
type Adopter interface {
	Adopt(ctx context.Context, row evidence.Host, asked evidence.Window, l fetch.Loan) (evidence.Host, error)
}

// A borrower takes for one host what others lend.
type borrower struct {
	*Lender
	keys   *Keys
	bucket jetstream.KeyValue
	place  Place
	site   string
	by     map[string]fleet.Entry // who lends, by token of the name
	clock  fetch.ClockOf
	taken  map[string]uint64 // documents, and at which revision
	bad    []error           // what was refused
}

// Borrow has a puller take what others lend of its host and row lacks, as runner.Beside.Borrow wants it.
func (l *Lender) Borrow(ctx context.Context, in incident.Incident, p runner.Puller, row evidence.Host, asked evidence.Window) (evidence.Host, error) {
	adopter, can := p.(Adopter)
	place, h := l.Place(), l.Hub()
	others := l.others(in.Site)
	if !can || !place.Lends || h == nil || len(others) == 0 {
		return row, nil
	}
	b, err := l.borrower(ctx, h, in.Site, others)
	if err != nil {
		return row, fmt.Errorf("what other collectors lend cannot be looked at: %w", err)
	}
	began := time.Now()
	for {
		var waits bool
		if row, waits, err = b.look(ctx, adopter, row, asked); err != nil {
			break
		}
		if !lacks(row) || !waits || time.Since(began) > l.pace(waitFor) {
			break
		}
		if rest(ctx, l.pace(againIn)) != nil {
			break
		}
	}
	err = errors.Join(append(b.bad, err)...)
	if err != nil {
		row.Notes = append(row.Notes, "not all that other collectors lend of it could be used: "+evidence.Printable(human.OneLine(err), 500))
	}
	return row, err
}

func lacks(row evidence.Host) bool {
	for _, f := range row.Files {
		if len(f.Missing) > 0 {
			return true
		}
	}
	return false
}

func (l *Lender) borrower(ctx context.Context, h Hub, site string, others []fleet.Entry) (b *borrower, err error) {
	b = &borrower{Lender: l, place: l.Place(), site: site, by: map[string]fleet.Entry{}, taken: map[string]uint64{}}
	for _, e := range others {
		b.by[fleet.Token(e.Collector)] = e
	}
	if b.keys, err = l.Keys(); err != nil {
		return nil, err
	}
	if b.bucket, err = bucket(ctx, h); err != nil {
		return nil, err
	}
	b.clock, err = l.clock(ctx, b.bucket)
	return b, err
}

// look takes what there is by now. waits: somebody is still putting there more of it.
func (b *borrower) look(ctx context.Context, a Adopter, row evidence.Host, asked evidence.Window) (_ evidence.Host, waits bool, err error) {
	list, err := keys(ctx, b.bucket, fmt.Sprintf("*.%s.lent.*.%s", fleet.Token(b.site), fleet.Token(row.Host)), mostLent)
	if err != nil {
		return row, false, fmt.Errorf("what is lent cannot be listed: %w", err)
	}
	open := map[string]bool{} // who may still put something there
	for token := range b.by {
		open[token] = true
	}
	for _, key := range list {
		token, _, _ := strings.Cut(key, ".")
		if _, known := b.by[token]; !known {
			continue // its own, or of somebody who does not reach the site
		}
		d, revision, err := b.read(ctx, token, key)
		if err != nil {
			b.refuse(key, revision, fmt.Errorf("collector %s: %w", b.by[token].Collector, err))
			continue
		}
		if !d.Judged.Widen(time.Hour).Overlaps(asked) {
			continue
		}
		if d.Done {
			delete(open, token)
		}
		if b.taken[key] == revision {
			continue
		}
		b.taken[key] = revision
		if row, err = a.Adopt(ctx, row, asked, b.loan(d)); err != nil {
			b.bad = append(b.bad, fmt.Errorf("collector %s: %w", d.Collector, err))
		}
	}
	return row, len(open) > 0, ctx.Err()
}

// refuse notes once why a document is not used.
func (b *borrower) refuse(key string, revision uint64, err error) {
	if at, before := b.taken[key]; !before || at != revision {
		b.taken[key] = revision
		b.bad = append(b.bad, err)
	}
}

// read is what stands at a key, if it is what it has to be.
func (b *borrower) read(ctx context.Context, token, key string) (*lent, uint64, error) {
	value, revision, err := get(ctx, b.bucket, key)
	if err != nil {
		return nil, revision, fmt.Errorf("what it lends is not there any more: %w", err)
	}
	plain, err := b.keys.open(b.place.Tenant, key, value, b.by[token].Lends, docSize)
	if err != nil {
		return nil, revision, fmt.Errorf("what it lends is not used: %w", err)
	}
	d, err := parse(key, plain)
	if err != nil {
		return nil, revision, fmt.Errorf("what it lends is not used: %w", err)
	}
	return d, revision, nil
}

// loan is a document as fetch takes it.
func (b *borrower) loan(d *lent) fetch.Loan {
	l := fetch.Loan{By: d.Collector, Row: d.Row, Judged: d.Judged, Clock: d.Clock,
		Ahead: fetch.ClockOf{Offset: d.Hub.Offset - b.clock.Offset, Doubt: d.Hub.Doubt + b.clock.Doubt}}
	for _, p := range d.Pieces {
		l.Pieces = append(l.Pieces, p.Piece)
	}
	l.Read = func(ctx context.Context, i int, from, to int64, w io.Writer) error {
		for _, c := range d.Pieces[i].cuts(from, to) {
			if err := b.part(ctx, d, d.Pieces[i], c, w); err != nil {
				return err
			}
		}
		return nil
	}
	return l
}

// part writes what is wanted of a part.
func (b *borrower) part(ctx context.Context, d *lent, p piece, c cut, w io.Writer) error {
	key := fleet.PartKey(d.Collector, d.Site, p.ID, c.part)
	value, _, err := get(ctx, b.bucket, key)
	if err != nil {
		return fmt.Errorf("a part of %s did not come: %w", evidence.Printable(p.Name, 80), err)
	}
	plain, err := b.keys.open(b.place.Tenant, key, value, b.by[fleet.Token(d.Collector)].Lends, partSize)
	if err == nil && int64(len(plain)) != c.size {
		err = fmt.Errorf("it has %d bytes, not %d", len(plain), c.size)
	}
	if err != nil {
		return fmt.Errorf("a part of %s is not used: %w", evidence.Printable(p.Name, 80), err)
	}
	_, err = w.Write(plain[c.from:c.to])
	return err
}
