package sshdial

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
)

// A Ledger remembers logins, so that a refused one is not repeated by whatever
// process uses the same folder (docs/expressway-ssh.md, "One refused login, then stop").
//
// Just before a key or secret is sent, the attempt is written to <Dir>/<host>;
// after a success the file goes. What it says about a user at an address counts
// for every host's name. Logins of one user at one address wait for each other.
type Ledger struct {
	Dir string // made when it is missing

	now func() time.Time // nil: time.Now
}

const (
	openAttempts = 3                // attempts in a row that may end without an outcome
	openWithin   = 10 * time.Minute // attempts further apart do not add up
	lockPoll     = 20 * time.Millisecond
)

// An Attempt is a login that was refused, or of which nobody knows how it ended.
type Attempt struct {
	Host    string    `json:"host"`
	Address string    `json:"address"`       // as configured
	Remote  string    `json:"remote"`        // in numbers, as connected; through a hop as configured
	Via     string    `json:"via,omitempty"` // addresses of the hops, with commas between
	User    string    `json:"user"`
	Secret  string    `json:"secret"`        // keyed hash of the public key or the password; empty: of any, for the key is gone
	Key     string    `json:"key,omitempty"` // which key that was
	First   time.Time `json:"first"`         // of those that Count counts
	Last    time.Time `json:"last"`          // of the latest
	Count   int       `json:"count"`         // attempts without an outcome
	Refused bool      `json:"refused"`       // the server has said no to the latest
	By      string    `json:"by,omitempty"`  // the collector that was refused; empty: this one
}

// An attempt is the ledger's side of one Dial. All its methods do nothing if the
// Dial has no ledger.
type attempt struct {
	ledger   *Ledger
	material []byte
	override bool
	until    time.Time // what was refused later is not overridden
	hop      bool
	row      Attempt
	before   *Attempt // what the host's file said before begin
	lock     *flock.Flock
}

func (l *Ledger) attempt(c stop, cred *credential) *attempt {
	return &attempt{ledger: l, material: cred.material(), override: c.Override, until: c.OverrideBefore, hop: c.hop > 0,
		row: Attempt{Host: c.Name, Address: strings.ToLower(c.Address), User: c.User, Via: viaOf(c)}}
}

// name is that of the attempt's file. A hop's has the secret in it, for hosts
// that share a hop may log in to it with different ones.
func (a *attempt) name() string {
	if a.hop {
		return a.row.Host + "|" + a.row.Via + "|" + a.row.Secret
	}
	return a.row.Host
}

func viaOf(c stop) string { return strings.ToLower(strings.Join(c.via, ",")) }

// allowed returns a KindLoginBlocked error if an earlier attempt forbids this
// one. remote may be empty.
func (a *attempt) allowed(ctx context.Context, remote string) error {
	if a.ledger == nil {
		return nil
	}
	if err := a.mark(ctx); err != nil {
		return &Error{Kind: KindLedger, Err: err}
	}
	a.row.Remote = remote
	if err := a.blockedByDamage(); err != nil {
		return err
	}
	rows, err := a.ledger.rows()
	if err != nil {
		return &Error{Kind: KindLedger, Err: err}
	}
	open, most := 0, a.ledger.mayOpen(a.row.Host)
	for _, r := range rows {
		if !r.same(a.row) || a.override && !r.Last.After(a.until) {
			continue
		}
		if r.Refused && !r.ofSecret(a.row) {
			return &Error{Kind: KindLoginBlocked, Refusal: &r, Err: fmt.Errorf(
				"%s was refused at %s, and the ledger's key was lost since: whether the secret has changed is not known", r.User, r.Last.Format(time.RFC3339))}
		}
		if r.Refused {
			return &Error{Kind: KindLoginBlocked, Refusal: &r, Err: fmt.Errorf(
				"%s was refused at %s%s, and address, user and secret are unchanged since", r.User, r.Last.Format(time.RFC3339), r.toWhom())}
		}
		if r.Count >= openAttempts || a.ledger.near(r.First) {
			open += r.Count
		}
		if open >= most {
			return &Error{Kind: KindLoginBlocked, Refusal: &r, Err: fmt.Errorf(
				"the last %d logins as %s, until %s, ended without an answer", open, r.User, r.Last.Format(time.RFC3339))}
		}
	}
	return nil
}

// mark fills in by what the secret is known here.
func (a *attempt) mark(ctx context.Context) error {
	if a.row.Secret != "" {
		return nil
	}
	key, err := a.ledger.key(ctx)
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(a.material)
	a.row.Secret, a.row.Key = hex.EncodeToString(mac.Sum(nil)), keyID(key)
	return nil
}

// toWhom says that it was another collector.
func (r Attempt) toWhom() string {
	if r.By == "" {
		return ""
	}
	return " to collector " + evidence.Printable(r.By, 80)
}

// same reports whether two rows are of the same budget.
func (r Attempt) same(o Attempt) bool {
	return r.User == o.User && (r.ofSecret(o) || r.ofAny(o)) && r.Via == o.Via && (r.Address == o.Address || r.Remote != "" && r.Remote == o.Remote)
}

func (r Attempt) ofSecret(o Attempt) bool { return r.Secret == o.Secret }

// ofAny reports whether a row, for want of the key with which it was made, counts for
// every secret.
func (r Attempt) ofAny(o Attempt) bool {
	return r.Secret == "" || r.Key != "" && o.Key != "" && r.Key != o.Key
}

// begin waits for logins of the same user at the same address, looks again, and
// writes the attempt down. After nil one of succeeded, refused, cancel and
// release is due.
func (a *attempt) begin(ctx context.Context, remote string) error {
	if a.ledger == nil {
		return nil
	}
	sum := sha256.Sum256([]byte(remote + "|" + a.row.User + a.row.Via))
	name := filepath.Join(a.ledger.Dir, ".lock-"+hex.EncodeToString(sum[:8]))
	if _, err := atomicfile.FreeLock(name); err != nil {
		return &Error{Kind: KindLedger, Stage: StageLogin, Err: err}
	}
	a.lock = flock.New(name)
	_, err := a.lock.TryLockContext(ctx, lockPoll)
	atomicfile.Adopt(name)
	if err != nil {
		if ctx.Err() != nil {
			return &Error{Kind: KindTimeout, Stage: StageLogin, Err: errors.New("another login to this address is in progress")}
		}
		return &Error{Kind: KindLedger, Stage: StageLogin, Err: err}
	}
	if err := a.allowed(ctx, remote); err != nil {
		a.inherit(err)
		a.release()
		return err
	}
	if err := a.replaceDamage(); err != nil {
		a.release()
		return &Error{Kind: KindLedger, Stage: StageLogin, Err: err}
	}
	a.before = a.ledger.Attempt(a.name())
	a.row.First, a.row.Count = a.ledger.time(), 0
	if b := a.before; b != nil && b.same(a.row) {
		a.row.Refused = b.Refused // until one succeeds
		if a.ledger.near(b.First) {
			a.row.First, a.row.Count = b.First, b.Count
		}
	}
	a.row.Last = a.ledger.time()
	a.row.Count++
	if err := a.write(a.row); err != nil {
		a.release()
		return &Error{Kind: KindLedger, Stage: StageLogin, Err: err}
	}
	return nil
}

// inherit writes a refusal down that blocks this login because of the address in
// numbers, which shows only with a connection: the next Dial is not to make one.
func (a *attempt) inherit(err error) {
	if e, ok := errors.AsType[*Error](err); ok && e.Refusal != nil && e.Refusal.Refused {
		row := *e.Refusal
		row.Host, row.Address, row.Via = a.row.Host, a.row.Address, a.row.Via
		a.write(row)
	}
}

// succeeded forgets all that was held against this user and secret at this address.
func (a *attempt) succeeded() {
	if a.ledger == nil {
		return
	}
	rows, _ := a.ledger.rows()
	for file, r := range rows {
		if r.same(a.row) {
			os.Remove(filepath.Join(a.ledger.Dir, file))
		}
	}
	os.Remove(a.ledger.file(a.name()))
	a.release()
}

// refused remembers the refusal. If that cannot be written, what begin has
// written still counts, and the next begin fails likewise.
func (a *attempt) refused() {
	if a.ledger != nil {
		a.row.Refused = true
		a.write(a.row)
	}
	a.release()
}

// cancel undoes begin: nothing was attempted.
func (a *attempt) cancel() {
	switch {
	case a.ledger == nil:
	case a.before != nil:
		a.write(*a.before)
	default:
		os.Remove(a.ledger.file(a.name()))
	}
	a.release()
}

// release lets other logins go on; the attempt stays without an outcome.
func (a *attempt) release() {
	if a.lock != nil {
		a.lock.Close()
	}
}

func (a *attempt) write(r Attempt) error {
	return attemptIn(a.ledger.file(a.name())).Save(r)
}

// near reports whether an attempt that was first made at t adds up with one now. One of the future
// was made by a clock that was set back since: it would add up for as long as that was ahead.
func (l *Ledger) near(t time.Time) bool { return l.time().Sub(t).Abs() <= openWithin }

func (l *Ledger) time() time.Time {
	if l.now != nil {
		return l.now().UTC()
	}
	return time.Now().UTC()
}

// file is the path of a host's row. A name that makes no file name, such as
// user@address, is hashed.
func (l *Ledger) file(host string) string {
	if evidence.CheckName(host) != nil || strings.HasSuffix(host, atomicfile.PartSuffix) {
		sum := sha256.Sum256([]byte(host))
		host = "adhoc-" + hex.EncodeToString(sum[:12])
	}
	return filepath.Join(l.Dir, host)
}

func attemptIn(file string) atomicfile.JSON[Attempt] { return atomicfile.JSON[Attempt]{Path: file} }

// Attempt is what is written down of logins to a host, nil if nothing is or it cannot
// be read: of that a login tells.
func (l *Ledger) Attempt(host string) *Attempt {
	r, there, _ := attemptIn(l.file(host)).Load()
	if !there {
		return nil
	}
	return &r
}

// rows are all attempts that are written down, by file name. One that cannot be read is
// left out: it blocks the logins that it is of (damage).
func (l *Ledger) rows() (map[string]Attempt, error) {
	dir, err := os.Open(l.Dir)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1) // in no order: nearly all are of other kinds, two for each host
	if err != nil {
		return nil, err
	}
	rows := map[string]Attempt{}
	for _, name := range names {
		if strings.HasPrefix(name, ".") || strings.HasSuffix(name, atomicfile.PartSuffix) || atomicfile.IsAside(name) {
			continue
		}
		r, there, err := attemptIn(filepath.Join(l.Dir, name)).Load()
		if err == nil && there { // else another login has just succeeded
			rows[name] = r
		}
	}
	return rows, nil
}

// refusalAt is an attempt at an address, by the same way, that was refused or
// broke off, nil if there is none.
func (l *Ledger) refusalAt(c stop) *Attempt {
	if l == nil {
		return nil
	}
	return l.Attempts().at(c)
}

// at is as refusalAt.
func (all Attempts) at(c stop) *Attempt {
	var latest *Attempt
	for _, r := range all {
		if r.Via == viaOf(c) && (r.Address == strings.ToLower(c.Address) || r.Remote == c.Address) && (latest == nil || r.Last.After(latest.Last)) {
			latest = &r
		}
	}
	return latest
}

// key is the ledger's own random key: without it a hash in the ledger says
// nothing about a password. It is made at the first use.
func (l *Ledger) key(ctx context.Context) ([]byte, error) {
	if err := atomicfile.MkdirAll(l.Dir); err != nil {
		return nil, err
	}
	name := filepath.Join(l.Dir, ".lock-key")
	if _, err := atomicfile.FreeLock(name); err != nil {
		return nil, err
	}
	lock := flock.New(name)
	_, err := lock.TryLockContext(ctx, lockPoll)
	atomicfile.Adopt(lock.Path())
	if err != nil {
		return nil, fmt.Errorf("wait for the ledger's key: %w", err)
	}
	defer lock.Close()
	return l.loadKey()
}
