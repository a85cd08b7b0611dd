package directory

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
)

// How often what this collector says is looked at again, and the longest that a change waits
// to be saved.
const (
	lookEvery = 3 * time.Minute
	saveAfter = time.Second
	askFor    = 10 * time.Second
)

// Run says what the collector reaches, and hears what others do, until ctx ends or the hub is
// away. me is its name, own are its entries; Since is filled in. Each time the watch is over it begins anew.
func (d *Directory) Run(ctx context.Context, h *hub.Hub, me string, own []fleet.Entry) error {
	for {
		if err := d.follow(ctx, h, me, own); err != nil {
			return err
		}
		if err := h.Wait(ctx); err != nil {
			return err
		}
	}
}

// follow is Run until the watch is over.
func (d *Directory) follow(ctx context.Context, h *hub.Hub, me string, own []fleet.Entry) error {
	bucket, err := open(ctx, h)
	if err != nil {
		return err
	}
	watched := h.Watching(ctx, bucket)
	watch, err := bucket.WatchAll(ctx)
	if err != nil {
		return fmt.Errorf("watch the directory of the fleet: %w", err)
	}
	defer watch.Stop()
	there, err := watchPresence(ctx, h)
	if err != nil {
		return err
	}
	var presences <-chan jetstream.KeyValueEntry
	if there != nil {
		defer there.Stop()
		presences = there.Updates()
	}
	look, save := time.NewTicker(lookEvery), time.NewTicker(saveAfter)
	defer look.Stop()
	defer save.Stop()
	l := &listener{Directory: d, first: map[string]bool{}, say: func() error { return d.say(ctx, bucket, me, own) }}
	for {
		var err error
		select {
		case u, open := <-watch.Updates():
			if open {
				err = l.update(u)
			} else { // by ctx too, and no end of the first look
				err = cmp.Or(ctx.Err(), errors.New("the watch of the fleet's directory has ended"))
			}
		case u, open := <-presences:
			if open {
				l.note(d.present(u))
			} else {
				err = cmp.Or(ctx.Err(), errors.New("the watch of who is there in the fleet has ended"))
			}
		case <-look.C:
			l.note(d.over())
			if err = h.Down(); err == nil {
				err = l.look()
			}
		case <-save.C:
			l.save()
			if watched.Over(ctx) {
				return nil
			}
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			l.save()
			return err
		}
	}
}

// A listener is one watch of the bucket.
type listener struct {
	*Directory
	first   map[string]bool // keys of the first look; nil: it is over
	unsaved bool
	say     func() error
}

// update takes one update of the watch; nil is the end of the first look.
func (l *listener) update(u jetstream.KeyValueEntry) error {
	changed := false
	switch {
	case u != nil:
		changed = l.hear(u, l.first)
	case l.first != nil:
		changed = l.keep(l.first)
		l.first = nil
		l.note(changed)
		return l.say()
	}
	l.note(changed)
	return nil
}

func (l *listener) note(changed bool) {
	l.unsaved = l.unsaved || changed
	if changed && l.Changed != nil {
		l.Changed()
	}
}

// look says again what others are to know, if somebody has changed it.
func (l *listener) look() error {
	if l.first != nil {
		return errors.New("the directory of the fleet does not come")
	}
	return l.say()
}

func (l *listener) save() {
	if l.unsaved {
		l.unsaved = false
		l.Directory.save()
	}
}

func open(ctx context.Context, h *hub.Hub) (jetstream.KeyValue, error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	bucket, err := h.Stream.KeyValue(ctx, fleet.DirectoryBucket)
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", fleet.DirectoryBucket, err)
	}
	return bucket, nil
}

// hear notes what somebody has put or removed.
func (d *Directory) hear(u jetstream.KeyValueEntry, first map[string]bool) (changed bool) {
	key := u.Key()
	if u.Operation() != jetstream.KeyValuePut {
		return d.take(key, nil)
	}
	if first != nil {
		first[key] = true
	}
	e, err := parse(key, u.Value())
	if err != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.refuse(key, err)
		if slices.Contains(d.mine, key) { // it is said again
			if was, known := d.entries[key]; known {
				d.bytes -= weight(was)
			}
			delete(d.entries, key)
			d.arrange()
		}
		return false
	}
	return d.take(key, &e)
}

// parse reads what stands at a key.
func parse(key string, value []byte) (e fleet.Entry, err error) {
	if len(value) > maxEntry {
		return e, fmt.Errorf("it is longer than %d bytes", maxEntry)
	}
	if err := json.Unmarshal(value, &e); err != nil {
		return e, err
	}
	return e, check(key, e)
}

// say puts what is to be there and is not, and removes what this collector has put and does
// not say any more.
func (d *Directory) say(ctx context.Context, bucket jetstream.KeyValue, me string, own []fleet.Entry) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(1+len(own)/100)*askFor)
	defer cancel()
	say, noted := d.sayable(own)
	if !noted {
		d.save() // before it is there: whatever happens, it is known what to remove one day
	}
	for _, key := range slices.Sorted(maps.Keys(say)) {
		if err := d.put(ctx, bucket, key, say[key]); err != nil {
			return err
		}
	}
	d.withdraw(ctx, bucket, me, say)
	return nil
}

// sayable are the entries that others will take, by key; noted says that all were put before.
func (d *Directory) sayable(own []fleet.Entry) (say map[string]fleet.Entry, noted bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	say, noted = map[string]fleet.Entry{}, true
	for _, e := range own {
		key := fleet.DirectoryKey(e.Site, e.Collector)
		if err := check(key, e); err != nil {
			d.refuse(key, err)
			continue
		}
		say[key] = e
		if !slices.Contains(d.mine, key) {
			d.mine, noted = append(d.mine, key), false
		}
	}
	return say, noted
}

func (d *Directory) put(ctx context.Context, bucket jetstream.KeyValue, key string, e fleet.Entry) error {
	d.mu.Lock()
	was, known := d.entries[key]
	e.Since = time.Now().UTC().Truncate(time.Second)
	if known && !was.Since.IsZero() && was.Since.Before(e.Since) {
		e.Since = was.Since
	}
	there := known && reflect.DeepEqual(was, e)
	d.mu.Unlock()
	if there {
		return nil
	}
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, err := bucket.Put(ctx, key, b); err != nil {
		return fmt.Errorf("say in the directory of the fleet that %s is reached: %w", e.Site, err)
	}
	return nil
}

// withdraw removes what was put once and is not to be there any more. What may not be removed,
// for it was put under another name, stays; that is said.
func (d *Directory) withdraw(ctx context.Context, bucket jetstream.KeyValue, me string, keep map[string]fleet.Entry) {
	gone := map[string]bool{}
	d.mu.Lock()
	for _, key := range d.mine {
		gone[key] = !d.vain[key]
	}
	for key, e := range d.entries { // of a store that was lost, too
		if e.Collector == me {
			gone[key] = true
		}
	}
	d.mu.Unlock()
	maps.DeleteFunc(gone, func(key string, due bool) bool { _, kept := keep[key]; return kept || !due })
	for key := range gone {
		if err := bucket.Delete(ctx, key); err != nil {
			d.log.Warn("cannot remove an entry from the directory of the fleet, which may be of an earlier name of this collector", "key", key, "err", err)
			d.mu.Lock()
			d.vain[key] = true // until the next start
			d.mu.Unlock()
			return
		}
		d.mu.Lock()
		d.mine = slices.DeleteFunc(d.mine, func(k string) bool { return k == key })
		d.mu.Unlock()
	}
	if len(gone) > 0 {
		d.save()
	}
}
