package setup

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Whatever is answered comes back from the file as it was given.
func TestRenderProperty(t *testing.T) {
	dir := t.TempDir()
	name := "it's a \"secret\": #1 {x}"
	if runtime.GOOS == "windows" {
		name = "it's a 'secret', #1 {x}"
	}
	secret := filepath.Join(dir, name)
	if err := os.WriteFile(secret, []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	word := rapid.StringMatching(`[!-~ äß漢\x{2028}\x{feff}'"#:{}\[\],&*!|>%@\\-]{0,12}[a-z~"':]`)
	rapid.Check(t, func(t *rapid.T) {
		f := &Answers{Store: filepath.Join(dir, "store"), MailServer: "imap.example.com:993", MailTLS: "implicit", MailUser: "u" + word.Draw(t, "user"), mailAnswers: mailAnswers{MailPasswordFile: secret},
			Mailbox: "b" + word.Draw(t, "mailbox"), Site: "hq", TimeZone: "UTC", Clusters: []string{"c" + word.Draw(t, "cluster")}, Nodes: []string{"n" + word.Draw(t, "node")},
			Hosts: []string{"a,C,10.0.0.1", "b,,[2001:db8::1]:5022"}, User: "r" + word.Draw(t, "ssh"), KeyFile: secret, LogsDir: "/logs/" + strings.ReplaceAll(word.Draw(t, "dir"), "/", "")}
		if rapid.Bool().Draw(t, "password") {
			f.KeyFile, f.PasswordFile = "", secret
		}
		text, err := f.Render()
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := PlaceConfig(filepath.Join(dir, "grab.yaml"), text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		os.Remove(cfg.Path)
		s := cfg.Sites[0]
		if cfg.Mails[0].User != f.MailUser || cfg.Mails[0].Mailboxes[0] != f.Mailbox || s.Clusters[0] != f.Clusters[0] || s.Nodes[0] != f.Nodes[0] || cfg.SSH.User != f.User || cfg.Logs.Dir != f.LogsDir {
			t.Fatalf("%+v\n%s", cfg, text)
		}
		h := s.Hosts[1]
		if h.Role != "" || h.Address != "[2001:db8::1]:5022" || h.SSH.Password.IsZero() == (f.PasswordFile != "") {
			t.Fatalf("%+v", h)
		}
	})
}
