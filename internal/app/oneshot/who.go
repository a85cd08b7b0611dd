package oneshot

import (
	"os"
	"os/user"
)

// homeFolder is this user's folder, also where no $HOME names it, as under cron or systemd.
func homeFolder() (string, error) {
	home, err := os.UserHomeDir()
	if u, unknown := user.Current(); err != nil && unknown == nil && u.HomeDir != "" {
		return u.HomeDir, nil
	}
	return home, err
}

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
