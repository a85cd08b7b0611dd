package handing

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"rtmtgrab/internal/advice"
)

// A folder that is not there does not become a file of its name.
func TestNoFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"plain", "x.zip"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, good := range map[string]bool{
		"": true, "share": false, "share" + string(filepath.Separator): false, "case.zip": true, "case.tar.zst.age": true, "x.zip": true, "plain": true,
		filepath.Join("none", "case.zip"): true, "plain" + string(filepath.Separator): false,
	} {
		out := filepath.Join(dir, name)
		if name != "" && os.IsPathSeparator(name[len(name)-1]) {
			out += string(filepath.Separator)
		}
		if err := noFolder(out); (err == nil) != good || err != nil && (advice.Exit(err) != advice.BadUsage || advice.For(err) == "") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Who may not write where something is to be put is told to put it elsewhere; who may not read
// the bundle is not.
func TestToWrite(t *testing.T) {
	t.Parallel()
	const ours = "name a folder that this user can write to with --out"
	for _, c := range []struct {
		path, out, input string
		ours             bool
	}{
		{"./grab-open-1.part", ".", "a.zip", true},
		{"./a.zip", ".", "a.zip", false},
		{"/mnt/share/case.zip.X.part", "/mnt/share/case.zip", "/mnt/a.zip", true},
		{"/mnt/share/x/y", "/mnt/share", "/mnt/a.zip", true},
		{"/var/lib/grab/mask/map.key", "/mnt/share", "/mnt/a.zip", false},
	} {
		err := toWrite(fmt.Errorf("unpack: %w", &fs.PathError{Op: "mkdir", Path: filepath.FromSlash(c.path), Err: fs.ErrPermission}), filepath.FromSlash(c.out), filepath.FromSlash(c.input))
		if (advice.For(err) == ours) != c.ours || !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%+v: %v, %s", c, err, advice.For(err))
		}
	}
	if toWrite(nil, ".", "a.zip") != nil {
		t.Error("an error of nothing")
	}
}
