//go:build unix

package owner

import (
	"os"
	"syscall"
	"testing"
)

// signal stops a process, or lets it go on.
func signal(t *testing.T, p *os.Process, goOn bool) {
	t.Helper()
	s := syscall.SIGSTOP
	if goOn {
		s = syscall.SIGCONT
	}
	if err := p.Signal(s); err != nil {
		t.Fatal(err)
	}
}
