package handing

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

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
