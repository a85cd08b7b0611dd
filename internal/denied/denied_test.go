package denied

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestBook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Book
		a, other := LoginOf("server", "user", "secret"), LoginOf("server", "user", "another")
		left := func(l Login, want time.Duration, n int) {
			t.Helper()
			if got, k := b.Left(l, 5*time.Minute); got != want || k != n {
				t.Errorf("%v after %d refusals, want %v after %d", got, k, want, n)
			}
		}
		left(a, 0, 0)
		b.Note(a, 2)
		time.Sleep(time.Minute)
		left(a, 4*time.Minute, 2)
		left(other, 0, 0)
		time.Sleep(time.Hour)
		left(a, 0, 2)
		b.Lift(a)
		left(a, 0, 0)
		b.Note(Login{}, 1)
		left(Login{}, 0, 0)
		for i := range 10 * most {
			b.Note(LoginOf(fmt.Sprint(i)), 1)
		}
		if len(b.last) > most {
			t.Errorf("%d are remembered", len(b.last))
		}
		var none *Book
		none.Note(a, 1)
		none.Lift(a)
		if d, n := none.Left(a, time.Minute); d != 0 || n != 0 {
			t.Error(d, n)
		}
	})
}
