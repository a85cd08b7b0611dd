package folder

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"rtmtgrab/internal/handover/sink"
)

// artifact makes one of n bytes.
func artifact(t testing.TB, n int) (sink.Artifact, []byte) {
	t.Helper()
	text := make([]byte, n)
	rand.Read(text)
	path := filepath.Join(t.TempDir(), "artefact")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	return sink.Artifact{Path: path, Name: "20260302T141407Z-hq-3fa2c1.zip", Size: int64(n), SHA256: hex.EncodeToString(sum[:]), ID: strings.Repeat("ab", 16)}, text
}

// whole says whether the artefact is there, and nothing else.
func whole(t testing.TB, dir string, a sink.Artifact, text []byte) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(dir, a.Name))
	if err != nil || string(got) != string(text) {
		t.Errorf("%d bytes of %d, %v", len(got), len(text), err)
	}
	if all, _ := os.ReadDir(dir); len(all) != 1 {
		t.Errorf("%d files: %v", len(all), all)
	}
}

func causeOf(err error) sink.Cause {
	var e *sink.Error
	if errors.As(err, &e) {
		return e.Cause
	}
	return ""
}

func TestDeliver(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 256 << 10, 700_001} {
		f := New(t.TempDir())
		a, text := artifact(t, n)
		for try := range 2 {
			r, err := f.Deliver(t.Context(), a)
			want := sink.Receipt{Place: filepath.Join(f.Dir, a.Name), Verified: sink.BySHA256, Sent: int64(n)}
			if try == 1 { // a repeat writes nothing
				want.Sent, want.Resumed = 0, int64(n)
			}
			if err != nil || !reflect.DeepEqual(r, want) {
				t.Errorf("%d bytes: %+v, %v", n, r, err)
			}
			whole(t, f.Dir, a, text)
		}
	}
}

// Whatever step an attempt ends at, by an error or as if it had been killed, the next one
// leaves one whole file.
func TestEveryStep(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"open", "write", "sync", "read back", "rename", "renamed"} {
		for what, fault := range map[string]error{"full": syscall.ENOSPC, "lost": syscall.EIO, "denied": os.ErrPermission} {
			f := New(t.TempDir())
			a, text := artifact(t, 600_000)
			f.fault = func(s string) error {
				if s == step {
					return fault
				}
				return nil
			}
			_, err := f.Deliver(t.Context(), a)
			want := map[string]sink.Cause{"full": sink.Full, "lost": sink.Unreachable, "denied": sink.Refused}[what]
			if causeOf(err) != want || sink.Permanent(err) || sink.Unknown(err) {
				t.Errorf("%s at %s: %v", what, step, err)
			}
			if _, err := os.Stat(filepath.Join(f.Dir, a.Name)); (err == nil) != (step == "renamed") {
				t.Errorf("%s at %s: the file's name is there: %v", what, step, err)
			}
			f.fault = nil
			if _, err := f.Deliver(t.Context(), a); err != nil {
				t.Errorf("after %s at %s: %v", what, step, err)
			}
			whole(t, f.Dir, a, text)
		}
	}
}

// What is right in a temporary file stays, what is wrong or too much in it does not.
func TestResume(t *testing.T) {
	t.Parallel()
	a, text := artifact(t, 900_000)
	wrong := append(append([]byte{}, text[:500_000]...), "something else"...)
	for what, c := range map[string]struct {
		there   []byte
		resumed int64
	}{"half": {text[:450_000], 450_000}, "all": {text, 900_000}, "too much": {append(append([]byte{}, text...), "tail"...), 900_000}, "wrong": {wrong, 500_000}, "other": {[]byte("nothing of it"), 0}, "empty": {nil, 0}} {
		f := New(t.TempDir())
		if err := os.WriteFile(f.temp(a), c.there, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := f.Deliver(t.Context(), a)
		if err != nil || r.Resumed < c.resumed || r.Resumed > c.resumed+8 || r.Sent+r.Resumed != a.Size {
			t.Errorf("%s: %+v, %v", what, r, err)
		}
		whole(t, f.Dir, a, text)
	}
}

// What stands in the way, and how it is told.
func TestRefused(t *testing.T) {
	t.Parallel()
	a, text := artifact(t, 1000)
	away := New(filepath.Join(t.TempDir(), "not mounted"))
	if _, err := away.Deliver(t.Context(), a); causeOf(err) != sink.Unreachable || sink.Permanent(err) {
		t.Error(err)
	}
	if _, err := os.Stat(away.Dir); err == nil {
		t.Error("a folder was made where a share is to be mounted")
	}
	if err := away.Check(t.Context()); causeOf(err) != sink.Unreachable {
		t.Error(err)
	}
	if _, err := New(a.Path).Deliver(t.Context(), a); causeOf(err) != sink.Rejected || !sink.Permanent(err) {
		t.Error(err)
	}
	f := New(t.TempDir())
	os.Mkdir(filepath.Join(f.Dir, a.Name), 0o700)
	if _, err := f.Deliver(t.Context(), a); causeOf(err) != sink.Rejected {
		t.Error(err)
	}
	os.Remove(filepath.Join(f.Dir, a.Name))
	for _, name := range []string{"", "../x", "a/b", ".."} {
		bad := a
		bad.Name = name
		if _, err := f.Deliver(t.Context(), bad); causeOf(err) != sink.Rejected {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := f.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if all, _ := os.ReadDir(f.Dir); len(all) != 0 {
		t.Errorf("a check leaves %v", all)
	}

	changed := a
	changed.Path = filepath.Join(t.TempDir(), "changed")
	os.WriteFile(changed.Path, []byte(strings.ToUpper(string(text))+"x"), 0o600)
	if _, err := f.Deliver(t.Context(), changed); causeOf(err) != sink.Local || !sink.Permanent(err) {
		t.Error(err)
	}
	if all, _ := os.ReadDir(f.Dir); len(all) != 0 {
		t.Errorf("of a changed artefact %v is left", all)
	}
	changed.Path += "-gone"
	if _, err := f.Deliver(t.Context(), changed); causeOf(err) != sink.Local {
		t.Error(err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Deliver(ctx, a); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Somebody who may write to the folder cannot have another file written or shown by way of
// a link, and what deliveries left behind goes in the end.
func TestFolderOfOthers(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("links need rights there")
	}
	f := New(t.TempDir())
	a, text := artifact(t, 300_000)
	victim := filepath.Join(t.TempDir(), "victim")
	os.WriteFile(victim, []byte("precious"), 0o600)
	os.Symlink(victim, f.temp(a))
	os.Symlink(victim, filepath.Join(f.Dir, a.Name))
	left := filepath.Join(f.Dir, ".other.zip."+strings.Repeat("cd", 16)+".part")
	young := filepath.Join(f.Dir, ".young.zip."+strings.Repeat("cd", 16)+".part")
	for _, name := range []string{left, young} {
		os.WriteFile(name, []byte("half"), 0o600)
	}
	old := time.Now().Add(-leftAfter - time.Hour)
	os.Chtimes(left, old, old)
	if _, err := f.Deliver(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(victim); string(got) != "precious" {
		t.Errorf("written through a link: %q", got)
	}
	if _, err := os.Stat(young); err != nil {
		t.Error("what another delivery writes was removed")
	}
	os.Remove(young)
	whole(t, f.Dir, a, text)
	if info, err := os.Lstat(filepath.Join(f.Dir, a.Name)); err != nil || !info.Mode().IsRegular() {
		t.Error(info, err)
	}
}

// Who may write to the folder puts a link there at the last moment: nothing elsewhere is
// written, and the next attempt comes through.
func TestLinkInBetween(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("links need rights there")
	}
	f := New(t.TempDir())
	a, text := artifact(t, 300_000)
	victim := filepath.Join(t.TempDir(), "victim")
	os.WriteFile(victim, []byte("precious"), 0o600)
	f.fault = func(step string) error {
		if step == "create" {
			return os.Symlink(victim, f.temp(a))
		}
		return nil
	}
	if _, err := f.Deliver(t.Context(), a); err == nil || sink.Permanent(err) {
		t.Errorf("%v", err)
	}
	if got, _ := os.ReadFile(victim); string(got) != "precious" {
		t.Errorf("written through a link: %d bytes", len(got))
	}
	f.fault = nil
	if _, err := f.Deliver(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	whole(t, f.Dir, a, text)
}

// A real disk that is full: room is given back, and the cause said.
func TestRealFull(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full")
	}
	if err := classify(t.Context(), writeFull()); causeOf(err) != sink.Full {
		t.Error(err)
	}
}

func writeFull() error {
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write([]byte("x"))
	return err
}
