package handing

import (
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
