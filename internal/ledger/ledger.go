// Package ledger remembers logins over HTTPS to CUCM clusters and Expressways, so that one that
// was refused is not repeated: after a few, CUCM locks the account, and an Expressway bans the
// address. Logins over SSH have a record of their own (package sshdial).
//
// It guarantees that of one user at one peer at most one request is under way until
// one was accepted, and at most two without an answer after that; that a refusal is on
// disk before anybody is told of it, and stops every process that uses the same folder
// until the user or password is another, or a person lifts it with a login that is
// accepted; and that a login which cannot be written down is not made. A file that cannot
// be read blocks. It does not know what is asked.
package ledger

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
)

// A Ledger is a folder of refusals, one file for each peer and user.
type Ledger struct {
	Dir string // made when it is missing

	now func() time.Time // nil: time.Now
}

// A Row is a login that was refused, or of which nobody knows how it ended.
type Row struct {
	Peer    string    `json:"cluster"` // the name is older than other peers
	User    string    `json:"user"`
	Node    string    `json:"node,omitempty"` // the one that refused it
	At      time.Time `json:"at"`
	Refused bool      `json:"refused"`
	Open    int       `json:"open,omitempty"` // logins in a row during which the process died
	Salt    string    `json:"salt"`
	Secret  string    `json:"secret"` // of the password, slow to guess from
}

// openAttempts is how many logins in a row a process may die in.
const openAttempts = 3

// rounds of PBKDF2: milliseconds, at logins that are written down alone.
const rounds = 10_000

// A BlockedError is of a login that is not made because an earlier one was refused.
type BlockedError struct {
	Row    Row
	Damage error // why the record cannot be read; nil: Row is what it says
}

func (e *BlockedError) Error() string {
	switch {
	case e.Damage != nil:
		return "an earlier login may have been refused: " + e.Damage.Error()
	case e.Row.Refused:
		return fmt.Sprintf("%s was refused by %s at %s, and user and password are unchanged since", e.Row.User, e.Row.Node, e.Row.At.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("grab ended during the last %d logins as %s, until %s: whether they were refused is not known", e.Row.Open, e.Row.User, e.Row.At.UTC().Format(time.RFC3339))
}

func (l *Ledger) time() time.Time {
	if l.now != nil {
		return l.now().UTC()
	}
	return time.Now().UTC()
}

func (l *Ledger) file(peer, user string) atomicfile.JSON[Row] {
	sum := sha256.Sum256([]byte(peer + "\x00" + user))
	name := peer + "-" + hex.EncodeToString(sum[:4])
	if evidence.CheckName(name) != nil {
		name = "cluster-" + hex.EncodeToString(sum[:12])
	}
	return atomicfile.JSON[Row]{Path: filepath.Join(l.Dir, name)}
}

// Refusal is what stops the logins of a user at a peer, nil if nothing does. password
// may be empty: then a refusal counts for whatever it is now.
func (l *Ledger) Refusal(peer, user, password string) *BlockedError {
	row, there, err := l.file(peer, user).Load()
	switch {
	case err != nil:
		return &BlockedError{Row: Row{Peer: peer, User: user, Refused: true}, Damage: err}
	case !there, !row.Refused && row.Open < openAttempts:
		return nil
	case password != "" && !row.of(password):
		return nil
	}
	return &BlockedError{Row: row}
}

// of reports whether a row is of this password.
func (r Row) of(password string) bool {
	return subtle.ConstantTimeCompare([]byte(hash(password, r.Salt)), []byte(r.Secret)) == 1
}

func hash(password, salt string) string {
	key, err := pbkdf2.Key(sha256.New, password, []byte(salt), rounds, 32)
	if err != nil {
		return "" // of no password: it counts for none, and none is stored
	}
	return hex.EncodeToString(key)
}

// begin writes down that a login is about to be made.
func (l *Ledger) begin(peer, user, password string) (Row, error) {
	if err := atomicfile.MkdirAll(l.Dir); err != nil {
		return Row{}, err
	}
	file := l.file(peer, user)
	before, _, err := file.Load()
	if err != nil { // a person has it made all the same
		if _, err := atomicfile.SetAside(file.Path); err != nil {
			return Row{}, err
		}
	}
	row := Row{Peer: peer, User: user, At: l.time(), Open: 1, Salt: rand.Text()}
	row.Secret = hash(password, row.Salt)
	if row.Secret == "" {
		return Row{}, errors.New("the password cannot be hashed")
	}
	if before.Secret != "" && before.of(password) {
		row.Refused, row.Node, row.Open = before.Refused, before.Node, before.Open+1
		if before.Refused {
			row.At = before.At // until this one was refused too
		}
	}
	return row, file.Save(row)
}

// lock keeps other processes from logging in as this user meanwhile.
func (l *Ledger) lock(ctx context.Context, peer, user string) (unlock func(), err error) {
	if err := atomicfile.MkdirAll(l.Dir); err != nil {
		return nil, err
	}
	return atomicfile.LockUntil(ctx, l.file(peer, user).Path+".lock")
}
