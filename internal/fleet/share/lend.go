package share

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/fetch"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/incident"
)

// mostKeys bounds how many keys of this collector's own are looked at in one go.
const mostKeys = 200_000

// A round is one life of a bucket, as this collector lends by it.
type round struct {
	*Lender
	keys   *Keys
	bucket jetstream.KeyValue
	place  Place
	lent   map[string]*lending // by key of the document
	stale  map[string]bool     // keys of an earlier life
	loose  map[string]bool     // parts that no document names yet
}

// A lending is what was put there of one host for one incident.
type lending struct {
	doc    lent     // of which only the site stays once it is there
	to     []string // by whom it can be opened
	seen   string   // what was looked at last, and needs no look again
	since  time.Time
	pieces map[string]*piece // by path
}

// Run lends what there is of incidents that are not sealed, and removes it when they are, until ctx ends.
// Where the configuration does not say that this collector lends, it removes what it has lent before.
func (l *Lender) Run(ctx context.Context, h Hub) error {
	l.forgetFull()
	r := &round{Lender: l, place: l.Place(), lent: map[string]*lending{}, stale: map[string]bool{}, loose: map[string]bool{}}
	var err error
	r.bucket, err = bucket(ctx, h)
	if !r.place.Lends {
		if err == nil {
			r.withdraw(ctx)
		}
		<-ctx.Done()
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	if r.keys, err = l.Keys(); err != nil {
		return err
	}
	old, err := keys(ctx, r.bucket, fleet.Token(r.place.Name)+".>", mostKeys)
	if err != nil {
		return fmt.Errorf("what was lent before cannot be listed: %w", err)
	}
	for _, key := range old {
		r.stale[key] = true
	}
	for {
		if err := h.Down(); err != nil {
			return err
		}
		wait := lookEvery
		err := r.look(ctx)
		full := errors.Is(err, errFull)
		if r.sayFull(full); full {
			wait = fullFor
		} else if err != nil {
			return err
		}
		if err := r.sweep(ctx); err != nil {
			return fmt.Errorf("remove what was lent before: %w", err)
		}
		if err := rest(ctx, l.pace(wait)); err != nil {
			return err
		}
	}
}

// sayFull says that the hub has no room, or has some again.
func (l *Lender) sayFull(is bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case is && l.full.IsZero():
		l.full = time.Now()
		l.Log.Warn("what was copied cannot be lent to the other collectors of the site for now; it is tried again", "err", errFull)
	case !is && !l.full.IsZero():
		l.full = time.Time{}
		l.Log.Info("the hub has room again for what is lent")
	}
}

// forgetFull begins anew: the hub may be another one, or nothing is lent any more.
func (l *Lender) forgetFull() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.full = time.Time{}
}

// Full is since when the hub has had no room for what is to be lent, as far as is known; nil: it has.
func (l *Lender) Full() (since time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full.IsZero() {
		return since, nil
	}
	return l.full, errFull
}

// sweep removes what nobody can find: parts that did not come to be named, and what an earlier life left. Where the hub
// is full even a removal may have no room, and has when others were made.
func (r *round) sweep(ctx context.Context) error {
	for _, keys := range []map[string]bool{r.loose, r.stale} {
		for key := range keys {
			err := purge(ctx, r.bucket, key)
			if errors.Is(err, errFull) {
				continue
			}
			if err != nil {
				return err
			}
			delete(keys, key)
		}
	}
	return nil
}

// withdraw removes all that this collector has lent.
func (r *round) withdraw(ctx context.Context) {
	old, err := keys(ctx, r.bucket, fleet.Token(r.place.Name)+".>", mostKeys)
	for _, key := range old {
		if err = errors.Join(err, purge(ctx, r.bucket, key)); ctx.Err() != nil {
			return
		}
	}
	if err != nil {
		r.Log.Debug("what was lent before cannot be removed; the hub forgets it within a day", "err", err)
	}
}

// look lends what is new, the newest incident first, and removes what need not be lent any more.
func (r *round) look(ctx context.Context) error {
	there := map[string]bool{}
	for _, in := range r.Table.Unsealed() {
		if in.Kind != incident.KindAlert || in.Fleet.Delivery { // others have sealed it
			continue
		}
		others := r.others(in.Site)
		if len(others) == 0 {
			continue
		}
		for _, h := range in.Hosts {
			there[fleet.LentKey(r.place.Name, in.Site, in.Key, h.Name)] = true
			if err := r.host(ctx, in, h.Name, others); err != nil {
				return fmt.Errorf("lend what was copied of %s for incident %s: %w", h.Name, in.ID, err)
			}
		}
	}
	for key, g := range r.lent {
		if !there[key] {
			if err := r.remove(ctx, key, g); err != nil {
				return fmt.Errorf("remove what was lent for an incident that is sealed: %w", err)
			}
		}
	}
	return nil
}

// host lends what there is of a host, if that is not lent yet.
func (r *round) host(ctx context.Context, in incident.Incident, host string, others []fleet.Entry) error {
	key := fleet.LentKey(r.place.Name, in.Site, in.Key, host)
	was := r.lent[key]
	seen := seenOf(filepath.Join(r.Store.ResultsDir(in.Key), host+".json")) + fmt.Sprint(in.Fleet.Standing, in.Frozen)
	for _, e := range others {
		seen += e.Lends.Recipient
	}
	if was != nil && was.seen == seen && r.now().Sub(was.since) < freshFor {
		return nil
	}
	to := r.recipients(others)
	h, err := r.Store.ReadHost(in.Key, host)
	if err != nil || !h.Asked() || len(to) == 0 {
		return nil // who works at it says what is wrong with it
	}
	g := &lending{to: to, since: r.now(), seen: seen, pieces: map[string]*piece{}}
	g.doc = lent{Collector: r.place.Name, Site: in.Site, Incident: in.Key, Host: host, Row: h.Result, Judged: h.Judged, Done: in.Fleet.Standing || in.Frozen}
	there := map[string]*piece{}
	if was != nil && slices.Equal(was.to, to) && r.now().Sub(was.since) < freshFor {
		there, g.since = was.pieces, was.since
	}
	if same, err := r.pieces(ctx, g, there, r.Store.Slices(in.Key, host)); err != nil || !same {
		return err
	}
	err = r.say(ctx, key, g)
	if errors.Is(err, errLarge) {
		r.Log.Warn("what was copied of a host cannot be lent", "incident", in.ID, "host", host, "err", err)
		g.pieces = nil
		r.lent[key] = g // and not tried again before it changes
		return nil
	}
	if err != nil {
		return err
	}
	r.lent[key] = g
	delete(r.stale, key)
	for _, p := range g.pieces {
		for i := range p.Parts {
			delete(r.loose, fleet.PartKey(r.place.Name, in.Site, p.ID, i))
		}
	}
	if was != nil {
		r.outdated(was, g)
	}
	return nil
}

// pieces puts the pieces there that the row of a lending speaks of. Not the same: they have changed
// meanwhile, and the next row will have them.
func (r *round) pieces(ctx context.Context, g *lending, there map[string]*piece, dir string) (same bool, err error) {
	pieces, clock, err := fetch.Lendable(dir, g.doc.Row)
	if err != nil {
		return false, nil // being removed, say
	}
	g.doc.Clock = clock
	for _, p := range pieces {
		sent, err := r.send(ctx, g.doc.Site, there[p.Path], p, g.to)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		g.pieces[p.Path] = sent
		g.doc.Pieces = append(g.doc.Pieces, *sent)
	}
	return true, nil
}

// outdated notes the parts of a lending that the one after it does not name.
func (r *round) outdated(was, now *lending) {
	for path, p := range was.pieces {
		if n := now.pieces[path]; n != nil && n.ID == p.ID {
			continue
		}
		for i := range p.Parts {
			r.loose[fleet.PartKey(r.place.Name, was.doc.Site, p.ID, i)] = true
		}
	}
}

// seenOf tells one writing of a file from the next.
func seenOf(path string) string {
	i, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return fmt.Sprint(i.ModTime().UnixNano(), i.Size(), " ")
}

// say puts there what is lent of a host.
func (r *round) say(ctx context.Context, key string, g *lending) error {
	var err error
	if g.doc.Hub, err = r.clock(ctx, r.bucket); err != nil {
		return err
	}
	plain, err := json.Marshal(g.doc)
	if err != nil {
		return err
	}
	value, err := r.keys.pack(r.place.Tenant, key, plain, g.to)
	if err != nil {
		return err
	}
	g.doc = lent{Site: g.doc.Site} // the rest is on the hub
	return put(ctx, r.bucket, key, value)
}

// send puts there what is not there yet of a piece. was is what is; nil: nothing.
func (r *round) send(ctx context.Context, site string, was *piece, p fetch.Piece, to []string) (*piece, error) {
	now := &piece{Piece: p}
	var have int64
	if was != nil && was.Length <= p.Length && was.Offset == p.Offset && string(was.Head) == string(p.Head[:min(len(p.Head), len(was.Head))]) {
		now.ID, now.Parts, have = was.ID, slices.Clone(was.Parts), was.Length
	} else {
		id := make([]byte, idSize)
		rand.Read(id)
		now.ID = hex.EncodeToString(id)
	}
	if have == p.Length {
		return now, nil
	}
	f, err := os.Open(p.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for have < p.Length {
		began := time.Now()
		b := make([]byte, min(partSize, p.Length-have))
		if _, err := io.ReadFull(io.NewSectionReader(f, have, int64(len(b))), b); err != nil {
			return nil, err
		}
		key := fleet.PartKey(r.place.Name, site, now.ID, len(now.Parts))
		value, err := r.keys.pack(r.place.Tenant, key, b, to)
		if err == nil {
			r.loose[key] = true
			err = put(ctx, r.bucket, key, value)
		}
		if err != nil {
			return nil, err
		}
		have += int64(len(b))
		now.Parts = append(now.Parts, int64(len(b)))
		if err := rest(ctx, r.pace(min(restTimes*time.Since(began), restMost))); err != nil {
			return nil, err
		}
	}
	return now, nil
}

// remove takes away what is lent of a host; its parts go by sweep.
func (r *round) remove(ctx context.Context, key string, g *lending) error {
	if err := purge(ctx, r.bucket, key); err != nil {
		return err
	}
	r.outdated(g, &lending{})
	delete(r.lent, key)
	return nil
}

// rest waits, no longer than ctx.
func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
