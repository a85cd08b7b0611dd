//go:build unix

package testserver

import (
	"os/exec"
	"syscall"
)

// ownGroup makes a server and its children a process group of their own.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup ends a server and its children at once.
func killGroup(cmd *exec.Cmd) { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// Pause has the server and its children do nothing, as SIGSTOP does, until Resume.
func (d *daemon) Pause() { d.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (d *daemon) Resume() { d.signal(syscall.SIGCONT) }

func (d *daemon) signal(s syscall.Signal) {
	if d.exited != nil {
		syscall.Kill(-d.cmd.Process.Pid, s)
	}
}
