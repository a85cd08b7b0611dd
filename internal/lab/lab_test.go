package lab

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, cfg ExpresswayConfig) *Expressway {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	e, err := NewExpressway(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close %s: %v", e.Name(), err)
		}
	})
	return e
}

func login(t *testing.T) *Login {
	t.Helper()
	l, err := NewLogin()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func dial(e *Expressway, auth ...ssh.AuthMethod) (*ssh.Client, error) {
	cfg := &ssh.ClientConfig{User: "root", Auth: auth, HostKeyCallback: ssh.FixedHostKey(e.HostKey()), Timeout: 20 * time.Second}
	return ssh.Dial("tcp", e.Addr(), cfg)
}

func mustDial(t *testing.T, e *Expressway, auth ...ssh.AuthMethod) *ssh.Client {
	t.Helper()
	c, err := dial(e, auth...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func openSFTP(t *testing.T, c *ssh.Client) *sftp.Client {
	t.Helper()
	s, err := sftp.NewClient(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); s.Close() })
	return s
}

// contents joins a family's files, the oldest first, uncompressed.
func contents(t *testing.T, e *Expressway, family string) []byte {
	t.Helper()
	var out []byte
	for _, name := range e.Siblings(family) {
		out = append(out, plain(t, filepath.Join(e.Dir(), name))...)
	}
	return out
}

func plain(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		return b
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if b, err = io.ReadAll(z); err != nil {
		t.Fatal(err)
	}
	return b
}

// checkTruth compares the files of a family with the records that should still be
// there, one by one and in order. It returns them.
func checkTruth(t *testing.T, e *Expressway, family string) []Record {
	t.Helper()
	var want []Record
	for _, r := range e.Truth(family) {
		if r.GoneAt.IsZero() {
			want = append(want, r)
		}
	}
	got := SplitRecords(contents(t, e, family))
	if len(got) != len(want) {
		t.Fatalf("%s: %d records in the files, want %d", family, len(got), len(want))
	}
	for i, b := range got {
		if r := want[i]; sha256.Sum256(b) != r.Sum || r.Len != len(b) || r.WrittenAt.IsZero() {
			t.Fatalf("%s: record %d is not what was written:\n%s\n%+v", family, i, b, r)
		}
		if r := want[i]; !bytes.Contains(b, []byte(r.Marker)) {
			t.Fatalf("%s: record %d lacks its marker %q:\n%s", family, i, r.Marker, b)
		}
	}
	return want
}
