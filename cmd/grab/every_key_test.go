package main_test

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/testserver"
)

// unlike are keys of smtp.oauth that stand in the data below mail.oauth alone, where
// they mean the same.
var unlike = []string{"smtp.oauth.client_secret", "smtp.oauth.service_account"}

// TestEveryKey: a configuration with every key that there is is right, and stays so.
func TestEveryKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	given := map[string]bool{}
	copyTree(t, filepath.Join("testdata", "every-key"), dir, func(name string, text []byte) (string, []byte) {
		if strings.HasSuffix(name, ".yaml") {
			var doc any
			if err := yaml.Unmarshal(text, &doc); err != nil {
				t.Fatal(err)
			}
			keysOf(doc, "", given)
		}
		if runtime.GOOS == "windows" { // a named pipe, and another program
			text = []byte(strings.NewReplacer("/run/grab/grab.sock", `'\\.\pipe\grab'`, "/bin/sh", `'C:\Windows\System32\cmd.exe'`).Replace(string(text)))
		}
		return name, text
	})
	for name, text := range map[string]string{"secret": "hunter2\n", "url": "https://example.com/hook\n", "proxy": "http://u:p@proxy.example.com:3128\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	testserver.KeyPair(t, dir)
	for _, name := range []string{"grab.yaml", "other.yaml"} {
		cmd := command(dir, "-c", name, "check", "--offline")
		cmd.Env = append(cmd.Env, "GRAB_TEST_SECRET=hunter2")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}

	known := map[string]bool{}
	knownKeys(reflect.TypeFor[config.Config](), "", known)
	if len(known) < 100 {
		t.Fatalf("only %d keys are known", len(known))
	}
	for key := range known {
		if !given[key] && !slices.Contains(unlike, key) {
			t.Errorf("testdata/every-key has no %s: add it, so that no later version drops it", key)
		}
	}
	words := documented(t)
	if len(words) < 90 {
		t.Fatalf("only %d keys are documented", len(words))
	}
	for word := range words {
		if prose := word == "legacy" || word == "appliance"; !prose && !slices.ContainsFunc(slices.Collect(maps.Keys(given)), func(key string) bool { return strings.HasSuffix("."+key, "."+word) }) {
			t.Errorf("testdata/every-key has no %s, which configs/grab.example.yaml documents", word)
		}
	}
}

// keysOf notes the paths of all keys of a document, elements of lists without numbers.
func keysOf(v any, path string, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, v := range v {
			at := strings.TrimPrefix(path+"."+k, ".")
			into[at] = true
			keysOf(v, at, into)
		}
	case []any:
		for _, v := range v {
			keysOf(v, path, into)
		}
	}
}

// knownKeys notes the paths of all keys of a type of the configuration. What has none
// with a name is a value.
func knownKeys(t reflect.Type, path string, into map[string]bool) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return
	}
	for i := range t.NumField() {
		if key, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ","); key != "" && key != "-" {
			at := strings.TrimPrefix(path+"."+key, ".")
			into[at] = true
			knownKeys(t.Field(i).Type, at, into)
		}
	}
}

var (
	keyLine = regexp.MustCompile(`^\s*(?:#\s*)?(?:- )?([a-z_]+):(?: |$)`)
	keyWord = regexp.MustCompile(`[{,] ?([a-z_]+): `)
)

// documented are the keys that the example has, in comments too.
func documented(t *testing.T) map[string]bool {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "configs", "grab.example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "  # ")
		for _, re := range []*regexp.Regexp{keyLine, keyWord} {
			for _, m := range re.FindAllStringSubmatch(line, -1) {
				words[m[1]] = true
			}
		}
	}
	return words
}
