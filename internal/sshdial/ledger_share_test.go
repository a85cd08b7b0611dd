package sshdial

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

// TestPart: collectors share what one alone may, and each has one.
func TestPart(t *testing.T) {
	for n, want := range map[int][]int{1: {3}, 2: {2, 1}, 3: {1, 1, 1}, 5: {1, 1, 1, 1, 1}} {
		for rank, part := range want {
			if got := Part(n, rank); got != part {
				t.Errorf("of %d, rank %d: %d, want %d", n, rank, got, part)
			}
		}
	}
}

// TestShare: with a part of the attempts the next waits sooner, and is tried again when they are
// long ago; it never comes to be blocked for good by one that broke off.
func TestShare(t *testing.T) {
	now := time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC)
	l := &Ledger{Dir: t.TempDir(), now: func() time.Time { return now }}
	c := Config{Name: "expc01", Address: "10.0.0.1:22", User: "admin", Ledger: l}
	if err := l.Share(map[string]int{"expc01": 1}); err != nil {
		t.Fatal(err)
	}
	attempt := func() error {
		a, err := l.of(t.Context(), c, []byte("password\x00Xk4-1618033988"))
		if err == nil {
			err = a.begin(t.Context(), "10.0.0.1:22")
		}
		if err == nil {
			a.release() // nobody knows how it ended
		}
		return err
	}
	for range 4 {
		if err := attempt(); err != nil {
			t.Fatal(err)
		}
		if err := attempt(); !blocked(err) {
			t.Fatalf("a second one: %v", err)
		}
		now = now.Add(openWithin + time.Second)
	}
	if err := l.Share(nil); err != nil {
		t.Fatal(err)
	}
	for range openAttempts {
		if err := attempt(); err != nil {
			t.Fatalf("alone: %v", err)
		}
	}
	if err := attempt(); !blocked(err) {
		t.Errorf("alone, one too many: %v", err)
	}
}

func blocked(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == KindLoginBlocked
}

// TestRefusedElsewhere: it blocks the same secret alone, is told of, and is over when a login
// succeeds; a record that cannot be read is no sign of that.
func TestRefusedElsewhere(t *testing.T) {
	l := &Ledger{Dir: t.TempDir()}
	c := Config{Name: "expc01", Address: "ExpC01:22", User: "admin", Ledger: l}
	one, other := []byte("password\x00Xk4-1618033988"), []byte("password\x00Xk4-1618033989")
	if got, err := l.Refusals(); err != nil || got != nil {
		t.Error(got, err)
	}
	ahead := time.Now().Add(5 * time.Minute)
	if _, err := l.Refuse(t.Context(), c, one, "dmz-b", ahead); err != nil {
		t.Fatal(err)
	}
	begin := func(material []byte) (*attempt, error) {
		a, err := l.of(t.Context(), c, material)
		if err == nil {
			err = a.begin(context.WithoutCancel(t.Context()), "10.0.0.1:22")
		}
		return a, err
	}
	if _, err := begin(one); !blocked(err) || !strings.Contains(err.Error(), "to collector dmz-b") {
		t.Error(err)
	}
	if row, err := l.RefusedWith(t.Context(), c, other); err != nil || row != nil {
		t.Errorf("%+v, %v", row, err)
	}
	row, err := l.RefusedWith(t.Context(), c, one)
	if err != nil || row == nil || row.By != "dmz-b" || !row.Last.Before(ahead) {
		t.Fatalf("%+v, %v", row, err)
	}
	a, err := begin(other)
	if err != nil {
		t.Fatal(err)
	}
	a.succeeded()
	if row, err := l.RefusedWith(t.Context(), c, one); err != nil || row == nil {
		t.Errorf("a login with another secret: %+v, %v", row, err)
	}

	of, err := l.of(t.Context(), c, one)
	if err != nil {
		t.Fatal(err)
	}
	file := l.file(of.elsewhere())
	was, _ := os.ReadFile(file)
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := l.RefusedWith(t.Context(), c, one); err == nil {
		t.Error("a damaged record counts as none")
	}
	if err := os.WriteFile(file, was, 0o600); err != nil {
		t.Fatal(err)
	}

	over, err := l.of(t.Context(), c, one)
	if err != nil {
		t.Fatal(err)
	}
	over.override, over.until = true, time.Now()
	if err := over.begin(t.Context(), "10.0.0.1:22"); err != nil {
		t.Fatal(err)
	}
	over.succeeded()
	if row, err := l.RefusedWith(t.Context(), c, one); err != nil || row != nil {
		t.Errorf("after a success: %+v, %v", row, err)
	}
}
