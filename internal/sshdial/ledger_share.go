package sshdial

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rtmtgrab/internal/atomicfile"
)

// Material is that by which two secrets are told apart: the password, or the public key of the
// key, of the host itself. It reads them, and sends nothing.
func Material(ctx context.Context, c Config) ([]byte, error) {
	cred, err := c.Auth.load(ctx, c.Legacy)
	if err != nil {
		return nil, err
	}
	defer cred.close()
	return cred.material(), nil
}

// of is the attempt that c describes, at the host itself, with a secret.
func (l *Ledger) of(ctx context.Context, c Config, material []byte) (*attempt, error) {
	c.fill()
	path := c.path()
	last := path[len(path)-1]
	a := &attempt{ledger: l, material: material, row: Attempt{Host: last.Name, Address: strings.ToLower(last.Address), User: last.User, Via: viaOf(last)}}
	return a, a.mark(ctx)
}

// Refusals are the attempts at hosts themselves that were refused.
func (l *Ledger) Refusals() (list []Attempt, err error) {
	rows, err := l.rows()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, r := range rows {
		if r.Refused {
			list = append(list, r)
		}
	}
	return list, err
}

// RefusedWith is the latest attempt to log in as c says, with that very secret, that was
// refused; nil: there is none.
func (l *Ledger) RefusedWith(ctx context.Context, c Config, material []byte) (*Attempt, error) {
	a, err := l.of(ctx, c, material)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(l.damage(a.row.Host, a.row.Host), l.damage(a.elsewhere(), a.row.Host)); err != nil {
		return nil, err // it may be of a refusal
	}
	rows, err := l.Refusals()
	if err != nil {
		return nil, err
	}
	var latest *Attempt
	for _, r := range rows {
		if r.same(a.row) && r.ofSecret(a.row) && (latest == nil || r.Last.After(latest.Last)) {
			latest = &r
		}
	}
	return latest, nil
}

// Refuse writes down that another collector was refused with that secret: it blocks a login as
// if it had been refused here, and is over when one succeeds.
func (l *Ledger) Refuse(ctx context.Context, c Config, material []byte, by string, at time.Time) (Attempt, error) {
	a, err := l.of(ctx, c, material)
	if err != nil {
		return Attempt{}, err
	}
	if now := l.time(); at.IsZero() || at.After(now) {
		at = now // another's clock
	}
	a.row.Refused, a.row.By, a.row.First, a.row.Last, a.row.Count = true, by, at.UTC(), at.UTC(), 1
	return a.row, attemptIn(l.file(a.elsewhere())).Save(a.row)
}

// elsewhere is the name of the file of what another collector was refused: a login that is under
// way here has its own.
func (a *attempt) elsewhere() string {
	return a.row.Host + "|elsewhere|" + a.row.Via + "|" + a.row.Secret
}

// Forgive forgets what was refused with that secret: a login with it has succeeded elsewhere.
func (l *Ledger) Forgive(ctx context.Context, c Config, material []byte) error {
	a, err := l.of(ctx, c, material)
	if err != nil {
		return err
	}
	rows, err := l.rows()
	if err != nil {
		return err
	}
	for file, r := range rows {
		if r.Refused && r.same(a.row) && r.ofSecret(a.row) {
			if err := os.Remove(filepath.Join(l.Dir, file)); err != nil {
				return fmt.Errorf("forget a refused login: %w", err)
			}
		}
	}
	return nil
}

func (l *Ledger) shares() atomicfile.JSON[map[string]int] {
	return atomicfile.JSON[map[string]int]{Path: filepath.Join(l.Dir, ".shares")}
}

// Part is how many attempts in a row may end without an outcome where so many collectors log in
// to a host, for the one of that rank, from 0: together they have as many as one alone, and each has one.
func Part(collectors, rank int) int {
	return max(1, (openAttempts+collectors-1-rank)/max(1, collectors))
}

// Share sets that number for hosts, by their names. A host that is not named is this
// collector's alone.
func (l *Ledger) Share(parts map[string]int) error {
	if len(parts) == 0 {
		return os.RemoveAll(l.shares().Path)
	}
	if err := atomicfile.MkdirAll(l.Dir); err != nil {
		return err
	}
	return l.shares().Save(parts)
}

// mayOpen is how many attempts in a row at a host may end without an outcome before the next
// has to wait.
func (l *Ledger) mayOpen(host string) int {
	parts, _, _ := l.shares().Load() // without it all are this collector's
	if n := parts[host]; n > 0 {
		return min(n, openAttempts)
	}
	return openAttempts
}
