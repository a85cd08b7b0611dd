package lab

import (
	"path"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/crypto/ssh"
)

// The log folder is found by LogDir over SFTP, and a command reaches nothing outside of it.
func TestLogDir(t *testing.T) {
	e := start(t, ExpresswayConfig{Password: "x"})
	if !path.IsAbs(e.LogDir()) || runtime.GOOS != "windows" && e.LogDir() != e.Dir() {
		t.Errorf("%s for %s", e.LogDir(), e.Dir())
	}
	names, err := openSFTP(t, mustDial(t, e, ssh.Password("x"))).ReadDir(e.LogDir())
	if err != nil || len(names) == 0 {
		t.Error(names, err)
	}
	if local, ok := e.shell.local(e.LogDir() + "/" + NetworkLog); !ok || local != filepath.Join(e.Dir(), NetworkLog) {
		t.Error(local, ok)
	}
	for _, name := range []string{e.LogDir(), e.LogDir() + "/..", e.LogDir() + "/.", e.LogDir() + "/a/b", e.LogDir() + "/../x", "/etc/passwd", NetworkLog, ""} {
		if local, ok := e.shell.local(name); ok {
			t.Errorf("%q is %s", name, local)
		}
	}
}
