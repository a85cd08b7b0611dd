package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/app/checkup"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testrace"
	"rtmtgrab/internal/testserver"
	"rtmtgrab/internal/testsite"
)

func two() []lab.ExpresswayConfig {
	return []lab.ExpresswayConfig{{Role: "C"}, {Role: "E"}}
}

func TestCheckAllIsWell(t *testing.T) {
	t.Parallel()
	c := newLab(t, two()...).withMail()
	if err := c.Mail.Deliver(rtmt.Mail(rtmt.MailOptions{}), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	rep, r := c.check()
	if r.code != 0 {
		t.Fatal(r)
	}
	for _, host := range []string{"expc01", "expe01"} {
		for _, what := range []string{"connect", "host_key", "login", "sftp", "network_log", "messages", "developer_log", "log_level", "clock"} {
			wantFinding(t, rep, host, what, checkup.StatusOK, "", "")
		}
	}
	wantFinding(t, rep, "", "mailbox", checkup.StatusOK, "1 mail, the last 1 h ago", "")
	wantFinding(t, rep, "", "configuration", checkup.StatusOK, "1 site, 2 hosts", "")
	wantFinding(t, rep, "", "store", checkup.StatusOK, "store", "")
	wantFinding(t, rep, "", "watch", checkup.StatusOK, "grab watch is not running", "")
	if f := findingOf(rep, "", "disk"); f.Status == checkup.StatusFail || !strings.Contains(f.Detail, "logs grow") {
		t.Errorf("%+v", f)
	}
	for _, e := range c.Peers {
		if s := e.Stats(); s.Accepted != 1 || s.Refused != 0 || s.Connections != 1 {
			t.Errorf("%s: %+v", e.Name(), s)
		}
	}
	left, _ := filepath.Glob(filepath.Join(c.Dir, "store", ".check-*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}

	text := c.grab("check")
	if text.code != 0 || !strings.Contains(text.out, "ok    expc01  network_log    ") || !strings.Contains(text.out, "ok    -       mailbox ") || !strings.Contains(text.err, "0 failed") {
		t.Error(text)
	}
}

func TestCheckTellsApart(t *testing.T) {
	t.Parallel()
	testrace.Without(t)
	other, err := lab.NewLogin()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name                       string
		cfg                        lab.ExpresswayConfig
		spoil                      func(*testing.T, *labConfig, *lab.Expressway)
		args                       []string
		what, status, detail, hint string
	}{
		{name: "refused", spoil: func(t *testing.T, _ *labConfig, e *lab.Expressway) { e.SetDown(true) },
			what: "connect", status: checkup.StatusFail, detail: "connection refused", hint: "5022"},
		{name: "silence", spoil: func(t *testing.T, _ *labConfig, e *lab.Expressway) { e.SetMode(lab.Ban) }, args: []string{"--timeout", "300ms"},
			what: "connect", status: checkup.StatusFail, detail: "no answer in time", hint: "Exemptions"},
		{name: "tarpit", spoil: func(t *testing.T, _ *labConfig, e *lab.Expressway) { e.SetMode(lab.Tarpit) }, args: []string{"--timeout", "3s"},
			what: "connect", status: checkup.StatusFail, detail: "not an SSH server", hint: "check the port"},
		{name: "not SSH", spoil: func(t *testing.T, _ *labConfig, e *lab.Expressway) { e.SetMode(lab.NotSSH) },
			what: "connect", status: checkup.StatusFail, detail: "HTTP/1.1 400", hint: "other than SSH"},
		{name: "unknown key", spoil: func(t *testing.T, c *labConfig, _ *lab.Expressway) { c.Known = []byte("# nothing\n") },
			what: "host_key", status: checkup.StatusFail, detail: "not known", hint: "grab trust expc01"},
		{name: "login refused", cfg: lab.ExpresswayConfig{AuthorizedKey: other.Public},
			what: "login", status: checkup.StatusFail, detail: "login refused", hint: "root access switched off looks the same"},
		{name: "method not offered", cfg: lab.ExpresswayConfig{Password: "x"},
			what: "login", status: checkup.StatusFail, detail: "it offers password", hint: "ssh.password"},
		{name: "no SFTP", cfg: lab.ExpresswayConfig{Refuses: lab.SFTP},
			what: "sftp", status: checkup.StatusWarn, detail: "by commands instead", hint: "slower"},
		{name: "no SFTP, no commands", cfg: lab.ExpresswayConfig{Refuses: lab.SFTP}, spoil: func(t *testing.T, c *labConfig, e *lab.Expressway) {
			c.Hosts = c.Row("expc01", e, ", ssh: {commands: false, compress: gzip}")
		}, what: "sftp", status: checkup.StatusFail, detail: "refuses SFTP", hint: "ssh.commands: true"},
		{name: "no folder", spoil: func(t *testing.T, c *labConfig, e *lab.Expressway) {
			c.Hosts = strings.ReplaceAll(c.Row("expc01", e, ""), e.LogDir(), e.LogDir()+"/nowhere")
		}, what: "logs", status: checkup.StatusFail, detail: "no folder", hint: "/mnt/harddisk/log"},
		{name: "no such family", cfg: lab.ExpresswayConfig{Logs: lab.LogConfig{Families: []string{lab.NetworkLog, lab.Messages}}},
			what: "developer_log", status: checkup.StatusFail, detail: "no file of this family", hint: "logs.families"},
		{name: "an empty family", cfg: lab.ExpresswayConfig{Logs: lab.LogConfig{Families: []string{lab.NetworkLog, lab.Messages}}},
			spoil: func(t *testing.T, _ *labConfig, e *lab.Expressway) {
				if err := os.WriteFile(filepath.Join(e.Dir(), "developer_log"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}, what: "developer_log", status: checkup.StatusWarn, detail: "no record found", hint: "nothing is logged"},
		{name: "INFO", cfg: lab.ExpresswayConfig{Logs: lab.LogConfig{Level: "INFO"}},
			what: "log_level", status: checkup.StatusWarn, detail: "not logged", hint: "Support Log configuration"},
		{name: "shallow", spoil: func(t *testing.T, c *labConfig, _ *lab.Expressway) { c.Window = "{before: 10m, after: 1m}" },
			what: "network_log", status: checkup.StatusWarn, detail: "reaches back ", hint: "an alert needs 11 min"},
		{name: "barely", spoil: func(t *testing.T, c *labConfig, _ *lab.Expressway) { c.Window = "{before: 80s, after: 1s}" },
			what: "network_log", status: checkup.StatusWarn, detail: "reaches back ", hint: "less than twice that"},
		{name: "clock", cfg: lab.ExpresswayConfig{ClockOffset: -7 * time.Second},
			what: "clock", status: checkup.StatusWarn, detail: "behind this machine", hint: "NTP"},
		{name: "no clock", spoil: func(t *testing.T, c *labConfig, e *lab.Expressway) {
			c.Hosts = c.Row("expc01", e, ", ssh: {commands: false}")
		},
			what: "clock", status: checkup.StatusWarn, detail: "not measured", hint: "60 s wider"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newLab(t, tt.cfg)
			if tt.spoil != nil {
				tt.spoil(t, c, c.Peers[0])
				c.Write()
			}
			rep, r := c.check(tt.args...)
			wantFinding(t, rep, "expc01", tt.what, tt.status, tt.detail, tt.hint)
			if fails := tt.status == checkup.StatusFail; (r.code == 1) != fails {
				t.Errorf("code %d; %+v", r.code, rep.Checks)
			}
			if s := c.Peers[0].Stats(); s.Accepted+s.Refused > 1 {
				t.Errorf("it logged in more than once: %+v", s)
			}
			text := c.grab(append([]string{"check"}, tt.args...)...)
			if !strings.Contains(text.out, "      hint: ") || !strings.Contains(text.out, tt.status) {
				t.Error(text)
			}
		})
	}
}

func TestCheckChangedKeyShowsBoth(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{})
	old := ssh.FingerprintSHA256(c.Peers[0].HostKey())
	key, err := lab.NewHostKey("rsa")
	if err != nil {
		t.Fatal(err)
	}
	c.Peers[0].SetHostKey(key)
	rep, _ := c.check()
	wantFinding(t, rep, "expc01", "host_key", checkup.StatusFail, old, "grab trust expc01")
	wantFinding(t, rep, "expc01", "host_key", checkup.StatusFail, ssh.FingerprintSHA256(key.PublicKey()), "")
	if s := c.Peers[0].Stats(); s.Accepted+s.Refused > 0 {
		t.Errorf("a login was tried: %+v", s)
	}
}

func TestCheckFactoryKeyAndPeers(t *testing.T) {
	t.Parallel()
	key, err := lab.NewHostKey("ecdsa")
	if err != nil {
		t.Fatal(err)
	}
	c := newLab(t, lab.ExpresswayConfig{Role: "C", HostKey: key}, lab.ExpresswayConfig{Role: "E", HostKey: key})
	for far, port := range map[string]string{"10.0.40.5": "7001", "10.0.40.99": "7002", "198.51.100.9": "5061"} {
		text := `Action="Sent" Local-ip="10.0.30.2" Local-port="25002" Dst-ip="` + far + `" Dst-port="` + port + `" Detail="Sending Request Method=OPTIONS, CSeq=1"`
		raw := time.Now().UTC().Format("2006-01-02T15:04:05.000-07:00") + ` expc01 tvcs: Module="network.sip" Level="INFO":  ` + text + "\n"
		if err := c.Peers[0].WriteRaw(lab.NetworkLog, []byte(raw), lab.Record{Time: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	rep, r := c.check()
	wantFinding(t, rep, "", "host_key", checkup.StatusWarn, "expc01 and expe01 show the same key", "grab trust")
	wantFinding(t, rep, "expc01", "peers", checkup.StatusWarn, "its log names 10.0.40.99 at", "hosts:")
	if r.code != 0 {
		t.Error(r)
	}
	if f := func() checkup.Finding { rep, _ := c.check("expc01"); return findingOf(rep, "expc01", "peers") }(); f.Status != "" {
		t.Errorf("with one host named the others' addresses are not known: %+v", f)
	}
}

// Two names for one address are one login.
func TestCheckOneLoginPerAddress(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{})
	c.Hosts = c.Row("one", c.Peers[0], "") + c.Row("two", c.Peers[0], "")
	c.Write()
	rep, _ := c.check()
	wantFinding(t, rep, "one", "network_log", checkup.StatusOK, "", "")
	wantFinding(t, rep, "two", "network_log", checkup.StatusOK, "", "")
	if s := c.Peers[0].Stats(); s.Accepted != 1 || s.Connections != 1 {
		t.Errorf("%+v", s)
	}
	if f := findingOf(rep, "", "host_key"); f.Status != "" {
		t.Errorf("one host is no shared key: %+v", f)
	}
}

func TestCheckOffline(t *testing.T) {
	c := newLab(t, lab.ExpresswayConfig{})
	rep, r := c.check("--offline")
	if r.code != 0 || len(rep.Checks) != 2 || rep.Checks[0].What != "configuration" || rep.Checks[1].What != "mailbox" || c.Peers[0].Stats().Connections != 0 {
		t.Errorf("%s %+v", r, c.Peers[0].Stats())
	}
	c.Extra = "settle: soon\npatience: never"
	c.Write()
	for _, args := range [][]string{{"check"}, {"check", "--offline"}} {
		if r := c.grab(args...); r.code != 2 || strings.Count(r.err, "grab: error: ") != 2 || !strings.Contains(r.err, "patience") || !strings.Contains(r.err, "hint") {
			t.Error(r)
		}
	}
	c.Extra = ""
	c.Write()
	if r := c.grab("check", "nobody"); r.code != 2 || !strings.Contains(r.err, "expc01") {
		t.Error(r)
	}
}

func TestCheckWatchRuns(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{})
	store, err := incident.OpenStore(filepath.Join(c.Dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	lock, err := store.LockWatch()
	if err != nil {
		t.Fatal(err)
	}
	rep, _ := c.check()
	wantFinding(t, rep, "", "watch", checkup.StatusOK, "grab watch is running", "")
	wantFinding(t, rep, "", "mailbox", checkup.StatusWarn, "no mailbox", "grab now")
	lock.Release()
	c.check()
	if lock, err = store.LockWatch(); err != nil {
		t.Errorf("check keeps the lock: %v", err)
	}
	lock.Release()
}

func TestCheckMailbox(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name         string
		spoil        func(*labConfig)
		detail, hint string
	}{
		{"down", func(c *labConfig) { c.Mail.SetDown(true) }, "mailbox dial", "mail.server"},
		{"password", func(c *labConfig) { c.File("imap.secret", "wrong\n") }, "mailbox login", "tried only once"},
		{"CA certificate", func(c *labConfig) { c.Replace("ca_file: ca.pem, ", "") }, "mailbox tls", "mail.ca_file"},
		{"name", func(c *labConfig) {
			c.Replace(c.Mail.Addr(), strings.Replace(c.Mail.Addr(), "127.0.0.1", "127.0.0.2", 1))
		}, "mailbox", "mail.server"},
		{"folder", func(c *labConfig) { c.Replace("ca_file:", "mailbox: Nowhere, ca_file:") }, "mailbox mailbox", "mail.mailbox"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newLab(t, lab.ExpresswayConfig{}).withMail()
			tt.spoil(c)
			rep, r := c.check()
			wantFinding(t, rep, "", "mailbox", checkup.StatusFail, tt.detail, tt.hint)
			wantFinding(t, rep, "expc01", "login", checkup.StatusOK, "", "")
			if r.code != 1 {
				t.Error(r)
			}
			if rep, r := c.check("expc01"); r.code != 0 || findingOf(rep, "", "mailbox").Status != "" {
				t.Errorf("the mailbox is of no interest to check HOST: %s", r)
			}
		})
	}
}

// A refused login blocks; only check HOST tries again, and lifts the block.
func TestRealCheckLiftsTheBlock(t *testing.T) {
	t.Parallel()
	key := testserver.NewKey(t, "ecdsa")
	d := testserver.StartSSHD(t, testserver.SSHDOptions{})
	dir := t.TempDir()
	c := &labConfig{&testsite.Site{T: t, Dir: dir, Login: &lab.Login{PEM: key.PEM}, Window: "{before: 1s, after: 1s}"}}
	known, err := os.ReadFile(d.KnownHosts())
	if err != nil {
		t.Fatal(err)
	}
	c.Known = known
	c.Extra = "logs: {families: [network_log]}"
	c.File("network_log", time.Now().UTC().Add(-time.Minute).Format("2006-01-02T15:04:05.000-07:00")+" expc01 tvcs: text\n")
	c.Hosts = "      - {name: expc01, role: C, address: \"" + d.Addr() + "\", ssh: {user: " + d.User + "}, logs: {dir: \"" + filepath.ToSlash(dir) + "\"}}\n"
	c.Write()

	rep, _ := c.check()
	wantFinding(t, rep, "expc01", "login", checkup.StatusFail, "login refused", "grab check expc01")
	tries := strings.Count(d.Log(), "Connection from")
	rep, _ = c.check()
	wantFinding(t, rep, "expc01", "login", checkup.StatusFail, "login not tried again", "grab check expc01")
	if n := strings.Count(d.Log(), "Connection from"); n != tries {
		t.Errorf("%d connections after the refusal", n-tries)
	}
	rep, _ = c.check("expc01") // named: one try
	wantFinding(t, rep, "expc01", "login", checkup.StatusFail, "login refused", "")
	d.SetAuthorizedKeys(testserver.AuthorizedKey(key.Public, ""))
	rep, _ = c.check()
	wantFinding(t, rep, "expc01", "login", checkup.StatusFail, "login not tried again", "")
	rep, r := c.check("expc01")
	wantFinding(t, rep, "expc01", "login", checkup.StatusOK, "the block is lifted", "")
	wantFinding(t, rep, "expc01", "network_log", checkup.StatusOK, "1 file", "")
	wantFinding(t, rep, "expc01", "clock", checkup.StatusOK, "", "")
	if r.code != 0 {
		t.Error(r)
	}
	rep, _ = c.check()
	wantFinding(t, rep, "expc01", "login", checkup.StatusOK, "by key", "")

	// a key that is restricted to SFTP is enough for all but the clock
	d.SetAuthorizedKeys(testserver.AuthorizedKey(key.Public, testserver.ReadOnlySFTP))
	rep, _ = c.check()
	wantFinding(t, rep, "expc01", "network_log", checkup.StatusOK, "1 file", "")
	wantFinding(t, rep, "expc01", "clock", checkup.StatusWarn, "not measured", "")
}

// A ban after a refusal: the hint knows of the refusal.
func TestCheckBanAfterRefusal(t *testing.T) {
	t.Parallel()
	other, err := lab.NewLogin()
	if err != nil {
		t.Fatal(err)
	}
	c := newLab(t, lab.ExpresswayConfig{AuthorizedKey: other.Public, BanAfter: 1})
	rep, _ := c.check()
	wantFinding(t, rep, "expc01", "login", checkup.StatusFail, "login refused", "")

	// the ban begins a moment after the client has its refusal
	testsite.Until(t, "the ban", func() bool { return c.Peers[0].Stats().Banned })
	rep, _ = c.check("expc01", "--timeout", "300ms")
	wantFinding(t, rep, "expc01", "connect", checkup.StatusFail, "no answer in time", "a ban is likely")
}

// What the file names and this machine has not is said, each with the next move.
func TestCheckNames(t *testing.T) {
	c := newLab(t, lab.ExpresswayConfig{})
	c.Extra = "socket: {group: no-such-group}\nnotify: {command: [" + filepath.Join(c.Dir, "gone") + "]}"
	c.Write()
	rep, r := c.check("--offline")
	for what, detail := range map[string]string{"socket": "no group no-such-group", "notice/command": "notify.command: "} {
		if f := findingOf(rep, "", what); r.code != 1 || f.Status != checkup.StatusFail || f.Hint == "" || !strings.Contains(f.Detail, detail) {
			t.Errorf("%+v %s", f, r)
		}
	}
}

// Whatever many logs of many hosts lack, it is one warning; what failed stands again at the
// end, and nothing is coloured where nobody looks.
func TestCheckFolds(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{Name: "expc01", Role: "C"}, lab.ExpresswayConfig{Name: "expe01", Role: "E"}, lab.ExpresswayConfig{Name: "expe02", Role: "E"})
	c.Window = "{before: 20m, after: 5m}"
	c.Write()
	if err := c.Peers[2].SetDown(true); err != nil {
		t.Fatal(err)
	}
	r := c.grab("check", "--timeout", "1m")
	if n := strings.Count(r.out, "an alert needs 25 min"); n != 1 || !strings.Contains(r.out, "expc01, expe01  network_log, messages, developer_log  6 logs of 2 hosts keep ") {
		t.Errorf("%d warnings of short logs: %s", n, r)
	}
	_, failed, ok := strings.Cut(r.out, "\nFailed:\n")
	if !ok || r.code != 1 || !strings.Contains(failed, "expe02") || strings.Contains(failed, "warn") || strings.Contains(r.out, "\x1b") {
		t.Errorf("%s", r)
	}
}
