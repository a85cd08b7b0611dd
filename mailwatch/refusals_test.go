package mailwatch

import (
	"testing"
	"time"

	"rtmtgrab/internal/denied"
)

// TestRefusedLoginOutlivesItsWatcher: a watcher that takes the place of another, as after a reload of the
// configuration, does not send at once the password again that was just refused; another one it does.
func TestRefusedLoginOutlivesItsWatcher(t *testing.T) {
	book, password := &denied.Book{}, "wrong"
	run := func(after time.Duration) int {
		s := play(t, after, on("LOGIN", func(p *puppet, tag string) {
			if password == "right" {
				p.say("%s OK\r\n", tag)
				return
			}
			p.say("%s NO [AUTHENTICATIONFAILED] no\r\n", tag)
		}), func(w *Watcher) {
			w.Refused, w.Password = book, func() (string, error) { return password, nil }
		})
		return s.dials
	}
	if n := run(time.Minute); n != 1 {
		t.Fatalf("%d logins", n)
	}
	for range 5 {
		if n := run(time.Minute); n != 0 {
			t.Errorf("%d logins after a reload", n)
		}
	}
	if n := run(8 * time.Minute); n != 1 { // those of a play begin at the same time
		t.Errorf("%d logins when it has waited", n)
	}
	password = "another"
	if n := run(time.Minute); n != 1 {
		t.Errorf("%d logins with another password", n)
	}
	password = "right"
	for range 2 {
		if n := run(time.Second); n != 1 {
			t.Errorf("%d logins with the right one", n)
		}
	}
}

// TestRefusedMended: who has fixed it on the server need not wait after a reload either.
func TestRefusedMended(t *testing.T) {
	book := &denied.Book{}
	no := on("LOGIN", func(p *puppet, tag string) { p.say("%s NO [AUTHENTICATIONFAILED] no\r\n", tag) })
	password := func(w *Watcher) {
		w.Refused, w.Password = book, func() (string, error) { return "same", nil }
	}
	play(t, time.Minute, no, password)
	s := play(t, time.Minute, func(*puppet, string, string) bool { return false }, func(w *Watcher) {
		password(w)
		again := make(chan struct{}, 1)
		time.AfterFunc(10*time.Second, func() { again <- struct{}{} })
		w.Again = again
	})
	if s.dials != 1 || s.up != 1 {
		t.Errorf("%d dials, up %d", s.dials, s.up)
	}
}
