package seal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
)

func madeKey(t testing.TB, r Ring) *Key {
	t.Helper()
	k, err := r.Key()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func hashOf(b []byte) []byte {
	h := NewHash()
	h.Write(b)
	return h.Sum(nil)
}

// minisign runs the stock program in a folder.
func minisign(t testing.TB, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("minisign", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal("minisign:", err, "(make deps installs it)")
	}
	return string(out), err
}

func write(t testing.TB, dir, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Stock minisign verifies our signatures, reads our secret key, and we verify what it signs
// with that.
func TestStockMinisign(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k := madeKey(t, Ring{dir})
	contents := []byte("0000  README.txt\n")
	sig := k.Sign(contents, "grab bundle x")
	if !bytes.Equal(sig, k.Sign(contents, "grab bundle x")) {
		t.Error("the same input gave other bytes")
	}
	write(t, dir, "sums", contents)
	write(t, dir, "sums.minisig", sig)
	out, err := minisign(t, dir, "-V", "-p", "seal.pub", "-m", "sums")
	if err != nil || !strings.Contains(out, "Trusted comment: grab bundle x\n") {
		t.Errorf("minisign -V: %v: %s", err, out)
	}
	if out, err := minisign(t, dir, "-V", "-P", k.Public.String(), "-m", "sums"); err != nil {
		t.Errorf("minisign -P: %v: %s", err, out)
	}
	write(t, dir, "sums", []byte("0001  README.txt\n"))
	if out, err := minisign(t, dir, "-V", "-p", "seal.pub", "-m", "sums"); err == nil {
		t.Errorf("minisign -V of other contents: %s", out)
	}

	if out, err := minisign(t, dir, "-R", "-W", "-s", "seal.key", "-p", "again.pub"); err != nil {
		t.Fatalf("minisign -R: %v: %s", err, out)
	}
	again, err := ReadPublicKeyFile(filepath.Join(dir, "again.pub"))
	if err != nil || again[0] != k.Public {
		t.Errorf("minisign made the public key %v of our secret one, not %v: %v", again, k.Public, err)
	}
	if out, err := minisign(t, dir, "-S", "-W", "-s", "seal.key", "-m", "sums", "-x", "theirs", "-t", "by hand"); err != nil {
		t.Fatalf("minisign -S: %v: %s", err, out)
	}
	b, _ := os.ReadFile(filepath.Join(dir, "theirs"))
	s, err := ParseSignature(b)
	if err != nil || s.Comment != "by hand" || s.Check(hashOf([]byte("0001  README.txt\n")), k.Public) != nil {
		t.Errorf("a signature of minisign: %v, %q", err, s.Comment)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	k, other := madeKey(t, Ring{t.TempDir()}), madeKey(t, Ring{t.TempDir()})
	twin := other.Public
	twin.ID = k.Public.ID // anybody can give a key any ID
	contents := []byte("contents")
	sig := k.Sign(contents, "comment")
	forged := bytes.Replace(sig, []byte("comment: comment"), []byte("comment: another"), 1)
	for _, c := range []struct {
		name     string
		sig      []byte
		contents string
		keys     []PublicKey
		want     error
	}{
		{"right", sig, "contents", []PublicKey{k.Public}, nil},
		{"among others", sig, "contents", []PublicKey{other.Public, twin, k.Public}, nil},
		{"other contents", sig, "content", []PublicKey{k.Public}, ErrWrong},
		{"trusted comment", forged, "contents", []PublicKey{k.Public}, ErrWrong},
		{"another key of that ID", sig, "contents", []PublicKey{twin}, ErrWrong},
		{"unknown", sig, "contents", []PublicKey{other.Public}, ErrUnknown},
		{"no key", sig, "contents", nil, ErrUnknown},
	} {
		s, err := ParseSignature(c.sig)
		if err != nil {
			t.Fatal(c.name, err)
		}
		if err := s.Check(hashOf([]byte(c.contents)), c.keys...); err != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// No way to print a key shows its secret half.
func TestNoSecretPrinted(t *testing.T) {
	t.Parallel()
	k := madeKey(t, Ring{t.TempDir()})
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		for _, v := range []any{k, *k, []*Key{k}, struct{ K Key }{*k}} {
			if got := fmt.Sprintf(format, v); strings.Contains(got, fmt.Sprintf(format, []byte(k.secret))) || strings.Contains(got, "["+strconv.Itoa(int(k.secret[0]))) {
				t.Errorf("%s of %T: %s", format, v, got)
			}
		}
	}
}

func TestPublicKeys(t *testing.T) {
	t.Parallel()
	a, b := madeKey(t, Ring{t.TempDir()}).Public, madeKey(t, Ring{t.TempDir()}).Public
	list := "# ours\r\n\r\n" + string(a.File()) + b.String() + "\r\n"
	keys, err := ReadPublicKeys(strings.NewReader(list))
	if err != nil || len(keys) != 2 || keys[0] != a || keys[1] != b {
		t.Errorf("%v, %v", keys, err)
	}
	for _, bad := range []string{"", "# nothing\n", "RWQ\n", a.String()[:55] + "\n", "untrusted comment: x\nbad\n"} {
		if keys, err := ReadPublicKeys(strings.NewReader(bad)); err == nil {
			t.Errorf("%q: %v", bad, keys)
		}
	}
}

// Of a store's first key there is one, whoever comes first, and it stays.
func TestOneKey(t *testing.T) {
	t.Parallel()
	r := Ring{filepath.Join(t.TempDir(), "store")}
	if _, err := r.Load(); !errors.Is(err, ErrNone) {
		t.Error("before the first:", err)
	}
	var wg sync.WaitGroup
	made := make([]*Key, 8)
	for i := range made {
		wg.Go(func() { made[i], _ = r.Key() })
	}
	wg.Wait()
	for _, k := range made {
		if k == nil || k.Public != made[0].Public {
			t.Fatalf("several keys: %v", made)
		}
	}
	if info, err := os.Stat(r.keyFile()); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	os.Remove(r.publicFile()) // a crash in between
	if k := madeKey(t, r); k.Public != made[0].Public || !r.published(k.Public) {
		t.Error("the public key was not written again")
	}
}

// A key that cannot be used stays as it is until somebody rotates; what was public of it
// stays listed.
func TestUnusable(t *testing.T) {
	t.Parallel()
	whole := madeKey(t, Ring{t.TempDir()}).file()
	changed := bytes.Clone(whole)
	changed[len(changed)-60] ^= 1
	for name, damage := range map[string]func(file string) error{
		"lost":      os.Remove,
		"cut off":   func(f string) error { return os.WriteFile(f, whole[:len(whole)/2], 0o600) },
		"empty":     func(f string) error { return os.WriteFile(f, nil, 0o600) },
		"a folder":  func(f string) error { return errors.Join(os.Remove(f), os.Mkdir(f, 0o700)) },
		"a bit":     func(f string) error { return os.WriteFile(f, changed, 0o600) },
		"too large": func(f string) error { return os.WriteFile(f, make([]byte, 1<<20), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := Ring{t.TempDir()}
			was := madeKey(t, r)
			if err := damage(r.keyFile()); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if k, err := r.Key(); err == nil || !errors.As(err, new(*UnusableError)) {
					t.Fatalf("%v, %v", k, err)
				}
			}
			now, err := r.Rotate()
			if err != nil || now.Public == was.Public {
				t.Fatal(now, err)
			}
			if k := madeKey(t, r); k.Public != now.Public {
				t.Error("the new key does not stay")
			}
			if retired, err := r.Retired(); err != nil || len(retired) != 1 || retired[0] != was.Public {
				t.Errorf("retired: %v, %v", retired, err)
			}
		})
	}
}

func TestRotate(t *testing.T) {
	t.Parallel()
	r := Ring{t.TempDir()}
	var keys []PublicKey
	for range 3 {
		k, err := r.Rotate()
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k.Public)
	}
	current, err := r.Public()
	retired, err2 := r.Retired()
	if err != nil || err2 != nil || current != keys[2] || len(retired) != 2 || retired[0] != keys[0] || retired[1] != keys[1] {
		t.Errorf("%v then %v of %v: %v, %v", retired, current, keys, err, err2)
	}
}

// What is read as a signature is, in all but its first line, the only form of it; and no
// changed byte of that verifies.
func FuzzSignature(f *testing.F) {
	k, err := newKey()
	if err != nil {
		f.Fatal(err)
	}
	contents := []byte("contents")
	sig := k.Sign(contents, "comment")
	f.Add(sig)
	f.Add(bytes.Replace(sig, []byte("ED"), []byte("Ed"), 1))
	f.Add(bytes.ReplaceAll(sig, []byte("\n"), []byte("\r\n")))
	_, want, _ := bytes.Cut(sig, []byte("\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSignature(b)
		if err != nil || s.Check(hashOf(contents), k.Public) != nil {
			return
		}
		if _, got, _ := bytes.Cut(b, []byte("\n")); !bytes.Equal(got, want) {
			t.Errorf("verifies: %q", b)
		}
	})
}

// Any key that is read is written as it was read.
func FuzzPublicKeys(f *testing.F) {
	k, err := newKey()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(k.Public.File())
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := ReadPublicKeys(bytes.NewReader(b))
		for _, p := range keys {
			if !bytes.Contains(b, []byte(p.String())) {
				t.Errorf("%s is not in %q", p, b)
			}
		}
		if err == nil && len(keys) == 0 {
			t.Error("no key and no error")
		}
	})
}

// What PowerShell's > makes of `grab key show`, and Notepad of a copy, are the key.
func TestMarkedPublicKey(t *testing.T) {
	k := madeKey(t, Ring{t.TempDir()}).Public
	wide := []byte("\xff\xfe")
	for _, c := range strings.ReplaceAll(string(k.File()), "\n", "\r\n") {
		wide = append(wide, byte(c), 0)
	}
	for _, text := range [][]byte{append([]byte("\ufeff"), k.File()...), []byte("\ufeff" + k.String()), wide} {
		if got, err := ReadPublicKeys(bytes.NewReader(text)); err != nil || len(got) != 1 || got[0] != k {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
