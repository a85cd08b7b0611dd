package sftp

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/testserver"
)

func TestDeliver(t *testing.T) {
	_, s := server(t, testserver.SSHDOptions{})
	for _, size := range []int{0, 1, small, large, large + 1, 5 << 20} {
		a, want := artifact(t, size)
		r, err := s.Deliver(deadline(t), a)
		if err != nil {
			t.Fatal(size, err)
		}
		if r.Verified != sink.BySHA256 || r.Sent != a.Size || r.Resumed != 0 || r.Place != "sftp://"+s.Dial.Address+s.Dir+"/"+a.Name {
			t.Errorf("%d: %+v", size, r)
		}
		alone(t, s.Dir, a, want)

		// Once more: the answer to the first was lost.
		if r, err = s.Deliver(deadline(t), a); err != nil || r.Sent != 0 && size > 0 || r.Resumed != a.Size || r.Verified != sink.BySHA256 {
			t.Errorf("%d: %+v, %v", size, r, err)
		}
		alone(t, s.Dir, a, want)
	}
}

// TestOver: what is there under the name and is another is replaced, whatever an attempt
// before left under the temporary name.
func TestOver(t *testing.T) {
	_, s := server(t, testserver.SSHDOptions{})
	a, want := artifact(t, 300_000)
	other := bytes.Clone(want)
	other[200_000] ^= 1
	temp := filepath.Join(s.Dir, tempName(a))
	for _, c := range []struct {
		name    string
		there   []byte // under the temporary name
		resumed int64
	}{
		{"nothing", nil, 0},
		{"a part", want[:150_001], 150_001},
		{"all", want, a.Size},
		{"one that differs", other, 200_000},
		{"one that is longer", append(bytes.Clone(want), "and more"...), a.Size},
		{"holes", make([]byte, 250_000), 0},
		{"an empty one", []byte{}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(s.Dir, a.Name), other, 0o600); err != nil {
				t.Fatal(err)
			}
			if c.there != nil {
				if err := os.WriteFile(temp, c.there, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			r, err := s.Deliver(deadline(t), a)
			if err != nil {
				t.Fatal(err)
			}
			if r.Resumed != c.resumed || r.Sent != a.Size-c.resumed {
				t.Errorf("%+v, want %d resumed", r, c.resumed)
			}
			alone(t, s.Dir, a, want)
		})
	}
}

// TestLink: a link under the temporary name leads nowhere.
func TestLink(t *testing.T) {
	_, s := server(t, testserver.SSHDOptions{})
	a, want := artifact(t, 100_000)
	victim := filepath.Join(t.TempDir(), "victim")
	if err := errors.Join(os.WriteFile(victim, []byte("mine"), 0o600), os.Symlink(victim, filepath.Join(s.Dir, tempName(a)))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Deliver(deadline(t), a); err != nil {
		t.Fatal(err)
	}
	alone(t, s.Dir, a, want)
	if b, _ := os.ReadFile(victim); string(b) != "mine" {
		t.Errorf("%q was written to", b)
	}
}

// TestBrokenOff: connections that end anywhere, until it is there.
func TestBrokenOff(t *testing.T) {
	d, s := server(t, testserver.SSHDOptions{})
	line, err := testserver.Start(d.Addr(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer line.Close()
	s.Dial.Address, s.Dial.KnownHosts, s.Dial.HostKey = line.Addr(), "", fingerprint(d)
	a, want := artifact(t, 8<<20)
	rng := rand.New(rand.NewPCG(2, 3))
	var resumed, sent int64
	broken, tries := 0, 12
	if os.Getenv("GRAB_LONG") != "" {
		tries = 200
	}
	for try := 0; ; try++ {
		if try > tries+5 {
			t.Fatalf("not there after %d attempts", try)
		}
		if try < tries {
			line.CutAfter(20_000 + rng.Int64N(3<<20))
		} else {
			line.CutAfter(-1)
		}
		r, err := s.Deliver(deadline(t), a)
		resumed, sent = max(resumed, r.Resumed), sent+r.Sent
		if err == nil {
			break
		}
		if e := failed(t, err, sink.Unreachable, false); e.Unknown && r.Sent+r.Resumed < a.Size {
			t.Errorf("attempt %d: %+v, %v", try, r, err)
		}
		broken++
		if list, _ := os.ReadDir(s.Dir); len(list) > 1 {
			t.Fatalf("attempt %d left %v", try, list)
		}
	}
	if broken == 0 || resumed == 0 {
		t.Errorf("broken off %d times, %d bytes resumed at most", broken, resumed)
	}
	t.Logf("%d attempts broke off; %d bytes sent of %d", broken, sent, a.Size)
	alone(t, s.Dir, a, want)
}

func fingerprint(d *testserver.SSHD) string { return fingerprintOf(d.HostKeys["ecdsa"]) }

// TestStopped: the end of the context ends a delivery, wherever it is.
func TestStopped(t *testing.T) {
	_, s := server(t, testserver.SSHDOptions{})
	a, _ := artifact(t, 4<<20)
	why := errors.New("the program ends")
	ctx, cancel := context.WithCancelCause(deadline(t))
	ctx = sink.WithFlow(ctx, sink.Flow{Moved: func(int) { cancel(why) }})
	if _, err := s.Deliver(ctx, a); !errors.Is(err, why) {
		t.Fatal(err)
	}
}

// TestRefused: one refused login, and none after it until a person checks.
func TestRefused(t *testing.T) {
	d, s := server(t, testserver.SSHDOptions{})
	a, want := artifact(t, 1000)
	granted, err := os.ReadFile(filepath.Join(d.Dir, "authorized_keys"))
	if err != nil {
		t.Fatal(err)
	}
	d.SetAuthorizedKeys()
	for range 3 {
		_, err := s.Deliver(deadline(t), a)
		failed(t, err, sink.Refused, true)
	}
	d.WaitLog("Connection closed by authenticating user", 1)
	if n := strings.Count(d.Log(), "Connection closed by authenticating user"); n != 1 {
		t.Errorf("%d logins were tried:\n%s", n, d.Log())
	}

	failed(t, s.Check(deadline(t)), sink.Refused, true)
	d.SetAuthorizedKeys(strings.TrimSpace(string(granted)))
	_, err = s.Deliver(deadline(t), a)
	failed(t, err, sink.Refused, true) // nobody has looked yet
	if err := s.Check(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Deliver(deadline(t), a); err != nil {
		t.Fatal(err)
	}
	alone(t, s.Dir, a, want)
}

// TestOtherKey: a host that shows another key gets nothing.
func TestOtherKey(t *testing.T) {
	d, s := server(t, testserver.SSHDOptions{})
	a, _ := artifact(t, 1000)
	d.ChangeHostKeys()
	d.Restart()
	_, err := s.Deliver(deadline(t), a)
	failed(t, err, sink.Certificate, true)
	if strings.Contains(d.Log(), "publickey") {
		t.Errorf("a login was begun:\n%s", d.Log())
	}
	if list, _ := os.ReadDir(s.Dir); len(list) > 0 {
		t.Errorf("it has %v", list)
	}
}

// TestTaken: what stands under the name already goes only when the new one can take its place.
func TestTaken(t *testing.T) {
	a, _ := artifact(t, 1000)
	only := func(how string) testserver.SSHDOptions {
		return testserver.SSHDOptions{NoSFTP: true, Extra: []string{"Subsystem sftp internal-sftp " + how}}
	}
	t.Run("an older file, and nobody may rename", func(t *testing.T) {
		_, s := server(t, only("-P posix-rename,rename"))
		older := filepath.Join(s.Dir, a.Name)
		os.WriteFile(older, []byte("older"), 0o600)
		_, err := s.Deliver(deadline(t), a)
		failed(t, err, sink.Refused, true)
		if b, err := os.ReadFile(older); string(b) != "older" {
			t.Errorf("%q, %v", b, err)
		}
	})
	for _, how := range []string{"", "-P posix-rename", "-P posix-rename,rename"} {
		t.Run("a folder "+how, func(t *testing.T) {
			_, s := server(t, only(how))
			os.Mkdir(filepath.Join(s.Dir, a.Name), 0o700)
			_, err := s.Deliver(deadline(t), a)
			failed(t, err, sink.Rejected, true)
			if list, err := os.ReadDir(s.Dir); err != nil || len(list) != 1 {
				t.Error(list, err)
			}
		})
	}
}

// TestNotTakenUp: what an earlier attempt left is begun anew where the server does not let it be
// gone on with.
func TestNotTakenUp(t *testing.T) {
	a, want := artifact(t, 1000)
	_, s := server(t, testserver.SSHDOptions{NoSFTP: true, Extra: []string{"Subsystem sftp internal-sftp -P fsetstat"}})
	part := filepath.Join(s.Dir, tempName(a))
	os.WriteFile(part, append(slices.Clone(want[:500]), "something else"...), 0o600)
	_, err := s.Deliver(deadline(t), a)
	failed(t, err, sink.Busy, false)
	if _, err := s.Deliver(deadline(t), a); err != nil {
		t.Fatal(err)
	}
	alone(t, s.Dir, a, want)
}

// TestWhatCannotBe: each told apart.
func TestWhatCannotBe(t *testing.T) {
	a, want := artifact(t, 1000)
	t.Run("no folder", func(t *testing.T) {
		_, s := server(t, testserver.SSHDOptions{})
		s.Dir += "/gone"
		_, err := s.Deliver(deadline(t), a)
		failed(t, err, sink.Unreachable, false) // it may be mounted again
		failed(t, s.Check(deadline(t)), sink.Unreachable, false)
		os.Mkdir(s.Dir, 0o700)
		if _, err := s.Deliver(deadline(t), a); err != nil {
			t.Error(err)
		}
	})
	t.Run("no SFTP", func(t *testing.T) {
		_, s := server(t, testserver.SSHDOptions{NoSFTP: true})
		_, err := s.Deliver(deadline(t), a)
		failed(t, err, sink.Rejected, true)
	})
	t.Run("nobody may write", func(t *testing.T) {
		_, s := server(t, testserver.SSHDOptions{NoSFTP: true, Extra: []string{"Subsystem sftp internal-sftp -R"}})
		_, err := s.Deliver(deadline(t), a)
		failed(t, err, sink.Refused, true)
		failed(t, s.Check(deadline(t)), sink.Refused, true)
	})
	t.Run("nobody may read", func(t *testing.T) {
		_, s := server(t, testserver.SSHDOptions{NoSFTP: true, Extra: []string{"Subsystem sftp internal-sftp -P read"}})
		for range 2 {
			r, err := s.Deliver(deadline(t), a)
			if err != nil || r.Verified != sink.BySize || r.Sent != a.Size {
				t.Fatalf("%+v, %v", r, err)
			}
			alone(t, s.Dir, a, want)
		}
	})
	t.Run("no server", func(t *testing.T) {
		d, s := server(t, testserver.SSHDOptions{})
		d.Stop()
		_, err := s.Deliver(deadline(t), a)
		failed(t, err, sink.Unreachable, false)
	})
	t.Run("the file here was changed", func(t *testing.T) {
		_, s := server(t, testserver.SSHDOptions{})
		a := a
		a.SHA256 = strings.Repeat("0", 64)
		_, err := s.Deliver(deadline(t), a)
		failed(t, err, sink.Local, true)
		if _, err := os.Stat(filepath.Join(s.Dir, a.Name)); err == nil {
			t.Error("it is there")
		}
	})
}

// TestHangs: a server whose connection lives and that answers nothing is given up.
func TestHangs(t *testing.T) {
	d, s := server(t, testserver.SSHDOptions{})
	a, want := artifact(t, 4<<20)
	s.Stall = 500 * time.Millisecond
	s.Dial.KeepAlive = time.Minute
	ctx := sink.WithFlow(deadline(t), sink.Flow{Moved: func(int) { d.Freeze() }})
	_, err := s.Deliver(ctx, a)
	failed(t, err, sink.Timeout, false)
	d.Thaw()
	s.Stall = 0
	if _, err := s.Deliver(deadline(t), a); err != nil {
		t.Fatal(err)
	}
	alone(t, s.Dir, a, want)
}
