package config

import (
	"slices"
	"strings"
	"testing"
)

// A lone mapping and a lone text are lists of one.
func TestMailsAreOneOrMany(t *testing.T) {
	one := mustLoad(t, "mail: {server: a.example.com, user: u@example.com, password: {file: imap.secret}, mailbox: Alerts}\n"+minimal)
	if m := one.Mails; len(m) != 1 || m[0].Name != "u@example.com" || !slices.Equal(m[0].Mailboxes, []string{"Alerts"}) {
		t.Errorf("%+v", m)
	}
	many := mustLoad(t, `mail:
- {server: a.example.com, user: u@example.com, password: {file: imap.secret}, mailbox: [INBOX, Alerts]}
- {name: second, server: a.example.com, user: u@example.com, password: {file: imap.secret}, mailbox: Other, max_age: 3d}
- {server: b.example.com, user: v@example.com, password: {file: imap.secret}}
`+minimal).Mails
	if len(many) != 3 || many[0].Name != "u@example.com" || len(many[0].Mailboxes) != 2 || many[1].Name != "second" || many[1].MaxAge != 3*day || many[2].Mailboxes[0] != "INBOX" || many[2].Poll == 0 {
		t.Errorf("%+v", many)
	}
}

var mailFaultCases = []struct {
	name, text string
	want       []string
}{
	{"empty lists", minimal + "mail: []\n", []string{"3 mail: the list is empty"}},
	{"no folders", mailbox("  server: h\n  mailbox: []\n"), []string{"7 mail.mailbox: the list is empty"}},
	{"folders", mailbox("  server: h\n  mailbox: [inbox, '', A, INBOX, a]\n"), []string{"7 mail.mailbox[1]: empty", "7 mail.mailbox[3]: watched twice, first at mail.mailbox[0] in line 7"}},
	{"several", minimal + "mail:\n- {server: h, user: u,\n   password: {file: gone}}\n- x\n- {server: h, user: u,\n   password: {file: imap.secret}}\n- {name: U, server: i, user: w, tls: x,\n  password: {file: imap.secret}, poll: 0s, nme: y}\n", []string{
		"5 mail[0].password: gone does not exist", "6 mail[1]: expected a mapping", "7 mail[2]: the mailbox in line 4 is called \"u\" too", "7 mail[2].mailbox: watched twice",
		"9 mail[3].name: used twice", "9 mail[3].tls: must be one of", "10 mail[3].poll: longer than 0", "10 mail[3].nme: did you mean name?"}},
}

// oauthBox is a mailbox with these keys of oauth:, in line 5.
func oauthBox(keys string) string {
	return minimal + "mail:\n  {server: h, user: u, oauth:\n   {" + keys + "}}\n"
}

var oauthFaultCases = []struct {
	name, text string
	want       []string
}{
	{"both ways in", mailbox("  server: h\n  oauth: {provider: custom, client_id: x, token_url: 'https://h/t', client_secret: {file: imap.secret}}\n"), []string{"7 mail.oauth: set password or oauth"}},
	{"the wrong login", minimal + "mail:\n  - {server: h, user: u, login: xoauth2, password: {file: imap.secret}}\n  - {server: h, user: v, login: oauthbearer}\n  - {server: h, user: w, login: plain,\n  oauth: {provider: google, service_account: {file: imap.secret}}}\n", []string{
		"4 mail[0].login: xoauth2 needs oauth", "5 mail[1].oauth: missing: login oauthbearer needs it", "6 mail[2].login: one of auto, xoauth2, oauthbearer"}},
	{"nothing", oauthBox(""), []string{"4 mail.oauth.provider: missing", "4 mail.oauth: no secret", "4 mail.oauth.client_id: missing"}},
	{"microsoft", oauthBox("provider: microsoft, client_secret: {file: imap.secret}, certificate: {file: gone}, tenant: a/b, service_account: {file: imap.secret}, ca_file: notes.pem"), []string{
		"5 mail.oauth.certificate: gone does not exist", "5 mail.oauth.client_secret: set service_account or client_secret", "5 mail.oauth.certificate: set service_account or certificate", "5 mail.oauth.certificate: set client_secret or certificate",
		"5 mail.oauth.service_account: only Google", "5 mail.oauth.tenant: not a tenant", "5 mail.oauth.ca_file: contains no certificate"}},
	{"microsoft without", oauthBox("provider: microsoft, client_id: x, refresh_token: {file: imap.secret}"), []string{"4 mail.oauth.tenant: missing"}},
	{"google", oauthBox("provider: google, tenant: x, client_id: y, client_secret: {file: imap.secret}"), []string{"4 mail.oauth: set service_account", "5 mail.oauth.tenant: only provider microsoft"}},
	{"custom", oauthBox("provider: custom, client_id: x, client_secret: {file: imap.secret}, scopes: [a b, '']"), []string{"4 mail.oauth.token_url: missing", "5 mail.oauth.scopes[0]: not a scope", "5 mail.oauth.scopes[1]: empty"}},
	{"unencrypted", oauthBox("provider: custom, client_id: x, client_secret: {file: imap.secret}, token_url: 'http://login.example.com/t'"), []string{"5 mail.oauth.token_url: unencrypted"}},
	{"a password in the address", oauthBox("provider: custom, client_id: x, client_secret: {file: imap.secret}, token_url: 'https://u:hunter2@h/t'"), []string{"5 mail.oauth.token_url: user or password"}},
	{"no address", oauthBox("provider: other, client_id: x, client_secret: hunter2, token_url: login"), []string{"5 mail.oauth.provider: one of microsoft, google, custom", "5 mail.oauth.client_secret: must not be here", "5 mail.oauth.token_url: not a URL"}},
}

func TestOAuthFaults(t *testing.T) {
	dir := folder(t)
	for _, c := range oauthFaultCases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(put(t, dir, "grab.yaml", c.text))
			faults, ok := err.(Faults)
			if !ok || strings.Contains(err.Error(), "hunter2") {
				t.Fatal(err)
			}
			matchFaults(t, faults, c.want)
		})
	}
}

// What the providers' own addresses and scopes are.
func TestOAuthProviders(t *testing.T) {
	for keys, want := range map[string][2]string{
		"provider: microsoft, tenant: example.onmicrosoft.com, client_id: x, certificate: {file: imap.secret}":               {"https://login.microsoftonline.com/example.onmicrosoft.com/oauth2/v2.0/token", "https://outlook.office365.com/.default"},
		"provider: google, service_account: {file: imap.secret}":                                                             {"https://oauth2.googleapis.com/token", "https://mail.google.com/"},
		"provider: google, client_id: x, client_secret: {file: imap.secret}, refresh_token: {file: imap.secret}":             {"https://oauth2.googleapis.com/token", "https://mail.google.com/"},
		"provider: custom, client_id: x, refresh_token: {file: imap.secret}, token_url: 'http://127.0.0.1:8/t', scopes: [a]": {"http://127.0.0.1:8/t", "a"},
	} {
		o := mustLoad(t, oauthBox(keys)).Mails[0].OAuth
		if o == nil || o.TokenURL != want[0] || len(o.Scopes) != 1 || o.Scopes[0] != want[1] {
			t.Errorf("%s: %+v", keys, o)
		}
	}
}

func TestMailFaults(t *testing.T) {
	dir := folder(t)
	for _, c := range mailFaultCases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(put(t, dir, "grab.yaml", c.text))
			faults, ok := err.(Faults)
			if !ok {
				t.Fatal(err)
			}
			matchFaults(t, faults, c.want)
		})
	}
}
