// Package logins lets the collectors of a site know of each other's refused logins, and share
// out the attempts at its hosts.
//
// It guarantees that a login that was refused to one collector is not tried by another that
// would use the same account and the same secret, until one of them has succeeded; and that no
// login waits for the hub: what is known of the others stands in the ledger of logins. Of a secret
// the hub gets twelve bits of a hash that is slow to make, the same for all hosts: they tell two secrets apart, but
// of all that somebody may guess they leave one in 4,096, each of which only an appliance could tell from the right one.
// Logins to hops on the way are not shared. It does not know how a login is made.
package logins

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/crypto/argon2"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/sshdial"
)

// How refusals are shared.
const (
	prefix     = "refused."
	lookEvery  = 2 * time.Second
	answerIn   = 10 * time.Second
	maxEntry   = 4 << 10
	maxEntries = 10_000
)

// A Host is one that this collector logs in to.
type Host struct {
	Site string
	Dial sshdial.Config // with the ledger
}

// A Place is the collector's in its fleet.
type Place struct {
	Tenant, Name string
	Ledger       *sshdial.Ledger
	Hosts        []Host
}

// Logins is for one worker of a member.
type Logins struct {
	Place      func() (p Place, member bool)
	Collectors func(site string) []string // that reach a site, by name
	Store      *incident.Store
	Log        *slog.Logger
}

// A Refusal is what stands in fleet.LoginBucket.
type Refusal struct {
	By string    `json:"by"`
	At time.Time `json:"at"` // by its clock
}

// A seen is what this collector knows, across restarts, of a refusal that is shared.
type seen struct {
	Rev  uint64    `json:"rev"`  // of the bucket, at which it stood in the ledger here
	Last time.Time `json:"last"` // that it has there
}

// An entry is what the bucket has at a key.
type entry struct {
	Refusal
	rev  uint64
	gone bool // somebody has logged in
}

// Run shares refusals until ctx ends or the hub is away. Each time the watch is over it begins anew.
func (l *Logins) Run(ctx context.Context, h *hub.Hub) error {
	p, member := l.Place()
	if !member {
		return errors.New("the configuration has no fleet any more")
	}
	secrets := map[string][]byte{}
	for {
		s := &sharing{Logins: l, place: p, file: incident.File[map[string]seen](l.Store, filepath.Join(l.Store.Dir, "fleet", "logins.json")), entries: map[string]entry{}, secrets: secrets}
		if err := s.follow(ctx, h); err != nil {
			return err
		}
		if err := h.Wait(ctx); err != nil {
			return cmp.Or(ctx.Err(), err)
		}
	}
}

// sharing is one watch of the bucket.
type sharing struct {
	*Logins
	place   Place
	bucket  jetstream.KeyValue
	file    atomicfile.JSON[map[string]seen]
	known   map[string]seen  // by key
	entries map[string]entry // by key
	secrets map[string][]byte
	parts   map[string]int
}

func (s *sharing) follow(ctx context.Context, h *hub.Hub) error {
	if err := s.begin(ctx, h); err != nil {
		return err
	}
	watched := h.Watching(ctx, s.bucket)
	watch, err := s.bucket.Watch(ctx, prefix+">")
	if err != nil {
		return fmt.Errorf("watch the refused logins of the fleet: %w", err)
	}
	defer watch.Stop()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for whole := false; ; {
		look := false
		select {
		case u, open := <-watch.Updates():
			if !open { // by ctx too
				return cmp.Or(ctx.Err(), errors.New("the watch of refused logins has ended"))
			}
			if u == nil {
				whole = true
			} else {
				s.hear(u)
			}
			look = len(watch.Updates()) == 0
		case <-tick.C:
			look = true
		case <-ctx.Done():
			return ctx.Err()
		}
		if look && whole {
			if watched.Over(ctx) {
				return nil
			}
			if err := s.look(ctx); err != nil {
				return err
			}
		}
	}
}

func (s *sharing) begin(ctx context.Context, h *hub.Hub) (err error) {
	if s.known, _, err = s.file.Recover(s.Log); err != nil {
		return fmt.Errorf("read what is known of refused logins: %w", err)
	}
	if s.known == nil {
		s.known = map[string]seen{}
	}
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	if s.bucket, err = h.Stream.KeyValue(ctx, fleet.LoginBucket); err != nil {
		return fmt.Errorf("bucket %s: %w", fleet.LoginBucket, err)
	}
	return nil
}

// hear notes what stands at a key now. What cannot be read is as good as nothing.
func (s *sharing) hear(u jetstream.KeyValueEntry) {
	e := entry{rev: u.Revision(), gone: u.Operation() != jetstream.KeyValuePut}
	if !e.gone && (len(u.Value()) > maxEntry || json.Unmarshal(u.Value(), &e.Refusal) != nil || fleet.CheckName(e.By) != nil) {
		return
	}
	if _, known := s.entries[u.Key()]; known || len(s.entries) < maxEntries {
		s.entries[u.Key()] = e
	}
}

// look brings the ledger here and the bucket into line.
func (s *sharing) look(ctx context.Context) error {
	s.share()
	local, err := s.place.Ledger.Refusals()
	if err != nil {
		return fmt.Errorf("read the ledger of logins: %w", err)
	}
	done := map[string]bool{}
	var errs []error
	for _, host := range s.place.Hosts {
		target := Target(s.place.Tenant, host.Dial)
		if done[target] || !s.concerns(target, host, local) {
			continue
		}
		done[target] = true
		if err := s.settle(ctx, target, host); err != nil {
			errs = append(errs, fmt.Errorf("share the refused logins of %s: %w", host.Dial.Name, err))
		}
	}
	return errors.Join(errs...)
}

// concerns reports whether there is anything to know of logins to a host: only then its secret
// is read.
func (s *sharing) concerns(target string, host Host, local []sshdial.Attempt) bool {
	at := prefix + target + "."
	for key := range s.entries {
		if strings.HasPrefix(key, at) {
			return true
		}
	}
	return slices.ContainsFunc(local, func(r sshdial.Attempt) bool {
		return r.User == host.Dial.User && r.Address == strings.ToLower(host.Dial.Address)
	})
}

// settle brings into line what is known of one host and its secret.
func (s *sharing) settle(ctx context.Context, target string, host Host) error {
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	ledger := s.place.Ledger
	material, err := sshdial.Material(ctx, host.Dial)
	if err != nil {
		return nil // no login can be made with it, and that is told elsewhere
	}
	key := prefix + target + "." + s.print(host.Dial.User, material)
	row, err := ledger.RefusedWith(ctx, host.Dial, material)
	if err != nil {
		return err
	}
	e, there := s.entries[key]
	was, noted := s.known[key]
	switch {
	case row != nil && noted && there && e.gone && e.rev > was.Rev && row.Last.Equal(was.Last):
		s.Log.Info("a login that was refused has succeeded at another collector: it may be tried again", "host", host.Dial.Name)
		if err := ledger.Forgive(ctx, host.Dial, material); err != nil {
			return err
		}
		return s.note(key, nil)
	case row != nil && (!there || e.gone):
		return s.tell(ctx, key, host, *row)
	case row != nil && (!noted || !was.Last.Equal(row.Last) || was.Rev > e.rev): // the last: the hub is another one, or as it was earlier
		return s.note(key, &seen{e.rev, row.Last})
	case row == nil && there && !e.gone && noted:
		return s.clear(ctx, key, host, e)
	case row == nil && there && !e.gone && s.isOf(host.Site, e.By):
		s.Log.Warn("a login was refused to another collector, with the same account and secret: it is not tried here", "host", host.Dial.Name, "by", e.By, "at", e.At)
		refused, err := ledger.Refuse(ctx, host.Dial, material, e.By, e.At)
		if err != nil {
			return err
		}
		return s.note(key, &seen{e.rev, refused.Last})
	case row == nil && noted && (!there || e.gone):
		return s.note(key, nil)
	}
	return nil
}

// isOf reports whether a collector reaches a site, as far as is known.
func (s *sharing) isOf(site, collector string) bool {
	return slices.Contains(s.Collectors(site), collector)
}

// tell lets the others know of a refusal.
func (s *sharing) tell(ctx context.Context, key string, host Host, row sshdial.Attempt) error {
	by := row.By
	if by == "" {
		by = s.place.Name
	}
	b, err := json.Marshal(Refusal{by, row.Last})
	if err != nil {
		return err
	}
	rev, err := s.bucket.Put(ctx, key, b)
	if err != nil {
		return err
	}
	s.Log.Info("the other collectors are told of a refused login", "host", host.Dial.Name)
	s.entries[key] = entry{Refusal: Refusal{by, row.Last}, rev: rev}
	return s.note(key, &seen{rev, row.Last})
}

// clear lets the others know that a refusal is over: it stood in the ledger here, and does not any more.
func (s *sharing) clear(ctx context.Context, key string, host Host, e entry) error {
	if err := s.bucket.Delete(ctx, key, jetstream.LastRevision(e.rev)); err != nil {
		delete(s.known, key) // it has changed since: it is looked at as if it were new
		return err
	}
	s.Log.Info("the other collectors are told that a refused login has succeeded", "host", host.Dial.Name)
	e.gone = true
	s.entries[key] = e
	return s.note(key, nil)
}

func (s *sharing) note(key string, k *seen) error {
	if k == nil {
		delete(s.known, key)
	} else {
		s.known[key] = *k
	}
	if err := atomicfile.MkdirAll(filepath.Dir(s.file.Path)); err != nil {
		return err
	}
	return s.file.Save(s.known)
}

// share shares the attempts at hosts among the collectors of their sites.
func (s *sharing) share() {
	parts := map[string]int{}
	for _, host := range s.place.Hosts {
		list := s.Collectors(host.Site)
		rank := slices.Index(list, s.place.Name)
		if len(list) < 2 || rank < 0 {
			continue
		}
		part := sshdial.Part(len(list), rank)
		if was, known := parts[host.Dial.Name]; !known || part < was { // of several sites
			parts[host.Dial.Name] = part
		}
	}
	if s.parts != nil && equal(parts, s.parts) {
		return
	}
	if err := s.place.Ledger.Share(parts); err != nil {
		s.Log.Warn("cannot write down how many logins other collectors may need", "err", err)
		return
	}
	s.parts = parts
}

func equal(a, b map[string]int) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

// Target is by what the hub knows an account at a host: no more than that two are the same.
func Target(tenant string, c sshdial.Config) string {
	var via []string
	for _, j := range c.Jump {
		via = append(via, strings.ToLower(j.Address))
	}
	return hex.EncodeToString(hashed("target", tenant, strings.ToLower(c.Address), c.User, strings.Join(via, ","))[:16])
}

// hashed is a hash of texts, of which none can run into another.
func hashed(texts ...string) []byte {
	h := sha256.New()
	for _, t := range texts {
		binary.Write(h, binary.BigEndian, uint64(len(t))) // a hash takes all
		h.Write([]byte(t))
	}
	return h.Sum(nil)
}

// print is what the hub gets of a secret. It is made once a run, for it takes its time.
func (s *sharing) print(user string, material []byte) string {
	at := user + "\x00" + string(hashed(string(material)))
	if s.secrets[at] == nil {
		s.secrets[at] = Print(s.place.Tenant, user, material)
	}
	return hex.EncodeToString(s.secrets[at])[:3]
}

// Print is a fingerprint of a secret, of which its first twelve bits leave the collector.
func Print(tenant, user string, material []byte) []byte {
	const passes, kib, threads, bytes = 3, 32 << 10, 1, 2
	return argon2.IDKey(material, hashed("secret", tenant, user), passes, kib, threads, bytes)
}
