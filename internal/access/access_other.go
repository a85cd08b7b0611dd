//go:build !windows

package access

import "os"

// Exposed is nil: modes hold here.
func Exposed(string) ([]string, error) { return nil, nil }

// Vouched is nil: modes hold here.
func Vouched(string) error { return nil }

// Mkdir makes a folder, mode 0700.
func Mkdir(dir string) error { return os.Mkdir(dir, 0o700) }
