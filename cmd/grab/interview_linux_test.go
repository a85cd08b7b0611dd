package main

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testserver"
)

// interview is `grab init` on a terminal: what is asked, and what is answered.
type interview struct {
	*session
	seen int // of the screen
}

// answer waits for a question that was not asked yet, and answers it.
func (i *interview) answer(question, line string) {
	i.t.Helper()
	i.expect(question)
	i.press(line + "\n")
}

// expect waits for a text that was not there yet.
func (i *interview) expect(text string) {
	i.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		all := i.screen.String()
		if at := strings.Index(all[i.seen:], text); at >= 0 {
			i.seen += at + len(text)
			return
		}
		select {
		case <-i.ended:
			i.t.Fatalf("it ended without %q:\n%s", text, i.screen.String())
		default:
		}
		if time.Now().After(deadline) {
			i.t.Fatalf("no %q after %q", text, all[i.seen:])
		}
	}
}

// Each answer is judged at its prompt and tried at once, a password is hidden and written
// to a file of its own, nothing is lost at a Ctrl-C, and no host sees a second login.
func TestInterview(t *testing.T) {
	t.Parallel()
	const mailPassword, sshPassword = "s3cret mail", "s3cret ssh"
	mail := testserver.StartDovecot(t, testserver.DovecotOptions{Password: mailPassword})
	good := testserver.StartSSHD(t, testserver.SSHDOptions{Password: sshPassword, PasswordOnly: true})
	bad := testserver.StartSSHD(t, testserver.SSHDOptions{Password: "another", PasswordOnly: true})
	logs, err := lab.NewExpressway(t.Context(), lab.ExpresswayConfig{Role: "C", Logs: lab.LogConfig{Rate: 20}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { logs.Close() })
	logs.Backfill(time.Now().Add(-time.Minute))
	dir := t.TempDir()
	path := filepath.Join(dir, "etc", "grab.yaml")
	file := func(name string, b []byte, mode os.FileMode) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, b, mode); err != nil {
			t.Fatal(err)
		}
		return name
	}
	ca := file("ca.pem", mail.CA, 0o600)
	public := file("key.pub", ssh.MarshalAuthorizedKey(good.HostKeys["ecdsa"]), 0o600)
	loose := file("loose", pem.EncodeToMemory(&pem.Block{Type: "NONE"}), 0o644)
	start := func() *interview {
		cmd := program("-c", path, "init", "--logs-dir", logs.Dir())
		cmd.Dir = dir
		return &interview{session: onTerminal(t, cmd)}
	}

	i := start()
	i.answer("Folder for incidents", ca)
	i.expect("is not a folder")
	i.answer("Folder for incidents", filepath.Join(dir, "store"))
	i.answer("IMAP server", "a b")
	i.answer("IMAP server", mail.IMAPS)
	i.answer("Encryption", "tls")
	i.expect("implicit")
	i.answer("Encryption", "")
	i.answer("CA certificate", filepath.Join(dir, "gone.pem"))
	i.expect("does not exist")
	i.answer("CA certificate", ca)
	i.answer("User of the mailbox", mail.User)
	i.answer("Number", mailPassword) // taken for the password's prompt
	i.expect("answer 1, 2 or 3")
	i.answer("Number", "1")
	i.answer("Password of the mailbox", "wrong")
	i.answer("Folder of the mailbox", "INBOX")
	i.expect("the mailbox does not work")
	i.expect("Change what you said of the mailbox?")
	i.press("\x03") // and lunch
	if code := i.code(); code != 1 || !strings.Contains(i.screen.String(), "nothing was written but the answers, to "+path+".answers") {
		t.Errorf("exit %d: %s", code, i.screen.String())
	}
	if kept, err := os.ReadFile(path + ".answers"); err != nil || strings.Contains(string(kept), "wrong") || !strings.Contains(string(kept), mail.IMAPS) {
		t.Errorf("%s %v", kept, err)
	}

	i = start()
	i.answer("Go on with them?", "")
	i.answer("Folder for incidents and bundles ["+filepath.Join(dir, "store")+"]", "")
	i.answer("IMAP server", "")
	i.answer("Encryption", "")
	i.answer("CA certificate", "")
	i.answer("User of the mailbox", "")
	i.answer("Number [1]", "")
	i.answer("Password of the mailbox, not shown (empty: that in ", mailPassword)
	i.answer("Folder of the mailbox", "")
	i.expect("the mailbox works")
	i.answer("Name of the site", "../x")
	i.answer("Name of the site", "hq")
	i.answer("Time zone", "New York")
	i.answer("Time zone", "America/New_York")
	i.answer("Cluster names", "")
	i.answer("SSH user", good.User)
	i.answer("private key", public)
	i.expect("is a public key")
	i.answer("private key", loose)
	i.expect("chmod 600")
	i.answer("private key", "")
	i.answer("SSH password", sshPassword)
	i.answer("An Expressway as", "expc01,X,"+good.Addr())
	i.answer("An Expressway as", "expc01,C,"+good.Addr())
	i.answer("Pin it?", "yes")
	i.expect("the login works, and its logs are there")
	i.answer("An Expressway as", "EXPC01,C,192.0.2.1")
	i.expect("is named already")
	i.answer("An Expressway as", "expe01,E,"+bad.Addr())
	i.answer("Pin it?", "yes")
	i.expect("login refused")
	i.answer("Change user, key or password", "no")
	i.answer("Keep expe01", "yes")
	i.answer("An Expressway as", "")
	i.expect("expc01 C " + good.Addr() + " (login works)")
	i.expect("expe01 E " + bad.Addr() + " (did not work)")
	i.answer("Write "+path+"?", "yes")
	if code := i.code(); code != 1 { // expe01 is as it is
		t.Errorf("exit %d: %s", code, i.screen.String())
	}

	for _, s := range []string{mailPassword, sshPassword} {
		if strings.Count(i.screen.String(), s) > 0 {
			t.Errorf("%q is on the screen: %s", s, i.screen.String())
		}
	}
	cfg := loadConfig(t, path)
	if h := cfg.Sites[0].Hosts; len(h) != 2 || cfg.Mails[0].Server != mail.IMAPS {
		t.Errorf("%+v", cfg)
	}
	for name, want := range map[string]string{"imap-2.secret": mailPassword, "ssh.secret": sshPassword} {
		b, err := os.ReadFile(filepath.Join(dir, "etc", name))
		info, _ := os.Stat(filepath.Join(dir, "etc", name))
		if err != nil || strings.TrimSpace(string(b)) != want || info.Mode() != 0o600 {
			t.Errorf("%s: %v %q", name, err, b)
		}
	}
	if _, err := os.Stat(path + ".answers"); !os.IsNotExist(err) {
		t.Error("the answers are still there: ", err)
	}
	for d, want := range map[*testserver.SSHD][2]int{good: {1, 0}, bad: {0, 1}} {
		log, err := os.ReadFile(filepath.Join(d.Dir, "sshd.log"))
		if got := [2]int{strings.Count(string(log), "Accepted password"), strings.Count(string(log), "Failed password")}; err != nil || got != want {
			t.Errorf("logins accepted and refused %v, want %v: %s", got, want, log)
		}
	}
}
