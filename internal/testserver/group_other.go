//go:build !unix

package testserver

import "os/exec"

// There are no such servers here; these let the tests compile.
func ownGroup(*exec.Cmd) {}

func killGroup(cmd *exec.Cmd) { cmd.Process.Kill() }
