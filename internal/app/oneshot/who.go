package oneshot

import (
	"os"
	"os/user"
)

// Whoami is the user that runs this command.
func Whoami() string {
	name := "an unknown user"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if su := os.Getenv("SUDO_USER"); su != "" && os.Geteuid() == 0 {
		name += " (sudo by " + su + ")"
	}
	return name
}
