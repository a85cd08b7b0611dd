package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/hostcmd"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/realsrv"
	"rtmtgrab/internal/sshdial"
)

// byCommands is a session with Debian's sshd, which has no SFTP: what answers
// are the real sh, stat, head, tail and gzip.
func byCommands(t testing.TB, o realsrv.SSHDOptions, zip bool) *Session {
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

func share(s *Session) Conn { return newShared(s, nil, func(bool) {}) }

// A whole pass over commands: complete, verbatim, its transport named.
func TestCommandsPass(t *testing.T) {
	t.Parallel()
	for _, zip := range []bool{false, true} {
		t.Run(fmt.Sprintf("gzip=%v", zip), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), `it's a "dir" $(id)`)
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			now := time.Now().UTC().Truncate(time.Second)
			n := 0
			fetchtest.Logs(t, filepath.Join(dir, "network_log.3"), now.Add(-5*time.Hour), now.Add(-4*time.Hour), &n)
			a := fetchtest.Logs(t, filepath.Join(dir, "network_log.2"), now.Add(-4*time.Hour), now.Add(-2*time.Hour), &n)
			b := fetchtest.Logs(t, filepath.Join(dir, "network_log.1"), now.Add(-2*time.Hour), now.Add(-10*time.Minute), &n)
			c := fetchtest.Logs(t, filepath.Join(dir, "network_log"), now.Add(-10*time.Minute), now, &n)
			pack(t, filepath.Join(dir, "network_log.2"))
			for i := range 250 { // more than one group of the listing
				os.WriteFile(filepath.Join(dir, fmt.Sprintf("foreign-%d", i)), nil, 0o600)
			}
			g := newGrab(t, dir, share(byCommands(t, realsrv.SSHDOptions{}, zip)))
			w := evidence.NewWindow(now.Add(-3*time.Hour), now)
			row, err := g.Pass(t.Context(), w, nil)
			if err != nil || row.Coverage != evidence.Complete || row.Transport != evidence.TransportCommands || row.ClockFrom != "date" {
				t.Fatalf("%v %+v", err, row)
			}
			got := slice(t, g, "network_log")
			if !strings.HasSuffix(a+b+c, got) || row.Files[0].Records < 3*3600-2 {
				t.Errorf("%d bytes, %d records are not the end of what was written", len(got), row.Files[0].Records)
			}
			notes := strings.Join(row.Notes, "\n")
			if !strings.Contains(notes, "refuses SFTP") || strings.Contains(notes, "it compressed") != zip {
				t.Errorf("notes: %s", notes)
			}
		})
	}
}

// pack compresses a file in place, as a rotation does.
func pack(t testing.TB, name string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	info, _ := os.Stat(name)
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(b)
	w.Close()
	if err := errors.Join(os.WriteFile(name+".gz", z.Bytes(), 0o600), os.Chtimes(name+".gz", info.ModTime(), info.ModTime()), os.Remove(name)); err != nil {
		t.Fatal(err)
	}
}

// The laboratory's Expressway without SFTP answers the same commands.
func TestCommandsLab(t *testing.T) {
	for _, zip := range []bool{false, true} {
		e, err := lab.NewExpressway(t.Context(), lab.ExpresswayConfig{Password: "secret", NoSFTP: true, Logs: lab.LogConfig{Rate: 20}})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		e.Backfill(time.Now().Add(-5 * time.Minute))
		var pool Pool
		dial := func(ctx context.Context) (*sshdial.Client, error) {
			return sshdial.Dial(ctx, sshdial.Config{Address: e.Addr(), User: "root", HostKey: ssh.FingerprintSHA256(e.HostKey()),
				Auth: sshdial.Auth{Kind: sshdial.AuthPassword, Password: func() (string, error) { return "secret", nil }}})
		}
		g := newGrab(t, e.LogDir(), nil)
		g.Host.Families = []string{lab.NetworkLog, lab.Messages, lab.DeveloperLog}
		g.Host.Dial = func(ctx context.Context) (Conn, error) {
			return pool.Get(ctx, "key", Commands{Allowed: true, Gzip: zip}, dial)
		}
		row, err := g.Pass(t.Context(), evidence.NewWindow(time.Now().Add(-2*time.Minute), time.Now().Add(-time.Second)), nil)
		if err != nil || row.Coverage != evidence.Complete || row.Transport != evidence.TransportCommands || e.Stats().Accepted != 1 {
			t.Errorf("%v %+v %+v", err, row, e.Stats())
		}
		whole, err := os.ReadFile(filepath.Join(e.Dir(), lab.NetworkLog))
		if got := slice(t, g, lab.NetworkLog); err != nil || got == "" || !strings.Contains(string(whole), got) {
			t.Errorf("the slice of %d bytes is no part of the log of %d (%v)", len(got), len(whole), err)
		}
	}
}

// A host without gzip is read without, and the manifest says so.
func TestCommandsNoGzip(t *testing.T) {
	bin := t.TempDir()
	for _, tool := range []string{"sh", "env", "stat", "head", "tail", "date"} {
		path, err := exec.LookPath(tool)
		if err == nil {
			err = os.Symlink(path, filepath.Join(bin, tool))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	now := time.Now().UTC().Truncate(time.Second)
	n := 0
	fetchtest.Logs(t, filepath.Join(dir, "network_log"), now.Add(-time.Hour), now, &n)
	g := newGrab(t, dir, share(byCommands(t, realsrv.SSHDOptions{Extra: []string{"ForceCommand PATH=" + bin + ` exec sh -c "$SSH_ORIGINAL_COMMAND"`}}, true)))
	row, err := g.Pass(t.Context(), evidence.NewWindow(now.Add(-time.Minute), now), nil)
	if err != nil || row.Coverage != evidence.Complete || !strings.Contains(strings.Join(row.Notes, ";"), "it did not compress") {
		t.Errorf("%v %+v", err, row)
	}
}

// A command that says nothing for too long costs the connection, not for ever.
func TestCommandsSilence(t *testing.T) {
	s := byCommands(t, realsrv.SSHDOptions{}, false)
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
	s := byCommands(t, realsrv.SSHDOptions{Extra: nil}, false)
	err := s.commands.run("while :; do echo yes; done", func(r io.Reader) error { _, err := parseList(r, nonce()); return err })
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
		s := byCommands(t, realsrv.SSHDOptions{}, zip)
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

// FuzzAnswers: whatever a host answers, there is no crash, the data fit, and what
// is taken for a list could be one.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte("noise\nN\x001\x00./a\x0081a4 5 6 7:8\x000\x00N\x00"), false)
	f.Add([]byte("N\x0081a4 5 6 7:8\x00/a\x00data\x00N\x00head\x00N\x0081a4 5 6 7:8\x00"), false)
	f.Add([]byte("N\x00=\x0081a4 5 6 7:8\x00/a\x00head\x00N\x00!\x0042\x00\x00N\x00"), true)
	f.Add([]byte("N\x0081a4 5 6 7:8\x00/a\x00\x1f\x8b\x08\x00"), true)
	f.Fuzz(func(t *testing.T, b []byte, zip bool) {
		entries, err := parseList(bytes.NewReader(b), "N")
		for _, e := range entries {
			if err == nil && (e.Size < 0 || e.Name == "" || strings.ContainsAny(e.Name, "/\x00")) {
				t.Errorf("%+v", e)
			}
		}
		buf := make([]byte, 16)
		r := hostcmd.Read{Nonce: "N", Head: 8, File: hostcmd.File{ID: "7:8"}, Count: 16, Gzip: zip}
		if got, err := parseRead(bytes.NewReader(b), r, buf); err == nil && (got.n < 0 || got.n > len(buf) || got.before.id != "7:8") {
			t.Errorf("%+v", got)
		}
		batch := []*look{{file: hostcmd.File{ID: "7:8"}}, {}}
		if err := parseLook(bytes.NewReader(b), hostcmd.Look{Nonce: "N", Head: 8}, batch); err == nil && batch[0].err == nil && batch[0].got.before.id != "7:8" {
			t.Errorf("%+v", batch[0])
		}
	})
}

// Without permission nothing is run, and the error says what is missing.
func TestCommandsNotAllowed(t *testing.T) {
	_, err := realConn(t, realsrv.SSHDOptions{NoSFTP: true}, Commands{Gzip: true})
	var f *Fault
	if !errors.Is(err, ErrNoSFTP) || !errors.As(err, &f) || !f.Permanent() || f.Reason() != evidence.ReasonRead {
		t.Errorf("%v", err)
	}
}

// A host that offers neither SFTP nor a shell: both refusals are said.
func TestNeitherSFTPNorCommands(t *testing.T) {
	for _, force := range []string{"echo This account is not available.; exit 1", "true", "cat /dev/zero"} {
		_, err := realConn(t, realsrv.SSHDOptions{NoSFTP: true, Extra: []string{"ForceCommand " + force}}, Commands{Allowed: true})
		if !errors.Is(err, ErrNoSFTP) || !strings.Contains(err.Error(), "try commands") {
			t.Errorf("%s: %v", force, err)
		}
	}
}

// A login script that prints does no harm, nor does a host of one channel.
func TestCommandsNoiseAndOneChannel(t *testing.T) {
	dir := t.TempDir()
	now := time.Now().UTC().Truncate(time.Second)
	n := 0
	for i := range 8 {
		fetchtest.Logs(t, filepath.Join(dir, fmt.Sprintf("network_log.%d", i)), now.Add(time.Duration(-i-1)*time.Minute), now.Add(time.Duration(-i)*time.Minute), &n)
	}
	g := newGrab(t, dir, share(byCommands(t, realsrv.SSHDOptions{MaxSessions: 1, Extra: []string{`ForceCommand echo "Welcome; be good"; echo noise >&2; sh -c "$SSH_ORIGINAL_COMMAND"`}}, false)))
	row, err := g.Pass(t.Context(), evidence.NewWindow(now.Add(-7*time.Minute), now.Add(-time.Second)), nil)
	if err != nil || row.Files[0].Records < 7*60-1 || row.Files[0].Records > 7*60+1 {
		t.Errorf("%v %+v", err, row)
	}
}

// Names that mean something to a shell are listed, opened and read as they are.
func TestCommandsHostileNames(t *testing.T) {
	s := byCommands(t, realsrv.SSHDOptions{}, false)
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
	s := byCommands(t, realsrv.SSHDOptions{}, false)
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
	s := byCommands(t, realsrv.SSHDOptions{}, false)
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

// TestCommandsRotationRace is TestRotationRace over the real commands: whatever
// happens to the names, there is no wrong byte, and what is said to be covered
// is there.
func TestCommandsRotationRace(t *testing.T) {
	for _, kind := range []string{"numbered", "short", "dated", "gzip", "copy"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := byCommands(t, realsrv.SSHDOptions{}, kind == "dated")
			w := &fetchtest.Writer{Dir: t.TempDir(), Keep: 30, Dated: kind == "dated", Copies: kind == "copy", Zip: kind == "gzip"}
			if kind == "short" {
				w.Keep = 2
			}
			stop, done := make(chan struct{}), make(chan struct{})
			finish := sync.OnceFunc(func() { close(stop); <-done })
			defer finish()
			go func() {
				defer close(done)
				rnd := rand.New(rand.NewPCG(1, 2))
				for {
					select {
					case <-stop:
						return
					case <-time.After(time.Duration(rnd.IntN(20000)) * time.Microsecond):
						// commands hold nothing: a slow machine is not to be outrun
						for w.N < 3000 || kind == "short" {
							if w.WriteRecord(t); w.N%10 == 0 {
								break
							}
						}
					}
				}
			}()
			time.Sleep(300 * time.Millisecond)
			g := newGrab(t, w.Dir, share(s))
			asked := evidence.NewWindow(time.Now().Add(-250*time.Millisecond), time.Now().Add(time.Second))
			if _, err := g.Pass(t.Context(), asked, nil); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Until(asked.Until) + 50*time.Millisecond)
			row, err := g.Pass(t.Context(), asked, nil)
			finish()
			if err != nil {
				t.Fatal(err)
			}
			covered := func(at time.Time) bool {
				for _, m := range row.Files[0].Missing {
					if !at.Before(m.Since.Add(-10*time.Millisecond)) && at.Before(m.Until.Add(10*time.Millisecond)) {
						return false
					}
				}
				return asked.Contains(at)
			}
			text := slice(t, g, "network_log")
			seen, last := map[int]int{}, -1
			for l := range strings.Lines(text) {
				var n int
				if m := fetchtest.Marker.FindStringSubmatch(l); m == nil {
					t.Errorf("no record: %q", l)
				} else if fmt.Sscan(m[1], &n); l != fetchtest.Line(w.At[n], n) {
					t.Errorf("record %d is not as it was written", n)
				}
				seen[n]++
				if n < last {
					t.Errorf("record %d stands after %d", n, last)
				}
				last = n
			}
			lost := 0
			for n, at := range w.At {
				if covered(at.Truncate(time.Millisecond)) && seen[n] != 1 {
					lost++
				}
			}
			if lost > 0 || len(seen) == 0 && kind != "short" {
				t.Errorf("%d records that are said to be covered are not there exactly once (%d are); %+v", lost, len(seen), row.Files[0].Missing)
			}
			if kind != "short" && kind != "copy" && row.Coverage != evidence.Complete {
				t.Errorf("%s: %+v %v", row.Coverage, row.Files[0].Missing, row.Notes)
			}
			t.Logf("%d records written, %d in the slice, %s, missing %v", w.N, len(seen), row.Coverage, row.Files[0].Missing)
		})
	}
}
