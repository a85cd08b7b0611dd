package testserver

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// A password login needs a password, and the machine's accounts are not ours to
// change. sshd asks PAM for the service whose name is its own program name, so
// the server is started through a link of a random name, and a PAM service of
// that name compares what was typed with a file of the test. The service's file
// is the only thing outside the test's folder; it goes when the test ends, and
// one that is left behind by a crash serves nobody.
func (s *SSHD) preparePAM(password string) {
	s.tb.Helper()
	if os.Geteuid() != 0 {
		s.tb.Fatal("password logins at a real sshd are tested through PAM: run the tests as root")
	}
	id := make([]byte, 6)
	rand.Read(id)
	name := "grab-test-" + hex.EncodeToString(id)

	s.write("password", password)
	script := s.path("check-password")
	s.write("check-password", fmt.Sprintf("#!/bin/sh\ntr -d '\\000' | cmp -s - '%s'\n", s.path("password")))
	must(s.tb, os.Chmod(script, 0o700))

	service := filepath.Join("/etc/pam.d", name)
	must(s.tb, os.WriteFile(service, fmt.Appendf(nil,
		"auth required pam_exec.so quiet expose_authtok %s\naccount required pam_permit.so\npassword required pam_deny.so\nsession required pam_permit.so\n",
		script), 0o644))
	s.tb.Cleanup(func() { os.Remove(service) })

	must(s.tb, os.Symlink(s.binary, s.path(name)))
	s.binary = s.path(name)
}
