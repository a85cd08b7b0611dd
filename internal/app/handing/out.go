package handing

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"rtmtgrab/internal/advice"
)

// noFolder is the error that --out is called like a folder, which is not there: a file of that
// name is nothing that anybody wanted.
func noFolder(out string) error {
	folder := out != "" && os.IsPathSeparator(out[len(out)-1])
	_, err := os.Stat(out)
	if err == nil || !folder && (!errors.Is(err, fs.ErrNotExist) || filepath.Ext(out) != "") {
		return nil
	}
	return advice.Usage(advice.WithHint(fmt.Errorf("--out: there is no folder %s", out), "make it, or name a file, with an ending: "+filepath.Clean(out)+".zip"))
}

// toWrite names the next move where an error is that this user may not write to --out: whoever
// reads a bundle from a folder of somebody else's has no use for another user's rights.
func toWrite(err error, out, input string) error {
	var denied *fs.PathError
	if !errors.Is(err, fs.ErrPermission) || !errors.As(err, &denied) || filepath.Clean(denied.Path) == filepath.Clean(input) {
		return err
	}
	for _, dir := range []string{out, filepath.Dir(out)} {
		if rel, e := filepath.Rel(dir, denied.Path); e == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
			return advice.WithHint(err, "name a folder that this user can write to with --out")
		}
	}
	return err
}
