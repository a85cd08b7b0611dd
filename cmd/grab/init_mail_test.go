package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rtmtgrab/internal/config"
)

// Every way into a mailbox that init knows makes a file that passes the check and
// holds no secret; the server's name chooses where nothing else does.
func TestInitMailAuth(t *testing.T) {
	c := newLab(t)
	secret := c.File("it's a \"secret\": #1", "hidden-value\n")
	other := c.File("other", "hidden-value\n")
	known := c.File("kh", "# empty\n")
	for i, tt := range []struct {
		args string // separated by blanks; SECRET and OTHER are files
		want func(m config.Mail) bool
		warn string
	}{
		{"--mail-server imap.example.com --mail-password-file SECRET", func(m config.Mail) bool { return m.OAuth == nil && m.Password.Source() == "file "+secret }, ""},
		{"--mail-server outlook.office365.com --mail-password-file SECRET", func(m config.Mail) bool { return m.OAuth == nil }, "Microsoft 365 takes no passwords"},
		{"--mail-server imap.gmail.com:993 --mail-auth password --mail-password-file SECRET", func(m config.Mail) bool { return m.OAuth == nil }, "--mail-auth google is the way"},
		{"--mail-server Outlook.Office365.com:993 --mail-tenant example.onmicrosoft.com --mail-client-id a'b\"c --mail-client-secret-file SECRET", func(m config.Mail) bool {
			return m.OAuth.Provider == config.ProviderMicrosoft && m.OAuth.Tenant == "example.onmicrosoft.com" && m.OAuth.ClientID == "a'b\"c" && m.OAuth.ClientSecret.Source() == "file "+secret && m.OAuth.Certificate.IsZero()
		}, ""},
		{"--mail-server imap.example.com --mail-auth microsoft --mail-tenant t --mail-client-id c --mail-certificate-file SECRET", func(m config.Mail) bool {
			return m.OAuth.Provider == config.ProviderMicrosoft && m.OAuth.Certificate.Source() == "file "+secret && m.OAuth.ClientSecret.IsZero()
		}, ""},
		{"--mail-server imap.gmail.com --mail-service-account-file SECRET", func(m config.Mail) bool {
			return m.OAuth.Provider == config.ProviderGoogle && m.OAuth.ServiceAccount.Source() == "file "+secret && m.OAuth.ClientID == ""
		}, ""},
		{"--mail-server imap.gmail.com --mail-client-id c --mail-client-secret-file SECRET --mail-refresh-token-file OTHER", func(m config.Mail) bool {
			return m.OAuth.Provider == config.ProviderGoogle && m.OAuth.RefreshToken.Source() == "file "+other && m.OAuth.ClientSecret.Source() == "file "+secret && m.OAuth.ClientID == "c"
		}, ""},
	} {
		path := filepath.Join(c.Dir, "new.yaml")
		args := []string{"-c", path, "init", "--store", filepath.Join(c.Dir, "store"), "--host", "a,C,10.0.0.1", "--key-file", filepath.Join(c.Dir, "id"), "--known-hosts", known, "--mail-user", "rtmt@example.com", "--no-check"}
		for word := range strings.FieldsSeq(tt.args) {
			args = append(args, map[bool]string{true: secret, false: strings.Replace(word, "OTHER", other, 1)}[word == "SECRET"])
		}
		r := runGrab(args...)
		if r.code != 0 || strings.Contains(r.err, "warning") != (tt.warn != "") || !strings.Contains(r.err, tt.warn) {
			t.Errorf("%d: %s", i, r)
			continue
		}
		if r := runGrab("-c", path, "check", "--offline"); r.code != 0 {
			t.Errorf("%d: %s", i, r)
		}
		if m := loadConfig(t, path).Mails[0]; !tt.want(m) {
			t.Errorf("%d: %+v %+v", i, m, m.OAuth)
		}
		if strings.Contains(c.Read("new.yaml"), "hidden-value") {
			t.Errorf("%d: a secret stands in the file", i)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestInitMailAuthBadAnswers(t *testing.T) {
	c := newLab(t)
	path := filepath.Join(c.Dir, "x.yaml")
	s := c.File("s", "x\n")
	base := []string{"-c", path, "init", "--host", "a,C,10.0.0.1", "--key-file", filepath.Join(c.Dir, "id"), "--mail-user", "u", "--mail-server"}
	for _, tt := range []struct {
		args []string
		want []string
	}{
		{[]string{"imap.example.com"}, []string{"--mail-password-file"}},
		{[]string{"outlook.office365.com"}, []string{"--mail-tenant", "--mail-client-id", "--mail-client-secret-file FILE or --mail-certificate-file"}},
		{[]string{"imap.gmail.com"}, []string{"--mail-service-account-file FILE or --mail-refresh-token-file"}},
		{[]string{"imap.gmail.com", "--mail-refresh-token-file", s}, []string{"--mail-client-id", "--mail-client-secret-file"}},
		{[]string{"x", "--mail-auth", "custom"}, []string{"want password, microsoft or google"}},
		{[]string{"x", "--mail-password-file", s, "--mail-tenant", "t"}, []string{"use a password or --mail-tenant"}},
		{[]string{"x", "--mail-auth", "google", "--mail-service-account-file", s, "--mail-password-file", s}, []string{"--mail-auth google does not go with --mail-password-file"}},
		{[]string{"x", "--mail-tenant", "t", "--mail-client-id", "c", "--mail-client-secret-file", s, "--mail-certificate-file", s}, []string{"mail.oauth.certificate", "not both"}},
		{[]string{"x", "--mail-tenant", "t", "--mail-client-id", "c", "--mail-client-secret-file", s, "--mail-refresh-token-file", s}, []string{"is for google"}},
		{[]string{"x", "--mail-service-account-file", s, "--mail-client-id", "c"}, []string{"mail.oauth.client_id", "not both"}},
		{[]string{"x", "--mail-tenant", "a b", "--mail-client-id", "c", "--mail-client-secret-file", s + "2"}, []string{"mail.oauth.tenant", "s2 does not exist"}},
	} {
		r := runGrab(append(base[:len(base):len(base)], tt.args...)...)
		for _, w := range tt.want {
			if r.code != 2 || !strings.Contains(r.err, w) {
				t.Errorf("%v: no %q: %s", tt.args, w, r)
			}
		}
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Fatalf("%v: something was written: %v", tt.args, err)
		}
	}
}
