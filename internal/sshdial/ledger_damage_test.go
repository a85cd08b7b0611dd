package sshdial

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// damages are what may become of a file.
var damages = map[string]func(name string) error{
	"empty":  func(name string) error { return os.WriteFile(name, nil, 0o600) },
	"cut":    func(name string) error { return os.WriteFile(name, []byte(`{"host": "ex`), 0o600) },
	"other":  func(name string) error { return os.WriteFile(name, []byte(`{"host": "other"}`), 0o600) },
	"folder": func(name string) error { return os.MkdirAll(filepath.Join(name, "in"), 0o700) },
	"loop":   func(name string) error { return os.Symlink(filepath.Base(name), name) },
}

// A record that cannot be read blocks its host, and no other, until a person has the login
// made; a refusal goes on blocking then.
func TestDamagedRecord(t *testing.T) {
	for name, damage := range damages {
		if name == "loop" && runtime.GOOS == "windows" {
			continue
		}
		f := (&fake{Password: "right"}).start(t)
		c := f.conf(withPassword("right"))
		c.Ledger = &Ledger{Dir: t.TempDir()}
		if err := damage(c.Ledger.file(c.Name)); err != nil {
			t.Fatal(err)
		}
		e := wantKind(t, c, KindLoginBlocked)
		want(t, "permanent", e.Permanent(), true)
		want(t, "passwords", f.passwords.Load(), 0)
		if Blocked(t.Context(), c) == nil {
			t.Errorf("%s: status does not say so", name)
		}
		other := c
		other.Name = "other01"
		mustDial(t, other)

		wrong := c
		wrong.Override, wrong.Auth.Password = true, func() (string, error) { return "wrong", nil }
		wantKind(t, wrong, KindLoginRefused)
		wrong.Override = false
		wantKind(t, wrong, KindLoginBlocked)
		c.Override = true
		mustDial(t, c)
		c.Override = false
		mustDial(t, c)
		if aside, _ := filepath.Glob(c.Ledger.file(c.Name) + ".damaged-*"); len(aside) != 1 {
			t.Errorf("%s: set aside are %q", name, aside)
		}
	}
}

// After the ledger's key was lost what was refused stays so, whatever the secret is now,
// until a person has the login made; and it is asked for once.
func TestLostKey(t *testing.T) {
	damages := map[string]func(name string) error{"gone": os.Remove, "flipped": func(name string) error {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		b[7] ^= 0x40
		return os.WriteFile(name, b, 0o600)
	}}
	for what, damage := range damagesOfAll() {
		damages[what] = damage
	}
	for name, damage := range damages {
		if name == "loop" && runtime.GOOS == "windows" {
			continue
		}
		f := (&fake{Password: "right"}).start(t)
		c := f.conf(withPassword("wrong"))
		c.Ledger = &Ledger{Dir: t.TempDir()}
		wantKind(t, c, KindLoginRefused)
		if err := damage(filepath.Join(c.Ledger.Dir, ".key")); err != nil {
			t.Fatal(err)
		}
		wantKind(t, c, KindLoginBlocked)
		c.Auth.Password = func() (string, error) { return "right", nil }
		wantKind(t, c, KindLoginBlocked)
		c.Name = "other01" // at the same address
		wantKind(t, c, KindLoginBlocked)
		want(t, "passwords after "+name, f.passwords.Load(), 1)
		c.Override = true
		mustDial(t, c)
		c.Override = false
		mustDial(t, c)
	}
}

// damagesOfAll are damages to a file that is there.
func damagesOfAll() map[string]func(name string) error {
	all := map[string]func(name string) error{}
	for what, damage := range damages {
		all[what] = func(name string) error {
			if err := os.Remove(name); err != nil {
				return err
			}
			return damage(name)
		}
	}
	return all
}

func mustDial(t *testing.T, c Config) {
	t.Helper()
	client, err := Dial(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
}
