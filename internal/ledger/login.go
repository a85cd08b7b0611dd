package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"rtmtgrab/internal/redact"
)

// A Login is a user of one peer: a cluster, or an Expressway. It is safe for concurrent use. Its fields are not
// changed after its first use.
type Login struct {
	Ledger   *Ledger // nil: nothing is on disk, and this process alone remembers
	Peer     string
	User     string
	Secret   func() (string, error)
	Override bool // a person has it made, whatever was refused before: once
	// Before is until when a refusal counts as before; zero: always. Logins of one user that a person
	// has made together need one for all, that of them one is made.
	Before time.Time

	once  sync.Once
	front chan struct{} // requests that are waited for: one without an answer
	back  chan struct{} // and one that may wait
	alone chan struct{} // logins that nobody knows to be good

	mu      sync.Mutex
	good    string        // the password that was accepted
	refused *BlockedError // in this process
	bad     string        // the password of refused

	unwritten bool // refused could not be written down: only a restart or another password lifts it
}

// An Attempt is one request with a password. Exactly one of its outcomes counts, the first.
type Attempt struct {
	Password string

	login   *Login
	row     Row
	written bool     // row is on disk
	ends    []func() // what is to be given back, the last first
	done    bool
}

func (l *Login) start() {
	l.once.Do(func() {
		l.front, l.back, l.alone = make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{}, 1)
	})
}

// Begin waits for its turn and asks whether the login may be made. After nil one of
// Accepted, Refused and Unknown is due.
func (l *Login) Begin(ctx context.Context, background bool) (*Attempt, error) {
	l.start()
	password, err := l.Secret()
	if err != nil {
		return nil, err
	}
	redact.Add(password)
	a := &Attempt{login: l, Password: password}
	turn := l.front
	if background {
		turn = l.back
	}
	if err := a.enter(ctx, turn); err != nil {
		return nil, err
	}
	if err := l.allowed(password); err != nil {
		a.end()
		return nil, err
	}
	if l.known(password) {
		return a, nil
	}
	if err := a.beginAlone(ctx); err != nil {
		a.end()
		return nil, err
	}
	return a, nil
}

// beginAlone begins a login of which nobody knows yet whether it is good.
func (a *Attempt) beginAlone(ctx context.Context) error {
	l := a.login
	if err := a.enter(ctx, l.alone); err != nil {
		return err
	}
	if l.Ledger != nil {
		unlock, err := l.Ledger.lock(ctx, l.Peer, l.User)
		if err != nil {
			return fmt.Errorf("the login cannot be recorded, so it is not tried: %w", err)
		}
		a.ends = append(a.ends, unlock)
	}
	if err := l.allowed(a.Password); err != nil { // what came out while this one waited
		return err
	}
	if l.known(a.Password) || l.Ledger == nil {
		return nil
	}
	row, err := l.Ledger.begin(l.Peer, l.User, a.Password)
	if err != nil {
		return fmt.Errorf("the login cannot be recorded, so it is not tried: %w", err)
	}
	a.row, a.written = row, true
	return nil
}

func (a *Attempt) enter(ctx context.Context, turn chan struct{}) error {
	select {
	case turn <- struct{}{}:
		a.ends = append(a.ends, func() { <-turn })
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// allowed is a BlockedError if an earlier refusal forbids a login.
func (l *Login) allowed(password string) error {
	l.mu.Lock()
	refused := l.refused
	same := l.bad == password
	l.mu.Unlock()
	if refused != nil && same && l.stillRefused() {
		return refused
	}
	if l.Ledger == nil {
		return nil
	}
	if b := l.Ledger.Refusal(l.Peer, l.User, password); b != nil && !l.overrides(b) {
		l.mu.Lock()
		l.good = ""
		l.mu.Unlock()
		return b
	}
	return nil
}

func (l *Login) overrides(b *BlockedError) bool {
	return l.Override && (b.Damage != nil || l.Before.IsZero() || b.Row.At.Before(l.Before))
}

// stillRefused reports whether nobody has lifted this process's refusal: then its file is
// there. A person's own process makes no second try.
func (l *Login) stillRefused() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Ledger == nil || l.Override || l.unwritten {
		return true
	}
	if _, err := os.Lstat(l.Ledger.file(l.Peer, l.User).Path); !errors.Is(err, fs.ErrNotExist) {
		return true
	}
	l.refused, l.bad = nil, ""
	return false
}

// Blocked is why no login is made at this moment, nil if one would be: a BlockedError after a
// refusal, another error if there is no password. It asks nobody and changes nothing.
func (l *Login) Blocked() error {
	password, err := l.Secret()
	if err != nil {
		return err
	}
	l.mu.Lock()
	refused, unwritten := l.refused, l.unwritten || l.Ledger == nil
	same := l.bad == password
	l.mu.Unlock()
	if refused != nil && same && unwritten {
		return refused
	}
	if l.Ledger == nil {
		return nil
	}
	if b := l.Ledger.Refusal(l.Peer, l.User, password); b != nil {
		return b
	}
	return nil
}

func (l *Login) known(password string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.good != "" && l.good == password
}

// Accepted forgets what was held against the user.
func (a *Attempt) Accepted() {
	if a.done {
		return
	}
	l := a.login
	if a.written {
		os.Remove(l.Ledger.file(l.Peer, l.User).Path)
	}
	l.mu.Lock()
	if l.refused == nil || l.bad != a.Password || a.written {
		l.good, l.refused, l.bad = a.Password, nil, ""
	}
	l.mu.Unlock()
	a.end()
}

// Refused remembers the refusal by a node.
func (a *Attempt) Refused(node string) {
	if a.done {
		return
	}
	l := a.login
	row, err := a.row, error(nil)
	if !a.written && l.Ledger != nil { // a password that was good until now
		row, err = l.Ledger.begin(l.Peer, l.User, a.Password)
	}
	row.Peer, row.User, row.Node, row.Refused = l.Peer, l.User, node, true
	if l.Ledger != nil {
		row.At = l.Ledger.time()
		err = errors.Join(err, l.Ledger.file(l.Peer, l.User).Save(row))
	}
	l.mu.Lock()
	l.good, l.refused, l.bad, l.unwritten = "", &BlockedError{Row: row}, a.Password, err != nil
	l.mu.Unlock()
	a.end()
}

// Unknown ends an attempt that had no answer, or one that says nothing of the password:
// what was written down before holds again.
func (a *Attempt) Unknown() {
	if a.done {
		return
	}
	if a.written {
		file := a.login.Ledger.file(a.login.Peer, a.login.User)
		if a.row.Refused {
			a.row.Open = 0
			file.Save(a.row)
		} else {
			os.Remove(file.Path) // else it counts as a login during which grab ended
		}
	}
	a.end()
}

func (a *Attempt) end() {
	for i := len(a.ends) - 1; i >= 0; i-- {
		a.ends[i]()
	}
	a.ends, a.done = nil, true
}
