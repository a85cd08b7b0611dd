//go:build !windows

package diskspace

import "golang.org/x/sys/unix"

// Free is how many bytes this user can still write below dir.
func Free(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}
