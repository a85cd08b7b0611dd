package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"rtmtgrab/internal/config/secret"
	"strings"
	"testing"
)

// Nothing that prints a Config prints a secret, nor needs its file.
func TestNothingPrintsSecrets(t *testing.T) {
	dir := folder(t)
	t.Setenv("GRAB_TEST", "hunter5")
	cfg, err := Load(put(t, dir, "grab.yaml", `
mail: {server: h, user: u, password: {file: imap.secret}}
ssh: {key: {env: GRAB_TEST}, passphrase: {file: expe.secret}}
sites: [{name: hq, nodes: [a], hosts: [{name: c1, address: x, ssh: {password: {env: GRAB_TEST}}}]}]
`))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Sites[0].Hosts[0].SSH.Passphrase = NewSecret("hunter6")
	for _, f := range []string{"imap.secret", "expe.secret"} {
		if err := os.Remove(filepath.Join(dir, f)); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	for _, v := range []any{cfg, *cfg, cfg.Mails, cfg.Mails[0], cfg.SSH, cfg.Sites, cfg.Sites[0].Hosts[0].SSH.Passphrase, &cfg.Sites[0].Hosts[0].SSH.Passphrase, []any{NewSecret("hunter7")}, map[string]Secret{"x": NewSecret("hunter8")}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Errorf("json: %v", err)
		}
		out.Write(b)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
	}
	for _, s := range []string{"hunter", fmt.Sprintf("%x", "hunter")} {
		if strings.Contains(out.String(), s) {
			t.Errorf("printed: %s", out.String())
		}
	}
	if !strings.Contains(out.String(), secret.Stars) {
		t.Error("no secret.Stars at all: does this test look at anything?")
	}
	if b, _ := json.Marshal(Secret{}); string(b) != `""` {
		t.Errorf("the zero Secret is %s", b)
	}
}

func TestSecretRead(t *testing.T) {
	dir := t.TempDir()
	big := strings.Repeat("x", secret.Max)
	for _, c := range []struct{ text, want string }{
		{"a", "a"}, {"a\n", "a"}, {"a\r\n", "a"}, {"a\n\n", "a\n"}, {" a ", " a "}, {big, big}, {big + "\r\n", big}, {"", "!"}, {"\n", "!"}, {big + "x", "!"}, {big + "xx\n", "!"},
	} {
		s := SecretFile(put(t, dir, "s", c.text))
		got, err := s.Read()
		if c.want == "!" && (err == nil || got != "") || c.want != "!" && (got != c.want || err != nil) {
			t.Errorf("%.9q (%d): %.9q (%d), %v", c.text, len(c.text), got, len(got), err)
		}
	}
	t.Setenv("GRAB_TEST", "hunter5\n")
	if got, err := SecretEnv("GRAB_TEST").Read(); got != "hunter5" || err != nil {
		t.Errorf("env: %q, %v", got, err)
	}
	if got, err := NewSecret("x\n").Read(); got != "x\n" || err != nil {
		t.Errorf("memory: %q, %v", got, err)
	}
	for name, s := range map[string]Secret{"zero": {}, "unset": SecretEnv("GRAB_NO_SUCH"), "gone": SecretFile(filepath.Join(dir, "gone")), "folder": SecretFile(dir)} {
		if got, err := s.Read(); err == nil {
			t.Errorf("%s: %q", name, got)
		}
	}
	if !(Secret{}).IsZero() || NewSecret("").IsZero() {
		t.Error("IsZero")
	}
}
