package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"time"
)

var asideRE = regexp.MustCompile(`\.damaged-\d{8}T\d{6}Z(-\d+)?$`)

// IsAside reports whether SetAside gave a file its name.
func IsAside(name string) bool { return asideRE.MatchString(name) }

// SetAside moves what stands at path, whatever it is, out of the way, for a person to
// look at: to a free name beside it, path.damaged-TIME.
func SetAside(path string) (aside string, err error) {
	base := path + ".damaged-" + time.Now().UTC().Format("20060102T150405Z")
	aside = base
	for n := 2; ; n++ {
		if _, err := os.Lstat(aside); err != nil { // free, or the renaming finds out
			break
		}
		aside = fmt.Sprintf("%s-%d", base, n)
	}
	return aside, Rename(path, aside)
}

// FreeLock sets aside what stands in the place of a lock file and can be none, such as a
// folder; aside is empty if there was nothing of the kind. Locks hold no state.
func FreeLock(name string) (aside string, err error) {
	info, err := os.Stat(name)
	switch {
	case err == nil && info.Mode().IsRegular():
		return "", nil
	case err != nil:
		if _, err := os.Lstat(name); err != nil {
			return "", nil // there is nothing, or whoever locks finds out
		}
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return "", nil // a link to what can be made, or a file of others
		}
	}
	return SetAside(name)
}
