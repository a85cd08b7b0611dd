package lab

import (
	"errors"
	"io/fs"
	"syscall"
)

// ignoreHeld forgives that a reader holds a file: the next record tries again.
func ignoreHeld(err error) error {
	const sharingViolation = syscall.Errno(32)
	if errors.Is(err, sharingViolation) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}
