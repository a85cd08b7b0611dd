package main

import (
	"fmt"
	"os"
	"path/filepath"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/realsrv"
	"strings"
	"testing"
	"time"
)

// office is a Dovecot that takes tokens of a laboratory's endpoint and one
// password, and a second mailbox elsewhere.
type office struct {
	*labSite
	dovecot *realsrv.Dovecot
	tokens  *lab.TokenServer
}

func newOffice(t *testing.T) *office {
	t.Helper()
	ts, err := lab.NewTokenServer("rtmt@example.com")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ts.Close() })
	args := filepath.Join(t.TempDir(), "oauth2")
	if err := os.WriteFile(args, []byte("introspection_mode = post\nintrospection_url = "+ts.Introspection()+"\nusername_attribute = username\nactive_attribute = active\nactive_value = true\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	o := &office{labSite: newLabSite(t), tokens: ts, dovecot: realsrv.StartDovecot(t, realsrv.DovecotOptions{
		ExtraCfg: "auth_mechanisms = plain login xoauth2 oauthbearer\npassdb {\n driver = oauth2\n mechanisms = xoauth2 oauthbearer\n args = " + args + "\n}\n"})}
	o.hosts = "      - {name: expc01, role: C, address: \"127.0.0.1:9\"}\n"
	o.startMail()
	o.mail.Deliver([]byte("Subject: x\n\nx\n"), time.Now())
	o.file("dovecot.pem", string(o.dovecot.CA))
	o.file("token-ca.pem", string(ts.CAPEM()))
	o.file("oauth.secret", ts.Secret+"\n")
	o.file("gone.pem", string(o.dovecot.CA))
	o.dovecot.Deliver("Alerts", []byte("Subject: x\n\nx\n"))
	return o
}

// write writes a configuration with these mailboxes.
func (o *office) write(mails ...string) *config.Config {
	o.t.Helper()
	o.path = o.file("grab.yaml", "store: store\nmail:\n- "+strings.Join(mails, "\n- ")+"\nssh: {key: {file: id}, known_hosts: known_hosts}\nsites: [{name: hq, hosts: [{name: expc01, address: \"127.0.0.1:9\"}]}]\n")
	cfg, err := config.Load(o.path)
	if err != nil {
		o.t.Fatal(err)
	}
	return cfg
}

func (o *office) byToken(more string) string {
	return fmt.Sprintf("{name: token, server: %q, ca_file: dovecot.pem, user: rtmt@example.com, oauth: {provider: custom, token_url: %q, ca_file: token-ca.pem, client_id: %q, client_secret: {file: oauth.secret}}%s}",
		o.dovecot.IMAPS, o.tokens.URL(), o.tokens.ClientID, more)
}

func (o *office) byPassword() string {
	return fmt.Sprintf("{name: password, server: %q, ca_file: ca.pem, user: %q, password: {file: imap.secret}}", o.mail.Addr(), o.mail.User)
}
