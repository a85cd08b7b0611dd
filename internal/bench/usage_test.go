//go:build linux

package bench

import (
	"os"
	"syscall"
)

// usage takes over what a program has used. Linux counts the memory in KiB.
func (m *measured) usage(s *os.ProcessState) {
	m.cpu += s.UserTime() + s.SystemTime()
	if u, ok := s.SysUsage().(*syscall.Rusage); ok {
		m.rss = max(m.rss, u.Maxrss<<10)
	}
}
