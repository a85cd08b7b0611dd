package hostconn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn/hostcmd"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/testserver"
)

// byCommands is a session with Debian's sshd, which has no SFTP: what answers
// are the real sh, stat, head, tail and gzip.
func byCommands(t testing.TB, o testserver.SSHDOptions, zip bool) *Session {
	t.Helper()
	o.NoSFTP = true
	o.Extra = append(o.Extra, "SetEnv SHLVL=2") // so that bash does not run this machine's ~/.bashrc for each command
	s, err := realConn(t, o, Commands{Allowed: true, Gzip: zip})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if s.Transport() != evidence.TransportCommands {
		t.Fatal(s.Transport())
	}
	return s
}

// A command that says nothing for too long costs the connection, not for ever.
func TestCommandsSilence(t *testing.T) {
	s := byCommands(t, testserver.SSHDOptions{}, false)
	s.commands.quiet = 300 * time.Millisecond
	err := s.commands.run("sleep 600", func(r io.Reader) error { _, err := io.ReadAll(r); return err })
	if err == nil || !strings.Contains(err.Error(), "no answer for") || s.Lost() == nil || IsAnswer(err) {
		t.Errorf("%v, lost %v", err, s.Lost())
	}
	if _, err := s.Open(t.Context(), "/x"); err == nil || IsAnswer(err) {
		t.Errorf("on a lost connection: %v", err)
	}
}

// An answer without an end is given up.
func TestCommandsEndless(t *testing.T) {
	s := byCommands(t, testserver.SSHDOptions{Extra: nil}, false)
	err := s.commands.run("while :; do echo yes; done", func(r io.Reader) error { _, err := hostcmd.ListAnswer(r, nonce()); return err })
	if err == nil || s.Lost() != nil {
		t.Errorf("%v, lost %v", err, s.Lost())
	}
}

// Large reads, several at once, are whole, packed or not.
func TestCommandsLarge(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "network_log")
	want := make([]byte, 20<<20+12345)
	rnd := rand.NewChaCha8([32]byte{1})
	rnd.Read(want[:10<<20]) // half of it does not compress
	if err := os.WriteFile(name, want, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, zip := range []bool{false, true} {
		s := byCommands(t, testserver.SSHDOptions{}, zip)
		h, err := s.Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		out, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		begin := time.Now()
		n, err := NewTransfer(h, out, 0, 5, int64(len(want))).Run(t.Context(), h, &Meter{})
		t.Logf("gzip=%v: %v", zip, time.Since(begin))
		got, err2 := os.ReadFile(out.Name())
		if err != nil || err2 != nil || n != int64(len(want)-5) || !bytes.Equal(got, want[5:]) {
			t.Errorf("gzip=%v: %d bytes, %v %v", zip, n, err, err2)
		}
	}
}

// Without permission nothing is run, and the error says what is missing.
func TestCommandsNotAllowed(t *testing.T) {
	_, err := realConn(t, testserver.SSHDOptions{NoSFTP: true}, Commands{Gzip: true})
	var f *Fault
	if !errors.Is(err, ErrNoSFTP) || !errors.As(err, &f) || !f.Permanent() || f.Reason() != evidence.ReasonRead {
		t.Errorf("%v", err)
	}
}

// A host that offers neither SFTP nor a shell: both refusals are said.
func TestNeitherSFTPNorCommands(t *testing.T) {
	for _, force := range []string{"echo This account is not available.; exit 1", "true", "cat /dev/zero"} {
		_, err := realConn(t, testserver.SSHDOptions{NoSFTP: true, Extra: []string{"ForceCommand " + force}}, Commands{Allowed: true})
		if !errors.Is(err, ErrNoSFTP) || !strings.Contains(err.Error(), "read by commands") {
			t.Errorf("%s: %v", force, err)
		}
	}
}

// Names that mean something to a shell are listed, opened and read as they are.
func TestCommandsHostileNames(t *testing.T) {
	s := byCommands(t, testserver.SSHDOptions{}, false)
	dir := t.TempDir()
	want := map[string]string{}
	for i, name := range []string{"network_log.'", `network_log."`, `network_log.\`, "network_log.$(touch pwned)", "network_log.`id`", "network_log.;rm -rf .",
		"-rf", "--help", "network_log.a\nb", "\n", "network_log.\n81a4 5 5 5:5", " ", "*", "?", "[a-z]", "network_log.%s%n", `network_log.\000`, "network_log.\xff\xfe", "network_log.\u202e",
		"$HOME", "&", "|", "#", "~", "!!", "network_log." + strings.Repeat("n", 255-12), "a'b'c", "'; touch pwned; '"} {
		text := fmt.Sprintf("contents %d", i)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		want[name] = text
	}
	os.Symlink("/etc/passwd", filepath.Join(dir, "network_log.link"))
	os.Mkdir(filepath.Join(dir, "network_log.dir"), 0o700)
	if err := exec.Command("mkfifo", filepath.Join(dir, "network_log.fifo")).Run(); err != nil {
		t.Fatal(err)
	}
	entries, err := s.List(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(want)+3 {
		t.Errorf("%d names: %+v", len(entries), entries)
	}
	for _, e := range entries {
		text, ok := want[e.Name]
		if e.Regular != ok || ok && e.Size != int64(len(text)) {
			t.Errorf("%+v", e)
		}
		h, err := s.Open(t.Context(), dir+"/"+e.Name)
		if !ok {
			if err == nil || !IsAnswer(err) {
				t.Errorf("%q was opened: %v", e.Name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", e.Name, err)
			continue
		}
		for range 2 { // out of the look at opening, then by a command of its own
			b := make([]byte, len(text))
			if err := ReadFull(h, b, 0); err != nil || string(b) != text {
				t.Errorf("%q: %q %v", e.Name, b, err)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "pwned")); err == nil {
		t.Error("a name was run as a command")
	}
	for _, bad := range []string{"relative", "-rf", "/a\x00b"} {
		if _, err := s.Open(t.Context(), bad); err == nil {
			t.Errorf("%q was opened", bad)
		}
	}
}

func TestCommandsErrors(t *testing.T) {
	s := byCommands(t, testserver.SSHDOptions{}, false)
	dir := t.TempDir()
	if _, err := s.List(t.Context(), dir+"/nowhere"); !errors.Is(err, fs.ErrNotExist) || !IsAnswer(err) {
		t.Errorf("%v", err)
	}
	if _, err := s.Open(t.Context(), dir+"/nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	name := filepath.Join(dir, "network_log")
	os.WriteFile(name, []byte("x"), 0o600)
	if _, err := s.List(t.Context(), name); err == nil || !IsAnswer(err) {
		t.Errorf("%v", err)
	}
	if entries, err := s.List(t.Context(), t.TempDir()); err != nil || len(entries) != 0 {
		t.Errorf("an empty folder: %v %v", entries, err)
	}
}

// What is read is of the file that was opened, wherever it has gone, or an error.
func TestCommandFileFollows(t *testing.T) {
	s := byCommands(t, testserver.SSHDOptions{}, false)
	dir := t.TempDir()
	name := func(i int) string { return filepath.Join(dir, fmt.Sprintf("network_log.%d", i)) }
	text := func(i int) string { return strings.Repeat(fmt.Sprintf("line of file %d\n", i), 5000) }
	open := func(i int) Handle {
		t.Helper()
		if err := os.WriteFile(name(i), []byte(text(i)), 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := s.Open(t.Context(), name(i))
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	check := func(h Handle, i int) {
		t.Helper()
		b := make([]byte, 40000)
		if err := ReadFull(h, b, 20000); err != nil || string(b) != text(i)[20000:60000] {
			t.Errorf("file %d: %.20q %v", i, b, err)
		}
	}
	h1, h2 := open(1), open(2)
	check(h1, 1)
	os.Rename(name(2), name(3))
	os.Rename(name(1), name(2))
	check(h1, 1)
	check(h2, 2)
	if size, _, err := h2.Stat(); err != nil || size != int64(len(text(2))) {
		t.Errorf("%d %v", size, err)
	}
	if n, err := h1.ReadAt(make([]byte, 100), int64(len(text(1)))-50); n != 50 || err != io.EOF {
		t.Errorf("over the end: %d %v", n, err)
	}
	// unlinked, and the number perhaps given to another file
	os.Remove(name(2))
	os.WriteFile(name(2), []byte(text(9)), 0o600)
	if _, err := h1.ReadAt(make([]byte, 10), 100); !errors.Is(err, ErrShort) {
		t.Errorf("a file that is gone: %v", err)
	}
	if _, _, err := h1.Stat(); !errors.Is(err, ErrShort) {
		t.Errorf("a file that is gone: %v", err)
	}
	// truncated, and longer again than before
	os.WriteFile(name(3), []byte(text(8)+text(8)), 0o600)
	if _, err := h2.ReadAt(make([]byte, 10), 20000); !errors.Is(err, ErrShort) {
		t.Errorf("a file that was written anew: %v", err)
	}
}
