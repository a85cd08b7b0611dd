package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testrace"
	"rtmtgrab/internal/wiring"
)

// TestScripts runs testdata/script/*.txtar: the commands as a user types them,
// against a laboratory of two Expressways and a mailbox that each script has for
// itself. $C and $E are the addresses, grab.yaml is the configuration.
func TestScripts(t *testing.T) {
	testrace.Without(t)
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setupLab,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":   codeCmd,
			"flip":   flipCmd,
			"peer":   peerCmd,
			"mail":   mailCmd,
			"sealed": sealedCmd,
		},
	})
}

type scriptLab struct {
	peers map[string]*lab.Expressway
	mail  *rtmt.Mailbox
}

type labKey struct{}

func setupLab(env *testscript.Env) error {
	ctx, cancel := context.WithCancel(context.Background())
	env.Defer(cancel)
	login, err := lab.NewLogin()
	if err != nil {
		return err
	}
	l := &scriptLab{peers: map[string]*lab.Expressway{}}
	if l.mail, err = rtmt.NewMailbox(ctx); err != nil {
		return err
	}
	env.Defer(func() { l.mail.Close() })
	for i, name := range []string{"expc01", "expe01"} {
		dir := filepath.Join(env.WorkDir, "logs", name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		e, err := lab.NewExpressway(ctx, lab.ExpresswayConfig{Name: name, Role: string("CE"[i]), Dir: dir, AuthorizedKey: login.Public, Logs: lab.LogConfig{Rate: 8, Odd: -1}})
		if err != nil {
			return err
		}
		env.Defer(func() { e.Close() })
		e.Backfill(time.Now().Add(-2 * time.Minute))
		e.Start()
		l.peers[name] = e
	}
	c, e := l.peers["expc01"], l.peers["expe01"]
	env.Values[labKey{}] = l
	env.Setenv("GORACE", os.Getenv("GORACE"))
	env.Setenv("C", c.Addr())
	env.Setenv("E", e.Addr())
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("TMPDIR", filepath.Join(env.WorkDir, "tmp"))
	for name, text := range map[string]string{
		"known_hosts": string(lab.KnownHosts(c, e)), ".ssh/known_hosts": string(lab.KnownHosts(c, e)),
		"id": string(login.PEM), ".ssh/id_ecdsa": string(login.PEM), "imap.secret": l.mail.Password, "ca.pem": string(l.mail.CAPEM()), "tmp/.keep": "",
		"grab.yaml": fmt.Sprintf(`store: store
mail: {server: %q, ca_file: ca.pem, user: %q, password: {file: imap.secret}, poll: 2s}
window: {before: 1m, after: 1s}
settle: 300ms
patience: 2s
keep: {free: 1MiB}
ssh: {key: {file: id}, known_hosts: known_hosts}
sites:
  - name: hq
    time_zone: America/New_York
    hosts:
      - {name: expc01, role: C, address: %q, logs: {dir: %q}}
      - {name: expe01, role: E, address: %q, logs: {dir: %q}}
`, l.mail.Addr(), l.mail.User, c.Addr(), c.LogDir(), e.Addr(), e.LogDir()),
	} {
		path := filepath.Join(env.WorkDir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// code N prog args...: the program ends with exit code N.
func codeCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N prog args...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// flip FILE OFFSET: one bit of the file changes; negative offsets count from the end.
func flipCmd(ts *testscript.TestScript, _ bool, args []string) {
	files, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(files) != 1 {
		ts.Fatalf("%s: %d files", args[0], len(files))
	}
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	b, err := os.ReadFile(files[0])
	ts.Check(err)
	if at < 0 {
		at += len(b)
	}
	b[at] ^= 4
	ts.Check(os.WriteFile(files[0], b, 0o600))
}

func labOf(ts *testscript.TestScript) *scriptLab { return ts.Value(labKey{}).(*scriptLab) }

// peer NAME down|up|ban|newkey.
func peerCmd(ts *testscript.TestScript, _ bool, args []string) {
	e := labOf(ts).peers[args[0]]
	switch args[1] {
	case "down":
		ts.Check(e.SetDown(true))
	case "up":
		ts.Check(e.SetDown(false))
	case "ban":
		e.SetMode(lab.Ban)
	case "tarpit":
		e.SetMode(lab.Tarpit)
	case "newkey":
		key, err := lab.NewHostKey("ecdsa")
		ts.Check(err)
		e.SetHostKey(key)
	default:
		ts.Fatalf("peer: %v", args)
	}
}

// mail [SUBJECT]: RTMT's mail of now arrives.
func mailCmd(ts *testscript.TestScript, _ bool, args []string) {
	o := rtmt.MailOptions{Time: time.Now(), Zone: wiring.ZoneNamed("America/New_York")}
	if len(args) > 0 {
		o.Subject = args[0]
	}
	ts.Check(labOf(ts).mail.Deliver(rtmt.Mail(o), time.Now()))
}

// sealed N: waits until N bundles are in the store.
func sealedCmd(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		files, err := filepath.Glob(ts.MkAbs("store/bundles/*.zip"))
		ts.Check(err)
		if len(files) == want {
			return
		}
	}
	ts.Fatalf("there are not %d bundles", want)
}
