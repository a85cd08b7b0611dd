package oneshot

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/lab"
)

// A machine may be given by a DNS name that is longer than a host's; what is no port is told
// before anything is tried.
func TestAdhocAddress(t *testing.T) {
	t.Parallel()
	login, err := lab.NewLogin()
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "id")
	if err := os.WriteFile(key, login.PEM, 0o600); err != nil {
		t.Fatal(err)
	}
	long := "expressway-c-node-01.collaboration.emea.datacenter-frankfurt.corp.example.com"
	for arg, want := range map[string]string{
		"root@10.0.30.2":                         "10.0.30.2",
		"root@10.0.30.2:5022":                    "10.0.30.2-5022",
		"root@[2001:db8::1%eth0]:22":             "2001-db8--1-eth0",
		"root@" + long:                           long[:63],
		"root@" + strings.Repeat("a", 62) + ".b": strings.Repeat("a", 62),
		"root@10.0.30.2:99999":                   "",
		"root@10.0.30.2:0":                       "",
		"root@10.0.30.2:ssh":                     "",
		"root@CON":                               "",
	} {
		s, err := adhocSource(arg, &Request{Key: key})
		if want == "" {
			if advice.Exit(err) != advice.BadUsage {
				t.Errorf("%s: %v", arg, err)
			}
			continue
		}
		if err != nil || s.Host.Name != want || !strings.Contains(s.Host.Address, strings.Trim(strings.Split(arg, "@")[1][:8], "[]")) {
			t.Errorf("%s: %q at %q, %v, want %q", arg, s.Host.Name, s.Host.Address, err, want)
		}
	}
}

// Without $HOME the folder of the user's account has known_hosts and the keys.
func TestNoHome(t *testing.T) {
	me, err := user.Current()
	if err != nil || me.HomeDir == "" {
		t.Skip("this user has no folder")
	}
	t.Setenv("HOME", "")
	t.Setenv("USERPROFILE", "")
	if home, err := homeFolder(); err != nil || home != me.HomeDir {
		t.Errorf("%q, %v, want %q", home, err, me.HomeDir)
	}
}

// What cannot be removed is no secret to who has to remove it; what is no temporary folder stays.
func TestClear(t *testing.T) {
	var said []string
	say := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	dir := t.TempDir()
	(&Grab{Store: dir}).Clear(say)
	if _, err := os.Stat(dir); err != nil {
		t.Error(err)
	}
	stuck := dir + string(filepath.Separator) + "." // what ends so is not removed
	(&Grab{Store: stuck, Scratch: true}).Clear(say)
	if len(said) != 1 || !strings.Contains(said[0], stuck) || !strings.Contains(said[0], "credentials") {
		t.Errorf("%q", said)
	}
	(&Grab{Store: dir, Scratch: true}).Clear(say)
	if _, err := os.Stat(dir); err == nil || len(said) != 1 {
		t.Errorf("%v, %q", err, said)
	}
}

// Who stops a grab without a configuration hears what stays where if he does not wait.
func TestSayWhere(t *testing.T) {
	stop, said := make(chan struct{}), make(chan string, 1)
	e := Effort{Stop: stop, Say: func(format string, args ...any) { said <- fmt.Sprintf(format, args...) }}
	end := (&Grab{Store: "there", Scratch: true}).sayWhere(e)
	close(stop)
	if got := <-said; !strings.Contains(got, "there") || !strings.Contains(got, "credentials") {
		t.Error(got)
	}
	end()

	(&Grab{Store: "there", Scratch: true}).sayWhere(Effort{Say: e.Say})()
	(&Grab{Store: "there"}).sayWhere(e)()
	if len(said) > 0 {
		t.Error(<-said)
	}
}
