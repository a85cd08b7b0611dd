package testserver

import (
	"bytes"
	"cmp"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"
	"text/template"
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
	*daemon
	IMAPS    string // address of the port with TLS from the start
	IMAP     string // address of the port with STARTTLS
	User     string
	Password string

	opts DovecotOptions
}

// StartDovecot starts a Dovecot that ends with the test.
func StartDovecot(tb testing.TB, opts DovecotOptions) *Dovecot {
	tb.Helper()
	noShort(tb)
	d := &Dovecot{daemon: newDaemon(tb, "dovecot", "log"), opts: opts,
		User: cmp.Or(opts.User, "rtmt@example.com"), Password: cmp.Or(opts.Password, "correct horse")}
	d.args = []string{"-F", "-c", filepath.Join(d.Dir, "dovecot.conf")}
	d.prepare()
	d.run(d.configure)
	d.IMAP, d.IMAPS = d.addrs[0], d.addrs[1]
	return d
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

// prepare makes the folders and the user.
func (d *Dovecot) prepare() {
	d.tb.Helper()
	for _, name := range []string{"mail", "home", "state", "mail/new", "mail/cur", "mail/tmp"} {
		must(d.tb, os.Mkdir(filepath.Join(d.Dir, name), 0o700))
	}
	for _, name := range []string{"mail", "home", "mail/new", "mail/cur", "mail/tmp"} {
		d.own(filepath.Join(d.Dir, name))
	}
	must(d.tb, os.WriteFile(filepath.Join(d.Dir, "users"), []byte(d.User+":{PLAIN}"+d.Password+"\n"), 0o644))
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
		must(d.tb, os.Chown(name, uid, gid))
	}
}

func (d *Dovecot) configure(start, tlsPort int) {
	d.tb.Helper()
	uid, gid, me := ids()
	var b bytes.Buffer
	must(d.tb, dovecotConf.Execute(&b, map[string]any{
		"Dir": d.Dir, "UID": uid, "GID": gid, "Me": me, "Group": group(gid), "Start": start, "TLS": tlsPort, "NoIdle": d.opts.NoIdle, "Extra": d.opts.ExtraCfg,
	}))
	must(d.tb, os.WriteFile(filepath.Join(d.Dir, "dovecot.conf"), b.Bytes(), 0o644))
}
