package ledger

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func login(dir, password string) *Login {
	return &Login{Ledger: &Ledger{Dir: dir}, Peer: "Main", User: "grab", Secret: func() (string, error) { return password, nil }}
}

// ask is one request to a CUCM that has the right password.
func ask(t *testing.T, l *Login, right string) (sent bool, err error) {
	t.Helper()
	a, err := l.Begin(t.Context(), false)
	if err != nil {
		return false, err
	}
	if a.Password == right {
		a.Accepted()
	} else {
		a.Refused("cucm01")
	}
	return true, nil
}

func isBlocked(err error) bool {
	_, ok := errors.AsType[*BlockedError](err)
	return ok
}

// TestRefusal: one refusal stops all who use the folder, until the password is another or
// a person's login is accepted.
func TestRefusal(t *testing.T) {
	dir := t.TempDir()
	one, two := login(dir, "old-quartz"), login(dir, "old-quartz")
	if sent, err := ask(t, one, "old-quartz"); !sent || err != nil {
		t.Fatal(err)
	}
	if sent, _ := ask(t, one, "new-quartz"); !sent { // it was changed at CUCM
		t.Fatal("not sent")
	}
	for _, l := range []*Login{one, two, login(dir, "old-quartz")} {
		if sent, err := ask(t, l, "new-quartz"); sent || !isBlocked(err) {
			t.Errorf("sent %v, %v", sent, err)
		}
	}
	person := login(dir, "old-quartz")
	person.Override = true
	if sent, _ := ask(t, person, "new-quartz"); !sent {
		t.Error("a person's login is not sent")
	}
	if sent, err := ask(t, person, "new-quartz"); sent || !isBlocked(err) {
		t.Errorf("a person's login is sent twice: %v", err)
	}
	mended := login(dir, "new-quartz")
	if sent, err := ask(t, mended, "new-quartz"); !sent || err != nil {
		t.Errorf("another password: %v", err)
	}
	if mended.Ledger.Refusal("Main", "grab", "new-quartz") != nil {
		t.Error("it is still refused")
	}
	if sent, err := ask(t, login(dir, "old-quartz"), "old-quartz"); !sent || err != nil {
		t.Errorf("after the success: %v", err)
	}
}

// TestOneAtATime: of logins that nobody knows to be good only one is under way, whoever
// makes them; of good ones two.
func TestOneAtATime(t *testing.T) {
	for _, good := range []bool{false, true} {
		dir := t.TempDir()
		logins := []*Login{login(dir, "quartz-lantern"), login(dir, "quartz-lantern")}
		most := 1
		if good {
			for _, l := range logins {
				if _, err := ask(t, l, "quartz-lantern"); err != nil {
					t.Fatal(err)
				}
			}
			most = 4 // two of each process
		}
		var inside, peak, refused atomic.Int64
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				a, err := logins[i%2].Begin(t.Context(), i%3 == 0)
				if err != nil {
					return
				}
				n := inside.Add(1)
				for p := peak.Load(); n > p && !peak.CompareAndSwap(p, n); p = peak.Load() {
				}
				time.Sleep(2 * time.Millisecond)
				inside.Add(-1)
				refused.Add(1)
				a.Refused("cucm01")
			})
		}
		wg.Wait()
		if peak.Load() > int64(most) || !good && refused.Load() != 1 || refused.Load() > int64(most) {
			t.Errorf("good %v: %d at once, %d refused", good, peak.Load(), refused.Load())
		}
	}
}

// TestUnknown: what has no answer is no refusal; a process that dies in three logins in a
// row is one.
func TestUnknown(t *testing.T) {
	dir := t.TempDir()
	for range 5 {
		a, err := login(dir, "quartz-lantern").Begin(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		a.Unknown()
	}
	for i := range 4 {
		a, err := login(dir, "quartz-lantern").Begin(t.Context(), false)
		if blocked := i == openAttempts; blocked != isBlocked(err) {
			t.Fatalf("login %d: %v", i, err)
		}
		if a != nil {
			a.end() // as if the process had ended: nothing is written any more
		}
	}
}

// TestDamage: a record that cannot be read blocks until a person has a login made; one that
// cannot be written lets none be made.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	l := login(dir, "quartz-lantern")
	if err := os.WriteFile(l.Ledger.file("Main", "grab").Path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if sent, err := ask(t, l, "quartz-lantern"); sent || !isBlocked(err) {
		t.Errorf("sent %v, %v", sent, err)
	}
	person := login(dir, "quartz-lantern")
	person.Override = true
	if sent, err := ask(t, person, "quartz-lantern"); !sent || err != nil {
		t.Errorf("a person's: %v", err)
	}
	if sent, err := ask(t, l, "quartz-lantern"); !sent || err != nil {
		t.Errorf("after it: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if sent, err := ask(t, login(filepath.Join(file, "in"), "quartz-lantern"), "x"); sent || err == nil {
		t.Errorf("sent %v though it cannot be written down: %v", sent, err)
	}
}

// TestWait: whoever waits for his turn can give up.
func TestWait(t *testing.T) {
	l := login(t.TempDir(), "quartz-lantern")
	a, err := l.Begin(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Unknown()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, background := range []bool{true, false} {
		if _, err := l.Begin(ctx, background); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}
