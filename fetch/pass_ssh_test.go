package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/internal/testserver"
)

// sshDial gives shares of a session with Debian's sshd with the given options.
func sshDial(t testing.TB, o testserver.SSHDOptions, allowed hostconn.Commands) func(context.Context) (hostconn.Conn, error) {
	t.Helper()
	key := testserver.NewKey(t, "ecdsa")
	o.AuthorizedKeys = []string{testserver.AuthorizedKey(key.Public, "")}
	d := testserver.StartSSHD(t, o)
	pool := &hostconn.Pool{}
	return func(ctx context.Context) (hostconn.Conn, error) {
		return pool.Get(ctx, "key", allowed, func(ctx context.Context) (*sshdial.Client, error) {
			return sshdial.Dial(ctx, sshdial.Config{Address: d.Addr(), User: d.User, KnownHosts: d.KnownHosts(),
				Auth: sshdial.Auth{Kind: sshdial.AuthKey, KeyPEM: func() (string, error) { return string(key.PEM), nil }}})
		})
	}
}

// sshConn is a share of a session with Debian's sshd with the given options.
func sshConn(t testing.TB, o testserver.SSHDOptions, allowed hostconn.Commands) hostconn.Conn {
	t.Helper()
	conn, err := sshDial(t, o, allowed)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(true) })
	return conn
}

// connByCommands is one with a host that has no SFTP: what answers are the real sh,
// stat, head, tail and gzip.
func connByCommands(t testing.TB, o testserver.SSHDOptions, zip bool) hostconn.Conn {
	t.Helper()
	o.NoSFTP = true
	o.Extra = append(o.Extra, "SetEnv SHLVL=2") // so that bash does not run this machine's ~/.bashrc for each command
	return sshConn(t, o, hostconn.Commands{Allowed: true, Gzip: zip})
}

// A server that allows one channel at a time is enough for everything but the clock.
func TestOneChannelOnly(t *testing.T) {
	s := sshConn(t, testserver.SSHDOptions{MaxSessions: 1}, hostconn.Commands{Allowed: true})
	e, err := lab.NewExpressway(t.Context(), lab.ExpresswayConfig{Logs: lab.LogConfig{Rate: 20}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	e.Backfill(time.Now().Add(-time.Minute))
	g := newGrab(t, e.LogDir(), s)
	row, err := g.Pass(t.Context(), evidence.NewWindow(time.Now().Add(-30*time.Second), time.Now().Add(-time.Second)), nil)
	if err != nil || row.Coverage != evidence.Complete || row.ClockFrom != "none" {
		t.Errorf("%v %+v", err, row)
	}
}

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
			g := newGrab(t, dir, connByCommands(t, testserver.SSHDOptions{}, zip))
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
			if !strings.Contains(notes, "refuses SFTP") || strings.Contains(notes, "the host compressed") != zip {
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
		e, err := lab.NewExpressway(t.Context(), lab.ExpresswayConfig{Password: "secret", Refuses: lab.SFTP, Logs: lab.LogConfig{Rate: 20}})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		e.Backfill(time.Now().Add(-5 * time.Minute))
		var pool hostconn.Pool
		dial := func(ctx context.Context) (*sshdial.Client, error) {
			return sshdial.Dial(ctx, sshdial.Config{Address: e.Addr(), User: "root", HostKey: ssh.FingerprintSHA256(e.HostKey()),
				Auth: sshdial.Auth{Kind: sshdial.AuthPassword, Password: func() (string, error) { return "secret", nil }}})
		}
		g := newGrab(t, e.LogDir(), nil)
		g.Host.Families = []string{lab.NetworkLog, lab.Messages, lab.DeveloperLog}
		g.Host.Dial = func(ctx context.Context) (hostconn.Conn, error) {
			return pool.Get(ctx, "key", hostconn.Commands{Allowed: true, Gzip: zip}, dial)
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
	g := newGrab(t, dir, connByCommands(t, testserver.SSHDOptions{Extra: []string{"ForceCommand PATH=" + bin + ` exec sh -c "$SSH_ORIGINAL_COMMAND"`}}, true))
	row, err := g.Pass(t.Context(), evidence.NewWindow(now.Add(-time.Minute), now), nil)
	if err != nil || row.Coverage != evidence.Complete || !strings.Contains(strings.Join(row.Notes, ";"), "the host did not compress") {
		t.Errorf("%v %+v", err, row)
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
	g := newGrab(t, dir, connByCommands(t, testserver.SSHDOptions{MaxSessions: 1, Extra: []string{`ForceCommand echo "Welcome; be good"; echo noise >&2; sh -c "$SSH_ORIGINAL_COMMAND"`}}, false))
	row, err := g.Pass(t.Context(), evidence.NewWindow(now.Add(-7*time.Minute), now.Add(-time.Second)), nil)
	if err != nil || row.Files[0].Records < 7*60-1 || row.Files[0].Records > 7*60+1 {
		t.Errorf("%v %+v", err, row)
	}
}

// TestCommandsRotationRace is TestRotationRace over the real commands: whatever
// happens to the names, there is no wrong byte, and what is said to be covered
// is there.
func TestCommandsRotationRace(t *testing.T) {
	for _, kind := range []string{"numbered", "short", "dated", "gzip", "copy"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := connByCommands(t, testserver.SSHDOptions{}, kind == "dated")
			w := &fetchtest.Writer{Dir: t.TempDir(), Keep: 30, Dated: kind == "dated", Copies: kind == "copy", Zip: kind == "gzip"}
			if kind == "short" {
				w.Keep = 2
			}
			stop, done := make(chan struct{}), make(chan struct{})
			finish := sync.OnceFunc(func() { close(stop); <-done })
			defer finish()
			w.WriteRecord(t) // before the window, however late the next one comes
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
			g := newGrab(t, w.Dir, s)
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
			rotationHonest(t, w, row, asked, slice(t, g, "network_log"))
			if kind == "short" || kind == "copy" {
				return
			}
			// where a command takes as long as a rotation there may be gaps as long as it goes on
			if row, err = g.Pass(t.Context(), asked, nil); err != nil {
				t.Fatal(err)
			}
			rotationHonest(t, w, row, asked, slice(t, g, "network_log"))
			if row.Coverage != evidence.Complete {
				t.Errorf("%s: %+v %v", row.Coverage, row.Files[0].Missing, row.Notes)
			}
		})
	}
}

// rotationHonest checks that a slice has what was written, in the order of writing, each record
// once that is not said to be missing.
func rotationHonest(t *testing.T, w *fetchtest.Writer, row evidence.Host, asked evidence.Window, text string) {
	covered := func(at time.Time) bool {
		for _, m := range row.Files[0].Missing {
			if !at.Before(m.Since.Add(-10*time.Millisecond)) && at.Before(m.Until.Add(10*time.Millisecond)) {
				return false
			}
		}
		return asked.Contains(at)
	}
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
	if lost > 0 || len(seen) == 0 && w.Keep > 2 {
		t.Errorf("%d records that are said to be covered are not there exactly once (%d are); %+v", lost, len(seen), row.Files[0].Missing)
	}
	t.Logf("%d records written, %d in the slice, %s, missing %v", w.N, len(seen), row.Coverage, row.Files[0].Missing)
}
