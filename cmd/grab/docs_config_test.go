package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/testdocs"
	"rtmtgrab/internal/testserver"
)

// TestDocumentedConfiguration: each part of grab.yaml that a document shows is taken by the
// program, with the files that it names; what else is YAML is YAML.
func TestDocumentedConfiguration(t *testing.T) {
	t.Parallel()
	certificate := string(testserver.CertificatePEM(t))
	n := 0
	for _, d := range documents(t) {
		for _, b := range d.Blocks {
			if b.Lang != testdocs.YAML {
				continue
			}
			n++
			var parsed yaml.Node
			if err := yaml.Unmarshal([]byte(b.Text), &parsed); err != nil {
				t.Errorf("%s: %v", b.At(), err)
			} else if b.NotRun == "" {
				loads(t, b, certificate)
			}
		}
	}
	if n < 15 {
		t.Errorf("only %d blocks were found", n)
	}
}

// wholeFile is what a configuration must have.
var wholeFile = map[string]string{
	"store": "store: /etc/grab/store\n",
	"ssh":   "ssh: {key: {file: /etc/grab/id_ecdsa}, known_hosts: /etc/grab/known_hosts}\n",
	"mail":  "mail: {server: imap.example.com, user: rtmt@example.com, password: {file: /etc/grab/imap.secret}}\n",
	"sites": "sites: [{name: hq, hosts: [{name: c1, address: 10.0.0.1}]}]\n",
}

// loads loads a block, with what a whole configuration has besides, and the files named.
func loads(t *testing.T, b testdocs.Block, certificate string) {
	t.Helper()
	text := b.Text
	for key, rest := range wholeFile {
		if !regexp.MustCompile(`(?m)^` + key + `:`).MatchString(text) {
			text += rest
		}
	}
	dir := t.TempDir()
	for _, m := range regexp.MustCompile(`(/etc/grab/|\[)([\w-]+(?:\.[\w-]+)*)`).FindAllStringSubmatch(text, -1) {
		content, name := "5e1f9ab07c33d2486b\n", filepath.Join(dir, m[2])
		switch {
		case strings.HasSuffix(name, ".pem"):
			content = certificate
		case strings.HasSuffix(name, ".url"):
			content = "https://intake.example.com/in\n"
		case strings.HasSuffix(name, "analysts.txt"):
			content = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\n"
		}
		err := os.WriteFile(name, []byte(content), 0o600)
		if strings.HasSuffix(name, "cxd") { // of which each case has a file
			err = errors.Join(os.Remove(name), os.Mkdir(name, 0o700))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "grab.yaml")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "/etc/grab/", filepath.ToSlash(dir)+"/")), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(path); err != nil {
		t.Errorf("%s: %v\n%s", b.At(), err, b.Text)
	}
}
