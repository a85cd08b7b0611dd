package sftp

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/internal/testserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// artifact is a file of so many bytes that do not compress.
func artifact(t testing.TB, size int) (sink.Artifact, []byte) {
	t.Helper()
	b := make([]byte, size)
	rng := rand.New(rand.NewPCG(1, uint64(size)))
	for i := 0; i+8 <= len(b); i += 8 {
		for j, n := 0, rng.Uint64(); j < 8; j, n = j+1, n>>8 {
			b[i+j] = byte(n)
		}
	}
	name := filepath.Join(t.TempDir(), "artifact")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return sink.Artifact{Path: name, Name: "20260302T141407Z-hq-3fa2c1.zip", Size: int64(size), SHA256: hex.EncodeToString(sum[:]), ID: "0123456789abcdef0123456789abcdef"}, b
}

// server is a real sshd, and a sink that delivers into an empty folder of it.
func server(t testing.TB, o testserver.SSHDOptions) (*testserver.SSHD, *Sink) {
	t.Helper()
	key := testserver.NewKey(t, "ecdsa")
	o.AuthorizedKeys = append(o.AuthorizedKeys, testserver.AuthorizedKey(key.Public, ""))
	d := testserver.StartSSHD(t, o)
	return d, &Sink{Dir: t.TempDir(), Dial: sshdial.Config{Name: "handover drop", Address: d.Addr(), User: d.User, KnownHosts: d.KnownHosts(),
		Auth: sshdial.Auth{Kind: sshdial.AuthKey, KeyPEM: func() (string, error) { return string(key.PEM), nil }}, Ledger: &sshdial.Ledger{Dir: t.TempDir()}}}
}

func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// alone fails if the folder has anything but the artifact, whole.
func alone(t testing.TB, dir string, a sink.Artifact, want []byte) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || list[0].Name() != a.Name {
		t.Fatalf("in the folder: %v", list)
	}
	got, err := os.ReadFile(filepath.Join(dir, a.Name))
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes, want %d (%v)", len(got), len(want), err)
	}
}

// failed wants an error of a cause.
func failed(t testing.TB, err error, cause sink.Cause, permanent bool) *sink.Error {
	t.Helper()
	e, ok := errors.AsType[*sink.Error](err)
	if !ok || e.Cause != cause || e.Permanent != permanent {
		t.Fatalf("want %s (permanent: %v), got %v", cause, permanent, err)
	}
	return e
}
