// Package denied remembers which logins a server has just refused, for whoever comes next: a watcher
// or a sender that is made anew when the configuration is read again does not send the same secret at
// once, for servers lock accounts.
//
// It remembers a hash of what a login is known by, in memory alone. It does not know what is done
// instead, nor how long it is waited.
package denied

import (
	"crypto/sha256"
	"strings"
	"sync"
	"time"
)

// A Login is what one is known by; the zero Login is none.
type Login [sha256.Size]byte

// LoginOf is the login with these parts: the server, the user, the secret.
func LoginOf(parts ...string) Login { return sha256.Sum256([]byte(strings.Join(parts, "\x00"))) }

// most is how many logins are remembered.
const most = 100

// A Book is what was refused. The zero value is ready, a nil one remembers nothing; it is safe for
// concurrent use.
type Book struct {
	mu   sync.Mutex
	last map[Login]refusal
}

// refusal is the last one of a login.
type refusal struct {
	at time.Time
	n  int // how many in a row
}

// Note remembers a refusal, the n-th in a row.
func (b *Book) Note(l Login, n int) {
	if b == nil || l == (Login{}) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last == nil || len(b.last) >= most {
		b.last = map[Login]refusal{}
	}
	b.last[l] = refusal{time.Now(), n}
}

// Lift forgets the refusals of a login: it was accepted.
func (b *Book) Lift(l Login) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.last, l)
}

// Left is how much is left of a rest since the last refusal of a login, and how many were refused in a
// row; zero: none was.
func (b *Book) Left(l Login, rest time.Duration) (left time.Duration, n int) {
	if b == nil {
		return 0, 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.last[l]
	if was.n == 0 {
		return 0, 0
	}
	return max(rest-time.Since(was.at), 0), was.n
}
