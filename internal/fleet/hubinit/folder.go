package hubinit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rtmtgrab/internal/access"
	"rtmtgrab/internal/atomicfile"
)

// A folder is what Make makes.
type folder struct {
	dir     string
	created []string
}

// write writes a file of dir, if it is not as it should be.
func (f *folder) write(b []byte, elem ...string) error {
	name := filepath.Join(append([]string{f.dir}, elem...)...)
	was, err := os.ReadFile(name)
	if err == nil && slices.Equal(was, b) {
		return nil
	}
	if err := atomicfile.MkdirAll(filepath.Dir(name)); err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(name, b); err != nil {
		return err
	}
	if errors.Is(err, os.ErrNotExist) {
		f.created = append(f.created, name)
	}
	return nil
}

// read reads a file of dir that write wrote; there is none: nil.
func (f *folder) read(elem ...string) ([]byte, error) {
	name := filepath.Join(append([]string{f.dir}, elem...)...)
	if who, err := access.Exposed(name); err == nil && who != nil {
		return nil, fmt.Errorf("%s can be read or changed by %s: close it to others first", name, strings.Join(who, ", "))
	}
	b, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return b, err
}
