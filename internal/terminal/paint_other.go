//go:build !windows

package terminal

import "os"

// colours reports whether a terminal understands escape sequences.
func colours(*os.File) bool { return true }
