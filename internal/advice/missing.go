package advice

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
)

// mostNames bounds how much of a folder is looked at for a name that was meant.
const mostNames = 1000

// forMissing is the next move after an error of a file that is not there, "" after another.
func forMissing(err error) string {
	p, ok := errors.AsType[*fs.PathError](err)
	if !ok || !errors.Is(p, fs.ErrNotExist) {
		return ""
	}
	path, err := filepath.Abs(p.Path)
	if err != nil {
		return ""
	}
	dir, name := filepath.Split(path)
	f, err := os.Open(dir)
	if err != nil {
		return "check the path: there is no folder " + evidence.Printable(filepath.Clean(dir), 200)
	}
	defer f.Close()
	hint := "check the name: there is no " + evidence.Printable(name, 100) + " in " + evidence.Printable(filepath.Clean(dir), 200)
	names, _ := f.Readdirnames(mostNames) // what cannot be read means nothing
	if meant := human.Nearest(name, names...); meant != "" {
		hint += "; did you mean " + evidence.Printable(meant, 100) + "?"
	}
	return hint
}
