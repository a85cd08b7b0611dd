//go:build !windows

package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rtmtgrab/internal/access"
)

// TestLoadTrusted: a configuration, a store and known_hosts that others can change are
// refused.
func TestLoadTrusted(t *testing.T) {
	for _, what := range []string{"grab.yaml", "store", "known_hosts"} {
		dir := t.TempDir()
		path := filepath.Join(dir, "grab.yaml")
		text := `store: store
ssh: {password: {file: secret}}
sites: [{name: hq, time_zone: UTC, hosts: [{name: c, role: C, address: 127.0.0.1}]}]
`
		for name, text := range map[string]string{"grab.yaml": text, "secret": "x9", "known_hosts": ""} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Mkdir(filepath.Join(dir, "store"), 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err != nil {
			t.Fatal(err)
		}
		loose := filepath.Join(dir, what)
		if err := os.Chmod(loose, 0o777); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path)
		if l, ok := errors.AsType[*access.Loose](err); !ok || !strings.Contains(l.Error(), loose) || l.Fix[0] != "chmod go-w "+loose {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := (Options{Reading: true}).Load(path); err != nil {
			t.Errorf("%s: to show something: %v", what, err)
		}
	}
}
