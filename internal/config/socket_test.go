package config

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestSocket(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"socket: {path: none}\n", ""},
		{"socket: {group: grab-users}\n", ""},
		{"socket: {path: grab.sock}\n", "write"},
		{"socket: {path: [a]}\n", "single value"},
		{"socket: {mode: 0666}\n", "unknown key"},
	} {
		dir := folder(t)
		_, err := Load(put(t, dir, "grab.yaml", tt.text+minimal))
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.text, err)
		}
	}
}

// A look finds the watcher's place in a file whose other contents are no use here.
func TestLook(t *testing.T) {
	dir := t.TempDir()
	path := put(t, dir, "grab.yaml", "store: here\nsocket: {path: /run/x/y.sock, group: g}\nmail: {password: {file: /not/there}, ca_file: /not/there}\nunknown: 1\nsites: []\n")
	g, err := Look(path)
	if err != nil || g.Path != path || g.Store != filepath.Join(dir, "here") || g.Socket != (Socket{"/run/x/y.sock", "g"}) {
		t.Errorf("%+v %v", g, err)
	}
	if g, err := Look(put(t, dir, "bare.yaml", "sites: []\n")); err != nil || g.Store != defaultStore() || g.Socket.Path != "" {
		t.Errorf("%+v %v", g, err)
	}
	for _, bad := range []string{"a: [", ""} {
		if _, err := Look(put(t, dir, "bad.yaml", bad)); err == nil {
			t.Errorf("%q: taken", bad)
		}
	}
	if _, err := Look(filepath.Join(dir, "none.yaml")); err == nil {
		t.Error("a file that is not there was read")
	}
}
