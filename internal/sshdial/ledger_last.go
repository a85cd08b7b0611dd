package sshdial

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"rtmtgrab/internal/atomicfile"
)

// A LastLogin is the latest login to a host that succeeded.
type LastLogin struct {
	Host    string    `json:"host"`
	Address string    `json:"address"` // as configured
	User    string    `json:"user"`
	HostKey string    `json:"host_key"` // fingerprint "SHA256:…" of the key that the host showed
	Time    time.Time `json:"time"`
}

// lastPrefix begins the names of files that hold no Attempt.
const lastPrefix = ".last-"

func (l *Ledger) last(host string) atomicfile.JSON[LastLogin] {
	return atomicfile.JSON[LastLogin]{Path: filepath.Join(l.Dir, lastPrefix+filepath.Base(l.file(host)))}
}

// note remembers a login to the host itself. It is for people to read: a disk that
// is full ends no login.
func (a *attempt) note(hostKey string) {
	if a.ledger == nil || a.hop {
		return
	}
	a.ledger.last(a.row.Host).Save(LastLogin{Host: a.row.Host, Address: a.row.Address, User: a.row.User, HostKey: hostKey, Time: a.ledger.time()})
}

// Last is the latest login that succeeded at a host's address, false if none is
// known.
func (l *Ledger) Last(host, address string) (LastLogin, bool) {
	last, there, _ := l.last(host).Load() // a damaged one tells no more than none
	return last, there && last.Address == strings.ToLower(address)
}

// Attempts are all that are written down at a moment: who asks about many hosts reads them once.
type Attempts map[string]Attempt

// Attempts are those that are written down now.
func (l *Ledger) Attempts() Attempts {
	rows, _ := l.rows()
	return rows
}

// Refused is the latest attempt to log in as c says that was refused, whatever
// the secret was, nil if there is none.
func (all Attempts) Refused(c Config) *Attempt {
	var latest *Attempt
	for _, r := range all {
		if r.Refused && r.User == c.User && r.Address == strings.ToLower(c.Address) && (latest == nil || r.Last.After(latest.Last)) {
			latest = &r
		}
	}
	return latest
}

// Blocked is the error with which Dial would refuse to log in, to the host or to a
// hop on the way, because of an earlier attempt; nil if it would try. Nothing is
// sent, and secrets are read only where something speaks against a login.
func Blocked(ctx context.Context, c Config) error {
	if c.Ledger == nil {
		return nil
	}
	return c.Ledger.Attempts().Blocked(ctx, c)
}

// Blocked is as Blocked says, by what was written down then.
func (all Attempts) Blocked(ctx context.Context, c Config) error {
	c.fill()
	for _, leg := range c.path() {
		if all.at(leg) == nil && (leg.hop > 0 || c.Ledger.damage(leg.Name, leg.Name) == nil) {
			continue
		}
		l, err := leg.prepare(ctx)
		if err == nil {
			l.login.cred.close()
			continue
		}
		if e, ok := errors.AsType[*Error](err); ok && e.Kind == KindLoginBlocked {
			return leg.final(ctx, err)
		}
	}
	return nil
}
