package main

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
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
				if err := loads(t, b, certificate); err != nil {
					t.Errorf("%s: %v\n%s", b.At(), err, b.Text)
				}
			}
		}
	}
	spans := 0
	for _, d := range documents(t) {
		for _, s := range d.Spans() {
			if m := flowMapping.FindStringSubmatch(s.Text); m != nil && topKeys()[m[1]] && s.No < wasSince(d) {
				spans++
				err := loads(t, testdocs.Block{Text: s.Text + "\n"}, certificate)
				if fault := besidesLacking(err); fault != "" {
					t.Errorf("%s:%d: %s: %s", d.Name, s.No, s.Text, fault)
				}
			}
		}
	}
	if n < 15 || spans < 5 {
		t.Errorf("only %d blocks and %d keys in the text were found", n, spans)
	}
}

// flowMapping is a whole part of grab.yaml in a line of text: `drill: {every: 7d}`.
var flowMapping = regexp.MustCompile(`^(\w+): [{\[][^.]*[}\]]$`)

// topKeys are the keys at the top of grab.yaml.
func topKeys() map[string]bool {
	keys := map[string]bool{}
	for i, t := 0, reflect.TypeFor[config.Config](); i < t.NumField(); i++ {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		keys[name] = true
	}
	return keys
}

// wholeFile is what a configuration must have.
var wholeFile = map[string]string{
	"store": "store: /etc/grab/store\n",
	"ssh":   "ssh: {key: {file: /etc/grab/id_ecdsa}, known_hosts: /etc/grab/known_hosts}\n",
	"mail":  "mail: {server: imap.example.com, user: rtmt@example.com, password: {file: /etc/grab/imap.secret}}\n",
	"sites": "sites: [{name: hq, hosts: [{name: c1, address: 10.0.0.1}]}]\n",
}

// besidesLacking is the first fault that is not that something else has to stand there too: a
// line of text speaks of one key.
func besidesLacking(err error) string {
	if err == nil {
		return ""
	}
	for line := range strings.Lines(err.Error()) {
		if !strings.Contains(line, "required key is missing") && !strings.Contains(line, "no recipients") {
			return line
		}
	}
	return ""
}

// loads loads a block, with what a whole configuration has besides, and the files named.
func loads(t *testing.T, b testdocs.Block, certificate string) error {
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
	_, err := config.Load(path)
	return err
}
