package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// wholePath is a whole path on Windows too, where one begins with a drive.
func wholePath(path string) string { return filepath.VolumeName(os.TempDir()) + path }

// TestTelling: what is told, and how, with its defaults; the address of a webhook is a
// secret however it is given.
func TestTelling(t *testing.T) {
	cfg := mustLoad(t, minimal+`mail: {server: h, user: rtmt@example.com, password: {file: imap.secret}, canary: {every: 30m}}
smtp: {server: smtp.example.com, tls: starttls, from: grab@example.com, user: u, password: {file: expe.secret}}
notify:
  mail: {to: [noc@example.com]}
  webhooks: [{url: "https://hooks.example.com/T/s3cret"}, {url: {file: imap.secret}, template: teams}, {url: "http://127.0.0.1:9/x", template: slack}]
  command: ['`+wholePath("/usr/local/bin/tell")+`', "--x y"]
heartbeats: [{name: daily, match: "cpu.*pegging"}]
`)
	if k := cfg.Mails[0].Canary; k.Every != 30*time.Minute || k.Late != 5*time.Minute || k.To != "rtmt@example.com" || k.Delete {
		t.Errorf("%+v", k)
	}
	if cfg.SMTP.Server != "smtp.example.com:587" {
		t.Error(cfg.SMTP.Server)
	}
	n := cfg.Notify
	if n.After != 5*time.Minute || len(n.On) != 2 || n.Webhooks[0].Template != "json" || n.Command[1] != "--x y" {
		t.Errorf("%+v", n)
	}
	if u, err := n.Webhooks[0].URL.Read(); err != nil || u != "https://hooks.example.com/T/s3cret" {
		t.Error(u, err)
	}
	if out := fmt.Sprintf("%v %+v %#v %s", n, n, n.Webhooks[0], n.Webhooks[0].URL); strings.Contains(out, "s3cret") {
		t.Error(out)
	}
	if b := cfg.Beats[0]; b.Every != 25*time.Hour || !b.Match.MatchString("A CPUPegging b") {
		t.Errorf("%+v", b)
	}
}

// TestExampleOfTelling: what the example shows of it in comments holds when the
// comment signs are taken away.
func TestExampleOfTelling(t *testing.T) {
	dir := folder(t)
	put(t, dir, "smtp.secret", "x\n")
	put(t, dir, "teams.url", "https://example.com/x\n")
	text := strings.ReplaceAll(example(t), "/etc/grab/", "")
	text = regexp.MustCompile(`(?m)^(  )?# (canary:|smtp:|notify:|heartbeats:|drill:)((?:.*\n(?:  )?#   .*)*)`).ReplaceAllStringFunc(text, func(block string) string {
		return strings.ReplaceAll("\n"+block, "\n  # ", "\n  ")
	})
	text = text[strings.Index(text, "\nstore:"):]
	first, end := strings.Index(text, "\n# smtp:"), strings.Index(text, "\n# Where a running")
	block := regexp.MustCompile(`(?m)^# (  |smtp:|notify:|heartbeats:|drill:)`).ReplaceAllString(text[first:end], "$1")
	text = text[:first] + block + text[end:]
	text = strings.Replace(text, "command: [/", "command: ["+wholePath("/"), 1)
	cfg, err := Load(put(t, dir, "grab.yaml", text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if cfg.Mails[0].Canary == nil || cfg.SMTP == nil || cfg.Notify == nil || len(cfg.Beats) != 1 || cfg.Drill == nil || cfg.Drill.Every != 7*24*time.Hour || cfg.Drill.At != defaultDrill().At {
		t.Errorf("%+v", cfg)
	}
	want := defaultNotify()
	if cfg.Mails[0].Canary.Every != defaultCanary().Every || cfg.Mails[0].Canary.Late != defaultCanary().Late || cfg.Notify.After != want.After || len(cfg.Notify.On) != len(want.On) || cfg.Beats[0].Every != 25*time.Hour {
		t.Error("the example shows other values than the defaults")
	}
}

// TestSMTPToken: a token in place of the password, and never both.
func TestSMTPToken(t *testing.T) {
	const login = "smtp: {server: h, from: a@example.com, user: u, oauth: {provider: microsoft, tenant: example.com, client_id: x, client_secret: {file: imap.secret}}%s}\n"
	if cfg := mustLoad(t, minimal+fmt.Sprintf(login, "")); cfg.SMTP.OAuth == nil || cfg.SMTP.OAuth.TokenURL == "" {
		t.Errorf("%+v", cfg.SMTP)
	}
	if _, err := Load(put(t, folder(t), "grab.yaml", minimal+fmt.Sprintf(login, ", password: {file: imap.secret}"))); err == nil || !strings.Contains(err.Error(), "smtp.oauth: set password or oauth") {
		t.Error(err)
	}
}
