package config

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// What is wrong with alerts.webhook is said, each with its key.
func TestIntake(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"secret": 0o600, "open": 0o644, "known_hosts": 0o600} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("9f2c7e1ab04d5583c6e0\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	parse := func(webhook string) (*Config, error) {
		text := fmt.Sprintf("store: store\nhttp: {listen: 127.0.0.1:9618}\nssh: {password: {file: secret}}\nalerts: {webhook: %s}\nsites: [{name: hq, hosts: [{name: c1, address: x}]}]\n", webhook)
		return Options{}.Parse(filepath.Join(dir, "grab.yaml"), []byte(text))
	}
	cfg, err := parse("{listen: 127.0.0.1, secret: {file: secret}}")
	if err != nil || cfg.Alerts.Webhook.Listen != "127.0.0.1:9470" || cfg.Alerts.Webhook.Skew != 5*time.Minute {
		t.Fatalf("%+v, %v", cfg, err)
	}
	if _, err := parse("{listen: 10.0.50.5, secret: {file: secret}, tls: {cert_file: secret, key_file: secret}, hosts: [grab.example.com], skew: 1m}"); err != nil {
		t.Error(err)
	}
	for webhook, want := range map[string]string{
		"{secret: {file: secret}}":                                                              "alerts.webhook.listen: required key is missing",
		"{listen: 127.0.0.1}":                                                                   "alerts.webhook.secret: required key is missing",
		"{listen: 10.0.50.5, secret: {file: secret}}":                                           "alerts.webhook.listen: without tls",
		"{listen: 0.0.0.0, secret: {file: secret}}":                                             "alerts.webhook.listen: without tls",
		"{listen: 127.0.0.1:9618, secret: {file: secret}}":                                      "where http: listens",
		"{listen: 127.0.0.1, secret: {file: none}}":                                             "alerts.webhook.secret",
		"{listen: 127.0.0.1, secret: {file: open}}":                                             "can be read by others",
		"{listen: 127.0.0.1, secret: abc}":                                                      "the secret itself must not be here",
		"{listen: 127.0.0.1, secret: {file: secret}, skew: 1s}":                                 "alerts.webhook.skew",
		"{listen: 127.0.0.1, secret: {file: secret}, skew: 2h}":                                 "alerts.webhook.skew",
		"{listen: 127.0.0.1, secret: {file: secret}, hosts: [\"https://x\"]}":                   "alerts.webhook.hosts[0]",
		"{listen: 127.0.0.1, secret: {file: secret}, tls: {cert_file: secret}}":                 "alerts.webhook.tls.key_file",
		"{listen: 127.0.0.1, secret: {file: secret}, tls: {cert_file: secret, key_file: open}}": "alerts.webhook.tls.key_file",
	} {
		if runtime.GOOS == "windows" && strings.Contains(webhook, "open") { // modes say nothing there
			continue
		}
		if _, err := parse(webhook); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", webhook, err, want)
		}
	}
}
