package testserver

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"text/template"
)

// An Exim is Debian's SMTP server in a folder of its own, which takes mails for the
// user of a Dovecot, from senders that have logged in, and delivers them into its
// INBOX at once. Mails to others are refused. Its certificate names 127.0.0.1 and
// localhost.
type Exim struct {
	*daemon
	SMTPS    string // address of the port with TLS from the start
	SMTP     string // address of the port with STARTTLS; logins are offered under TLS alone
	User     string
	Password string

	box *Dovecot
}

// StartExim starts an Exim that ends with the test.
func StartExim(tb testing.TB, box *Dovecot) *Exim {
	tb.Helper()
	noShort(tb)
	e := &Exim{daemon: newDaemon(tb, "exim4", "mainlog"), box: box, User: "grab", Password: "battery staple"}
	if os.Geteuid() != 0 {
		tb.Fatal("exim hands mails to the user of the mailbox: run the tests as root")
	}
	e.args = []string{"-C", filepath.Join(e.Dir, "exim.conf"), "-bdf", "-q1h"}
	uid, gid, _ := ids()
	must(tb, os.Mkdir(filepath.Join(e.Dir, "spool"), 0o750))
	for _, name := range []string{"", "spool", "key.pem"} {
		must(tb, os.Chown(filepath.Join(e.Dir, name), uid, gid))
	}
	e.run(e.configure)
	e.SMTP, e.SMTPS = e.addrs[0], e.addrs[1]
	return e
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
}
