package testserver

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"text/template"
	"time"
)

// DovecotOptions say how a Dovecot is to be; the zero value is a usual one.
type DovecotOptions struct {
	NoIdle   bool   // IDLE is not offered
	User     string // empty means "rtmt@example.com"
	Password string // empty means "correct horse"
	ExtraCfg string // appended to the configuration as it is
}

// A Dovecot is Debian's IMAP server with one user, in a folder of its own, with
// Maildir mailboxes. Its certificate names 127.0.0.1 and localhost.
type Dovecot struct {
	IMAPS    string // address of the port with TLS from the start
	IMAP     string // address of the port with STARTTLS
	CA       []byte // PEM of the authority, which is the certificate itself
	User     string
	Password string
	Dir      string

	tb     testing.TB
	opts   DovecotOptions
	binary string
	cmd    *exec.Cmd
	exited chan struct{}
}

// StartDovecot starts a Dovecot that ends with the test.
func StartDovecot(tb testing.TB, opts DovecotOptions) *Dovecot {
	tb.Helper()
	d := &Dovecot{tb: tb, opts: opts, binary: Need(tb, "dovecot"), User: opts.User, Password: opts.Password}
	if d.User == "" {
		d.User = "rtmt@example.com"
	}
	if d.Password == "" {
		d.Password = "correct horse"
	}
	dir, err := os.MkdirTemp("", "dc") // short, for its sockets' names have at most 107 bytes
	if err != nil {
		tb.Fatal(err)
	}
	d.Dir = dir
	tb.Cleanup(func() { os.RemoveAll(dir) })
	ShowLog(tb, filepath.Join(dir, "log"))
	tb.Cleanup(d.Stop)
	d.prepare()
	for try := 0; ; try++ { // another process may take a port that was free
		d.configure(FreePort(tb), FreePort(tb))
		err := d.start()
		if err == nil {
			return d
		}
		d.Stop()
		if try == 2 {
			tb.Fatalf("start dovecot: %v\n%s", err, Tail(filepath.Join(dir, "log")))
		}
	}
}

var dovecotConf = template.Must(template.New("").Parse(`
base_dir = {{.Dir}}/run
state_dir = {{.Dir}}/state
log_path = {{.Dir}}/log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{{.Dir}}/cert.pem
ssl_key = <{{.Dir}}/key.pem
disable_plaintext_auth = yes
auth_mechanisms = plain login
auth_failure_delay = 0
mail_location = maildir:{{.Dir}}/mail
mailbox_list_index = no
first_valid_uid = 1
mail_max_userip_connections = 50
passdb {
  driver = passwd-file
  args = {{.Dir}}/users
}
userdb {
  driver = static
  args = uid={{.UID}} gid={{.GID}} home={{.Dir}}/home
}
namespace inbox {
  inbox = yes
  separator = /
}
service imap-login {
  {{if .Me}}chroot ={{end}}
  inet_listener imap {
    port = {{.Start}}
  }
  inet_listener imaps {
    port = {{.TLS}}
    ssl = yes
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0
  }
}
service anvil {
  {{if .Me}}chroot ={{end}}
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
{{if .Me}}
default_internal_user = {{.Me}}
default_internal_group = {{.Group}}
default_login_user = {{.Me}}
{{end}}
{{if .NoIdle}}imap_capability = IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE LITERAL+ UIDPLUS ESEARCH
{{end}}
{{.Extra}}
`))

// prepare makes the folders, the certificate and the user.
func (d *Dovecot) prepare() {
	d.tb.Helper()
	d.check(os.Chmod(d.Dir, 0o755))
	for _, name := range []string{"mail", "home", "state", "mail/new", "mail/cur", "mail/tmp"} {
		d.check(os.Mkdir(filepath.Join(d.Dir, name), 0o700))
	}
	for _, name := range []string{"mail", "home", "mail/new", "mail/cur", "mail/tmp"} {
		d.own(filepath.Join(d.Dir, name))
	}
	d.certify()
	d.check(os.WriteFile(filepath.Join(d.Dir, "users"), []byte(d.User+":{PLAIN}"+d.Password+"\n"), 0o644))
}

// ids are the user and group that the mails belong to; me is set if this is not root.
func ids() (uid, gid int, me string) {
	if os.Geteuid() == 0 {
		return 65534, 65534, "" // nobody: Dovecot serves no mails of root
	}
	if u, err := user.Current(); err == nil {
		me = u.Username
	}
	return os.Geteuid(), os.Getegid(), me
}

// group is a group's name, or its number if it has none.
func group(gid int) string {
	if g, err := user.LookupGroupId(strconv.Itoa(gid)); err == nil {
		return g.Name
	}
	return strconv.Itoa(gid)
}

// own gives a file to the user of the mails.
func (d *Dovecot) own(name string) {
	d.tb.Helper()
	if uid, gid, me := ids(); me == "" {
		d.check(os.Chown(name, uid, gid))
	}
}

func (d *Dovecot) check(err error) {
	d.tb.Helper()
	if err != nil {
		d.tb.Fatal(err)
	}
}

func (d *Dovecot) configure(start, tlsPort int) {
	d.tb.Helper()
	uid, gid, me := ids()
	var b bytes.Buffer
	d.check(dovecotConf.Execute(&b, map[string]any{
		"Dir": d.Dir, "UID": uid, "GID": gid, "Me": me, "Group": group(gid), "Start": start, "TLS": tlsPort, "NoIdle": d.opts.NoIdle, "Extra": d.opts.ExtraCfg,
	}))
	d.check(os.WriteFile(filepath.Join(d.Dir, "dovecot.conf"), b.Bytes(), 0o644))
	d.IMAP = fmt.Sprintf("127.0.0.1:%d", start)
	d.IMAPS = fmt.Sprintf("127.0.0.1:%d", tlsPort)
}

// certify makes a certificate that is its own authority.
func (d *Dovecot) certify() { d.CA = certify(d.tb, d.Dir) }

// ClientTLS trusts this Dovecot and nothing else.
func (d *Dovecot) ClientTLS() *tls.Config {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(d.CA)
	return &tls.Config{RootCAs: pool}
}

func (d *Dovecot) start() error {
	d.cmd = exec.Command(d.binary, "-F", "-c", filepath.Join(d.Dir, "dovecot.conf"))
	ownGroup(d.cmd)
	var out bytes.Buffer
	d.cmd.Stdout, d.cmd.Stderr = &out, &out
	if err := d.cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	cmd := d.cmd
	d.exited = exited
	go func() { // ends when Stop has ended the process
		cmd.Wait()
		close(exited)
	}()
	alive := func() error {
		select {
		case <-exited:
			return fmt.Errorf("dovecot ended: %s", out.String())
		default:
			return nil
		}
	}
	for _, addr := range []string{d.IMAP, d.IMAPS} {
		if err := WaitPort(addr, alive); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends the server and all its connections; Start brings it back. Dovecot
// may take six seconds to end by itself: it has a moment for its farewells.
func (d *Dovecot) Stop() {
	if d.exited == nil {
		return
	}
	d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.exited:
	case <-time.After(300 * time.Millisecond):
	}
	killGroup(d.cmd) // whoever is left
	<-d.exited
	d.exited = nil
}

// Start starts a server that was stopped, on the same ports.
func (d *Dovecot) Start() {
	d.tb.Helper()
	if err := d.start(); err != nil {
		d.tb.Fatalf("start dovecot again: %v", err)
	}
}

// Restart is Stop and Start.
func (d *Dovecot) Restart() {
	d.tb.Helper()
	d.Stop()
	d.Start()
}
