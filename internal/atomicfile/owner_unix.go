//go:build !windows

package atomicfile

import (
	"os"
	"path/filepath"
	"syscall"
)

// Adopt gives a file or folder that root has just made to the owner of the folder
// it is in: a command run as root must not lock out the service whose store it is.
// It does nothing for anybody else. Its failure is none: the contents count.
func Adopt(made string) { give(made, filepath.Dir(made)) }

// give makes the owner of like the owner of made, if root runs the program.
func give(made, like string) {
	if os.Geteuid() != 0 {
		return
	}
	info, err := os.Lstat(like)
	if err != nil {
		info, err = os.Lstat(filepath.Dir(like))
	}
	if err != nil {
		return
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 {
		os.Lchown(made, int(st.Uid), int(st.Gid))
	}
}
