package testserver

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"
)

// An Exim is Debian's SMTP server in a folder of its own, which takes mails for the
// user of a Dovecot, from senders that have logged in, and delivers them into its
// INBOX at once. Mails to others are refused. Its certificate names 127.0.0.1 and
// localhost.
type Exim struct {
	SMTPS    string // address of the port with TLS from the start
	SMTP     string // address of the port with STARTTLS; logins are offered under TLS alone
	CA       []byte // PEM of the authority, which is the certificate itself
	User     string
	Password string
	Dir      string

	tb     testing.TB
	box    *Dovecot
	binary string
	cmd    *exec.Cmd
	exited chan struct{}
}

// StartExim starts an Exim that ends with the test.
func StartExim(tb testing.TB, box *Dovecot) *Exim {
	tb.Helper()
	e := &Exim{tb: tb, box: box, binary: Need(tb, "exim4"), User: "grab", Password: "battery staple"}
	if os.Geteuid() != 0 {
		tb.Fatal("exim hands mails to the user of the mailbox: run the tests as root")
	}
	dir, err := os.MkdirTemp("", "ex")
	must(tb, err)
	e.Dir = dir
	tb.Cleanup(func() { os.RemoveAll(dir) })
	ShowLog(tb, filepath.Join(dir, "mainlog"))
	tb.Cleanup(e.Stop)
	must(tb, os.Chmod(dir, 0o755))
	e.CA = certify(tb, dir)
	uid, gid, _ := ids()
	must(tb, os.Mkdir(filepath.Join(dir, "spool"), 0o750))
	for _, name := range []string{"", "spool", "key.pem"} {
		must(tb, os.Chown(filepath.Join(dir, name), uid, gid))
	}
	for try := 0; ; try++ { // another process may take a port that was free
		e.configure(FreePort(tb), FreePort(tb))
		err := e.start()
		if err == nil {
			return e
		}
		e.Stop()
		if try == 2 {
			tb.Fatalf("start exim: %v\n%s", err, Tail(filepath.Join(dir, "mainlog")))
		}
	}
}

var eximConf = template.Must(template.New("").Parse(`
spool_directory = {{.Dir}}/spool
log_file_path = {{.Dir}}/%slog
pid_file_path = {{.Dir}}/pid
exim_user = {{.UID}}
exim_group = {{.GID}}
deliver_drop_privilege = true
never_users =
local_interfaces = 127.0.0.1
daemon_smtp_ports = {{.Start}} : {{.TLS}}
tls_on_connect_ports = {{.TLS}}
tls_advertise_hosts = *
tls_certificate = {{.Dir}}/cert.pem
tls_privatekey = {{.Dir}}/key.pem
auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}
primary_hostname = localhost
host_lookup =
rfc1413_hosts =
smtp_accept_max = 20
acl_smtp_rcpt = rcpt
acl_smtp_data = data

begin acl
rcpt:
  deny message = log in first
       !authenticated = *
  accept recipients = {{.To}}
  deny message = no such user here
data:
  accept

begin routers
all:
  driver = accept
  transport = maildir

begin transports
maildir:
  driver = appendfile
  directory = {{.Mail}}
  maildir_format
  create_directory = false
  delivery_date_add
  return_path_add

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{ {eq{$auth2}{ {{- .User -}} }} {eq{$auth3}{ {{- .Password -}} }} }}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${if and{ {eq{$auth1}{ {{- .User -}} }} {eq{$auth2}{ {{- .Password -}} }} }}
  server_set_id = $auth1
`))

func (e *Exim) configure(start, tlsPort int) {
	e.tb.Helper()
	uid, gid, _ := ids()
	var b bytes.Buffer
	must(e.tb, eximConf.Execute(&b, map[string]any{"Dir": e.Dir, "UID": uid, "GID": gid, "Start": start, "TLS": tlsPort,
		"Mail": e.box.folder(""), "To": e.box.User, "User": e.User, "Password": e.Password}))
	must(e.tb, os.WriteFile(filepath.Join(e.Dir, "exim.conf"), b.Bytes(), 0o644))
	e.SMTP, e.SMTPS = fmt.Sprintf("127.0.0.1:%d", start), fmt.Sprintf("127.0.0.1:%d", tlsPort)
}

func (e *Exim) start() error {
	e.cmd = exec.Command(e.binary, "-C", filepath.Join(e.Dir, "exim.conf"), "-bdf", "-q1h")
	ownGroup(e.cmd)
	var out bytes.Buffer
	e.cmd.Stdout, e.cmd.Stderr = &out, &out
	if err := e.cmd.Start(); err != nil {
		return err
	}
	exited, cmd := make(chan struct{}), e.cmd
	e.exited = exited
	go func() { // ends when Stop has ended the process
		cmd.Wait()
		close(exited)
	}()
	alive := func() error {
		select {
		case <-exited:
			return fmt.Errorf("exim ended: %s", strings.TrimSpace(out.String()))
		default:
			return nil
		}
	}
	for _, addr := range []string{e.SMTP, e.SMTPS} {
		if err := WaitPort(addr, alive); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends the server; Start brings it back.
func (e *Exim) Stop() {
	if e.exited == nil {
		return
	}
	e.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-e.exited:
	case <-time.After(300 * time.Millisecond):
	}
	killGroup(e.cmd) // whoever is left
	<-e.exited
	e.exited = nil
}

// Start starts a server that was stopped, on the same ports.
func (e *Exim) Start() {
	e.tb.Helper()
	if err := e.start(); err != nil {
		e.tb.Fatalf("start exim again: %v", err)
	}
}

// ClientTLS trusts this Exim and nothing else.
func (e *Exim) ClientTLS() *tls.Config {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(e.CA)
	return &tls.Config{RootCAs: pool}
}
