package envelope

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
)

// stock runs a program of Debian's in a folder.
func stock(t testing.TB, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v (make deps installs it)\n%s", name, args, err, out)
	}
	return string(out)
}

func put(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func sumOf(t testing.TB, file string) Made {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return Made{int64(len(b)), hex.EncodeToString(sum[:])}
}

// A pair is a secret key's file and its recipient, by kind.
type pair struct{ key, to string }

func pairs(t testing.TB, dir string) map[string]pair {
	t.Helper()
	x, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	pq, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]pair{
		"x25519": {put(t, dir, "x25519", "# a comment\n"+x.String()+"\n"), x.Recipient().String()},
		"pq":     {put(t, dir, "pq", pq.String()+"\n"), pq.Recipient().String()},
	}
	for kind, bits := range map[string]string{"ed25519": "256", "rsa": "2048"} {
		stock(t, dir, "ssh-keygen", "-q", "-N", "", "-t", kind, "-b", bits, "-C", "somebody", "-f", kind)
		b, _ := os.ReadFile(filepath.Join(dir, kind+".pub"))
		all[kind] = pair{filepath.Join(dir, kind), strings.TrimSpace(string(b))}
	}
	return all
}

// What is encrypted to each kind of recipient is opened by its key and by no other, and by
// stock age; what that encrypts we open. Debian's age knows no post-quantum keys.
func TestKinds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := strings.Repeat("a log line\n", 20_000) // several chunks
	plain := put(t, dir, "plain", text)
	all := pairs(t, dir)
	for kind, p := range all {
		r, err := ReadRecipients(p.to)
		if err != nil {
			t.Fatal(kind, err)
		}
		sealed, opened := filepath.Join(dir, kind+".age"), filepath.Join(dir, kind+".opened")
		if made, err := Encrypt(t.Context(), plain, sealed, r); err != nil || sumOf(t, sealed) != made || !IsEncrypted(sealed) || IsEncrypted(plain) {
			t.Fatal(kind, err)
		}
		for other, q := range all {
			keys, err := UnlockKeys(nil, q.key)
			if err != nil {
				t.Fatal(other, err)
			}
			err = Decrypt(t.Context(), sealed, opened, keys)
			b, rerr := os.ReadFile(opened)
			if kind == other && (err != nil || string(b) != text) || kind != other && (!errors.Is(err, ErrNoKey) || !errors.Is(rerr, os.ErrNotExist)) {
				t.Errorf("to %s, opened with %s: %v, %v", kind, other, err, rerr)
			}
			os.Remove(opened)
		}
		if kind == "pq" {
			continue
		}
		if out := stock(t, dir, "age", "-d", "-i", p.key, sealed); out != text {
			t.Errorf("%s: age -d gave %d bytes", kind, len(out))
		}
		stock(t, dir, "age", "-r", p.to, "-o", "theirs.age", "plain")
		keys, _ := UnlockKeys(nil, p.key)
		if err := Decrypt(t.Context(), filepath.Join(dir, "theirs.age"), opened, keys); err != nil {
			t.Errorf("%s: of stock age: %v", kind, err)
		}
		os.Remove(filepath.Join(dir, "theirs.age"))
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*"+".part")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestRecipients(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	all := pairs(t, dir)
	file := put(t, dir, "to", "# the analysts\n\n"+all["x25519"].to+"\n  "+all["ed25519"].to+"\r\n")
	r, err := ReadRecipients(file, all["rsa"].to)
	if err != nil || len(r.Names) != 3 || strings.Contains(strings.Join(r.Names, " "), "somebody") {
		t.Errorf("%v, %v", r.Names, err)
	}
	for want, args := range map[string][]string{
		"do not mix":           {all["x25519"].to, all["pq"].to},
		"do not mix ":          {file, all["pq"].to},
		"no recipient":         nil,
		"secret key":           {all["pq"].key},
		"secret key; a":        {all["ed25519"].key},
		"no such file":         {filepath.Join(dir, "none")},
		"not a file":           {dir},
		"no recipient: ":       {"age1broken"},
		"line 1: no recipient": {put(t, dir, "bad", "bob\n")},
		"no recipient in it":   {put(t, dir, "empty", "# nobody\n")},
	} {
		if r, err := ReadRecipients(args...); err == nil || !strings.Contains(err.Error()+" ", strings.TrimSpace(want)) {
			t.Errorf("%v: %v, %v; want %q", args, r.Names, err, want)
		} else if strings.Contains(err.Error(), "AGE-SECRET-KEY") {
			t.Errorf("a secret is shown: %v", err)
		}
	}
	if _, err := UnlockKeys(nil, put(t, dir, "key", "AGE-SECRET-KEY-1BROKEN\n")); err == nil || strings.Contains(err.Error(), "BROKEN") {
		t.Error(err)
	}
}

// What was changed or cut off, and what is cancelled, leaves nothing behind.
func TestNothingLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	x, _ := age.GenerateX25519Identity()
	keys, _ := UnlockKeys(nil, put(t, dir, "key", x.String()))
	r, _ := ReadRecipients(x.Recipient().String())
	plain, sealed := put(t, dir, "plain", strings.Repeat("x", 200_000)), filepath.Join(dir, "sealed")
	if _, err := Encrypt(t.Context(), plain, sealed, r); err != nil {
		t.Fatal(err)
	}
	whole, _ := os.ReadFile(sealed)
	changed := bytes.Clone(whole)
	changed[len(changed)-1] ^= 1 // in the last chunk: those before it are genuine
	to := filepath.Join(t.TempDir(), "to")
	for name, b := range map[string][]byte{"cut off": whole[:len(whole)-1], "at a chunk": whole[:len(whole)-(200_000%65536)-16], "changed": changed, "longer": append(bytes.Clone(whole), 0), "empty": nil} {
		bad := put(t, dir, "bad", string(b))
		if err := Decrypt(t.Context(), bad, to, keys); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Encrypt(gone, plain, to, r); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := Decrypt(gone, sealed, to, keys); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if left, _ := os.ReadDir(filepath.Dir(to)); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// BenchmarkEncrypt is of a file in the page cache.
func BenchmarkEncrypt(b *testing.B) {
	x, _ := age.GenerateX25519Identity()
	r, _ := ReadRecipients(x.Recipient().String())
	dir := b.TempDir()
	plain := put(b, dir, "plain", strings.Repeat("x", 64<<20))
	b.SetBytes(64 << 20)
	for b.Loop() {
		if _, err := Encrypt(b.Context(), plain, filepath.Join(dir, "sealed"), r); err != nil {
			b.Fatal(err)
		}
	}
}
