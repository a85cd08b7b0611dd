package testsite

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/testserver"
)

// office is a Dovecot that takes tokens of a laboratory's endpoint and one
// password, and a second mailbox elsewhere.
type office struct {
	*Site
	Dovecot *testserver.Dovecot
	Tokens  *testserver.TokenServer
}

func NewOffice(t *testing.T) *office {
	t.Helper()
	ts, err := testserver.NewTokenServer("rtmt@example.com")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ts.Close() })
	args := filepath.Join(t.TempDir(), "oauth2")
	if err := os.WriteFile(args, []byte("introspection_mode = post\nintrospection_url = "+ts.Introspection()+"\nusername_attribute = username\nactive_attribute = active\nactive_value = true\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	o := &office{Site: New(t), Tokens: ts, Dovecot: testserver.StartDovecot(t, testserver.DovecotOptions{
		ExtraCfg: "auth_mechanisms = plain login xoauth2 oauthbearer\npassdb {\n driver = oauth2\n mechanisms = xoauth2 oauthbearer\n args = " + args + "\n}\n"})}
	o.Hosts = "      - {name: expc01, role: C, address: \"127.0.0.1:9\"}\n"
	o.StartMail()
	o.Mail.Deliver([]byte("Subject: x\n\nx\n"), time.Now())
	o.File("dovecot.pem", string(o.Dovecot.CA))
	o.File("token-ca.pem", string(ts.CAPEM()))
	o.File("oauth.secret", ts.Secret+"\n")
	o.File("gone.pem", string(o.Dovecot.CA))
	o.Dovecot.Deliver("Alerts", []byte("Subject: x\n\nx\n"))
	return o
}

// Write writes a configuration with these mailboxes.
func (o *office) Write(mails ...string) *config.Config {
	o.T.Helper()
	o.Path = o.File("grab.yaml", "store: store\nmail:\n- "+strings.Join(mails, "\n- ")+"\nssh: {key: {file: id}, known_hosts: known_hosts}\nsites: [{name: hq, hosts: [{name: expc01, address: \"127.0.0.1:9\"}]}]\n")
	cfg, err := config.Load(o.Path)
	if err != nil {
		o.T.Fatal(err)
	}
	return cfg
}

func (o *office) ByToken(more string) string {
	return fmt.Sprintf("{name: token, server: %q, ca_file: dovecot.pem, user: rtmt@example.com, oauth: {provider: custom, token_url: %q, ca_file: token-ca.pem, client_id: %q, client_secret: {file: oauth.secret}}%s}",
		o.Dovecot.IMAPS, o.Tokens.URL(), o.Tokens.ClientID, more)
}

func (o *office) ByPassword() string {
	return fmt.Sprintf("{name: password, server: %q, ca_file: ca.pem, user: %q, password: {file: imap.secret}}", o.Mail.Addr(), o.Mail.User)
}
