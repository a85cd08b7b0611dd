package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testdocs"
	"rtmtgrab/internal/testsite"
)

// TestPackage: from the package to a bundle in the commands that README.md has, under a
// systemd that is process 1; then an upgrade while logs are copied and one when nothing is
// open, and a purge. `make release-test` runs it.
func TestPackage(t *testing.T) {
	deb := os.Getenv("GRAB_PACKAGE")
	if deb == "" {
		t.Skip("make release-test runs it: it installs a package in a systemd that it boots, as root")
	}
	mayBoot(t)
	p := &packaged{booted: booted{t: t}}
	p.mail = p.prepare(deb)

	p.install(fiveCommands(t))
	p.grabs()
	p.upgrades()
	p.purges()
}

// packaged is a booted machine on which the package is tried.
type packaged struct {
	booted
	mail *rtmt.Mailbox
}

// prepare boots a machine that has two packages, the second a newer version, and what an
// administrator has at hand.
func (p *packaged) prepare(deb string) *rtmt.Mailbox {
	t := p.t
	box, err := rtmt.NewMailbox(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { box.Close() })

	top := t.TempDir()
	root := filepath.Join(top, "files", "root", "package")
	roots, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	certs := filepath.Join(top, "files", "etc", "ssl", "certs")
	data, err := os.ReadFile(deb)
	err = errors.Join(err, os.MkdirAll(root, 0o755), os.MkdirAll(certs, 0o755),
		os.WriteFile(filepath.Join(root, filepath.Base(deb)), data, 0o644),
		os.WriteFile(filepath.Join(root, "imap.secret"), []byte(box.Password+"\n"), 0o600),
		os.WriteFile(filepath.Join(certs, "ca-certificates.crt"), append(roots, box.CAPEM()...), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	newer(t, deb, filepath.Join(root, "newer.deb"))
	p.boot(top)
	p.sh("rm -f /usr/sbin/policy-rc.d") // with which a machine that is built in says that no service is to be touched
	return box
}

// newer makes the same package in a later version.
func newer(t *testing.T, deb, to string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "deb")
	if out, err := exec.Command("dpkg-deb", "-R", deb, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	control := filepath.Join(dir, "DEBIAN", "control")
	text, err := os.ReadFile(control)
	if err != nil {
		t.Fatal(err)
	}
	before, after, _ := strings.Cut(string(text), "\nVersion: ")
	version, rest, _ := strings.Cut(after, "\n")
	if err := os.WriteFile(control, []byte(before+"\nVersion: "+version+"+newer\n"+rest), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("dpkg-deb", "--root-owner-group", "-Znone", "-b", dir, to).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
}

// fiveCommands are what README.md has.
func fiveCommands(t *testing.T) (commands []string) {
	t.Helper()
	b, err := testdocs.Find("../..", "README.md", testdocs.FiveCommands)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range b.Statements() {
		commands = append(commands, strings.ReplaceAll(s.Text, "\\\n", ""))
	}
	return commands
}

// sh runs a line of a shell inside, in the folder of the package, as an administrator.
func (p *packaged) sh(line string, env ...string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsenter", p.enter(append(append([]string{"HOME=/root", "DEBIAN_FRONTEND=noninteractive"}, env...), "sh", "-c", "cd /root/package && "+line)...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		log, _ := exec.Command("nsenter", p.enter("journalctl", "--no-pager", "-u", "grab", "-n", "50")...).CombinedOutput()
		p.t.Fatalf("%s: %v\n%s\n%s", line, err, out, log)
	}
	return string(out)
}

// install runs the commands; between the making of the key and the configuration the key is
// let in on the peers, whose host keys are compared.
func (p *packaged) install(commands []string) {
	t, began := p.t, time.Now()
	t.Helper()
	env := []string{"IMAP=" + p.mail.Addr(), "MAILUSER=" + p.mail.User, "ZONE=America/New_York", "CLUSTER=StandAloneCluster"}
	for _, line := range commands {
		if strings.Contains(line, " grab init ") {
			key := strings.TrimSpace(p.sh("cat /etc/grab/id_ecdsa.pub"))
			c, e := peerOfItsOwn(t, "C", key), peerOfItsOwn(t, "E", key)
			env = append(env, "EXPC="+c.Addr, "EXPE="+e.Addr)
			p.sh("printf %s '" + c.Known + e.Known + "' | runuser -u grab -- tee /etc/grab/known_hosts")
		}
		at := time.Now()
		said := p.sh(line, env...)
		t.Logf("%5.1f s  %s\n%s", time.Since(at).Seconds(), line, lastLines(said, 6))
	}
	testsite.Until(t, "an alert to work", func() bool {
		return exec.Command("nsenter", p.enter("grab", "status")...).Run() == nil
	})
	t.Logf("from the package to a watch that works: %d commands, %.0f s", len(commands), time.Since(began).Seconds())
	if user := p.show("User"); user != "grab" {
		t.Errorf("the service runs as %q", user)
	}
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return "         " + strings.Join(lines[max(len(lines)-n, 0):], "\n         ")
}

// alert delivers a mail and waits until there is an incident of it, which it returns.
func (p *packaged) alert(known int) incident.Listed {
	p.t.Helper()
	if err := p.mail.Deliver(rtmt.Mail(rtmt.MailOptions{Count: known + 1}), time.Now()); err != nil {
		p.t.Fatal(err)
	}
	testsite.Until(p.t, "an incident", func() bool { return len(p.incidents()) > known })
	return p.incidents()[0]
}

func (p *packaged) incidents() (list []incident.Listed) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(p.sh("runuser -u grab -- grab list --json -c /etc/grab/grab.yaml")), &list); err != nil {
		p.t.Fatal(err)
	}
	return list
}

// sealed waits until no incident is open.
func (p *packaged) sealed() {
	p.t.Helper()
	testsite.Until(p.t, "the bundle", func() bool {
		for _, in := range p.incidents() {
			if in.State != incident.Sealed {
				return false
			}
		}
		return true
	})
}

// grabs: an alert becomes a bundle. The window is made shorter by a reload, as an
// administrator does it.
func (p *packaged) grabs() {
	p.sh("runuser -u grab -- sed -i 's/^window: .*/window: {before: 2m, after: 20s}/' /etc/grab/grab.yaml && grep -q 'after: 20s' /etc/grab/grab.yaml && systemctl reload grab")
	began := time.Now()
	p.alert(0)
	p.sealed()
	in := p.incidents()[0]
	if in.Coverage != "complete" || in.Bundle == "" {
		p.t.Fatalf("%+v", in)
	}
	p.sh("runuser -u grab -- grab verify -c /etc/grab/grab.yaml @last")
	p.t.Logf("%.0f s from the mail to the verified bundle %s", time.Since(began).Seconds(), in.Bundle)
}

// upgrades: while an incident is open the old process goes on, and the package says so; then
// the new one takes over.
func (p *packaged) upgrades() {
	t := p.t
	was := p.show("MainPID")
	p.alert(1)
	said := p.sh("dpkg -i newer.deb 2>&1", "GRAB_RESTART_WAIT=0")
	if now := p.show("MainPID"); now != was || !strings.Contains(said, "its old version goes on") || !strings.Contains(said, "systemctl restart grab") {
		t.Errorf("process %s, was %s: %s", now, was, said)
	}
	p.sealed()
	if in := p.incidents()[0]; in.Coverage != "complete" {
		t.Errorf("of the incident during which the package came: %+v", in)
	}
	if said = p.sh("/usr/lib/rtmtgrab/restart 2>&1"); p.show("MainPID") == was || !strings.Contains(said, "new version") {
		t.Errorf("the old process goes on: %s", said)
	}
	was = p.show("MainPID")
	if said = p.sh("dpkg -i --force-downgrade rtmtgrab_*.deb 2>&1"); p.show("MainPID") == was || p.show("ActiveState") != "active" {
		t.Errorf("nothing was open, and the old process goes on: %s", said)
	}
}

// purges: the program goes, the store and what an administrator wrote stay.
func (p *packaged) purges() {
	bundle := p.incidents()[0].Bundle
	said := p.sh("apt-get purge -y rtmtgrab 2>&1")
	if !strings.Contains(said, "/var/lib/grab is kept") {
		p.t.Errorf("it does not say that the store is kept: %s", said)
	}
	p.sh("test -e '" + bundle + "' && test -e /etc/grab/grab.yaml && test -e /etc/grab/id_ecdsa && ! test -e /usr/bin/grab && ! test -e /etc/grab/grab.example.yaml && ! pgrep -x grab")
}

// peerOfItsOwn starts an Expressway into which a key may log in, in mounts of its own.
func peerOfItsOwn(t *testing.T, role, key string) (says peerSays) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf(`mount -t tmpfs tmpfs /mnt && mkdir -p %s && exec "$@"`, applianceLogs)
	cmd := exec.Command("unshare", "--mount", "sh", "-c", script, "sh", self, standsAlone, role, key)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &says)
	}
	if err != nil {
		t.Fatalf("an Expressway of role %s: %v %s", role, err, line)
	}
	return says
}
