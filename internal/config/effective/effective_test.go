package effective

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"rtmtgrab/internal/config"
)

const hidden = "xq7-hidden-in-a-file"

// view shows a configuration that is written to a folder with a file of secrets.
func view(t *testing.T, text string) (View, string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("GRAB_EFFECTIVE_TEST", hidden)
	for name, data := range map[string]string{"grab.yaml": text, "secret": hidden, "url": "https://example.com/" + hidden} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, lines, err := config.Explain(filepath.Join(dir, "grab.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	v := Of(cfg, lines)
	var out bytes.Buffer
	if err := v.Write(&out); err != nil {
		t.Fatal(err)
	}
	return v, out.String()
}

// everyKey are configurations with every key that there is.
func everyKey(t *testing.T) []string {
	t.Helper()
	var texts []string
	for _, name := range []string{"grab.yaml", "other.yaml"} {
		text, err := os.ReadFile(filepath.Join("../../../cmd/grab/testdata/every-key", name))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, strings.ReplaceAll(string(text), "GRAB_TEST_SECRET", "GRAB_EFFECTIVE_TEST"))
	}
	return texts
}

var element = regexp.MustCompile(`\[\d+\]$`)

// Each value that is said to come from a line of the file stands there, under its key.
func TestLines(t *testing.T) {
	for _, text := range everyKey(t) {
		v, _ := view(t, text)
		lines := strings.Split(text, "\n")
		seen := map[string]bool{}
		for _, s := range v.Settings {
			if seen[s.Key] {
				t.Errorf("%s is shown twice", s.Key)
			}
			seen[s.Key] = true
			if (s.Line == 0) != (s.From == Default) {
				t.Errorf("%s: %s, line %d", s.Key, s.From, s.Line)
			}
			key := s.Key[strings.LastIndexByte(s.Key, '.')+1:]
			if s.Line > 0 && !element.MatchString(key) && !strings.Contains(lines[s.Line-1], key+":") {
				t.Errorf("%s is not in line %d: %s", s.Key, s.Line, lines[s.Line-1])
			}
		}
		if len(v.Settings) < 60 {
			t.Errorf("only %d settings", len(v.Settings))
		}
	}
}

// The text is YAML with as many values as there are settings, and holds no secret.
func TestText(t *testing.T) {
	for _, text := range everyKey(t) {
		v, out := view(t, text)
		if strings.Contains(out, hidden) || strings.Contains(out, "hunter2") {
			t.Errorf("a secret is shown:\n%s", out)
		}
		if !strings.Contains(out, "***") {
			t.Error("no secret is starred")
		}
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(out), &doc); err != nil {
			t.Fatalf("%v in\n%s", err, out)
		}
		if n := leaves(&doc); n != len(v.Settings) {
			t.Errorf("%d values for %d settings", n, len(v.Settings))
		}
	}
}

func leaves(n *yaml.Node) (count int) {
	switch {
	case n.Kind == yaml.ScalarNode || n.Kind == yaml.SequenceNode && len(n.Content) == 0:
		return 1
	case n.Kind == yaml.MappingNode:
		for i := 1; i < len(n.Content); i += 2 {
			count += leaves(n.Content[i])
		}
		return count
	}
	for _, c := range n.Content {
		count += leaves(c)
	}
	return count
}

// What a host has from the file's sections is told from what it says itself.
func TestOrigins(t *testing.T) {
	v, _ := view(t, `mail:
  server: imap.example.com
  user: rtmt
  password: {env: GRAB_EFFECTIVE_TEST}
  mailbox: Alerts
ssh:
  key: {file: secret}
  user: admin
  jump: [{address: bastion.example.com, user: j, key: {file: secret}}]
logs: {families: [network_log, messages]}
keep: {age: 90d}
sites:
  - name: hq
    clusters: [A]
    hosts:
      - {name: c1, address: 10.0.0.1}
      - name: c2
        address: 10.0.0.2
        ssh: {user: root, password: {file: secret}, jump: [{address: other.example.com, user: j, key: {file: secret}}]}
        logs: {families: [messages]}
`)
	got := map[string]string{}
	for _, s := range v.Settings {
		value, _ := s.Value.(string)
		got[s.Key] = strings.TrimSpace(value + " " + s.From + " " + strconv.Itoa(s.Line))
	}
	for key, want := range map[string]string{
		"mail[0].server":                      "imap.example.com:993 file 2",
		"mail[0].mailbox[0]":                  "Alerts file 5",
		"mail[0].poll":                        "1m default 0",
		"keep.age":                            "90d file 11",
		"ssh.user":                            "admin file 8",
		"sites[0].hosts[0].ssh.user":          "admin inherited 8",
		"sites[0].hosts[0].ssh.key":           "*** inherited 7",
		"sites[0].hosts[0].ssh.login":         "auto default 0",
		"sites[0].hosts[0].ssh.jump[0].user":  "j inherited 9",
		"sites[0].hosts[0].ssh.jump[0].login": "auto default 0",
		"sites[0].hosts[0].logs.families[1]":  "messages inherited 10",
		"sites[0].hosts[1].ssh.user":          "root file 19",
		"sites[0].hosts[1].ssh.password":      "*** file 19",
		"sites[0].hosts[1].ssh.key":           "",
		"sites[0].hosts[1].ssh.jump[0].login": "auto default 0",
		"sites[0].hosts[1].logs.families[0]":  "messages file 20",
	} {
		if got[key] != want {
			t.Errorf("%s: %q, want %q", key, got[key], want)
		}
	}
}
