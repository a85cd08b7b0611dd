//go:build unix

package channel

import (
	"os/exec"
	"syscall"
)

// ownGroup makes a command and its children a process group, that is killed whole.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
