package config

import (
	"slices"
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
		"5 mail[0].password: gone is not there", "6 mail[1]: keys with values", "7 mail[2]: the mailbox in line 4 is called \"u\" too", "7 mail[2].mailbox: watched twice",
		"9 mail[3].name: used twice", "9 mail[3].tls: none of", "10 mail[3].poll: longer than 0", "10 mail[3].nme: did you mean name?"}},
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
