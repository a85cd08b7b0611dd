package collector

import (
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"rtmtgrab/mailwatch"
)

// watchdog feeds systemd's watchdog from the mailbox loops' own signs of life, as
// long as all of them turn.
func watchdog(turning func(now time.Time) bool) func(mailwatch.State) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval == 0 {
		return func(mailwatch.State) {}
	}
	return func(st mailwatch.State) {
		if turning(st.Now) {
			tellSystemd(daemon.SdNotifyWatchdog)
		}
	}
}

func tellSystemd(state string) { daemon.SdNotify(false, state) }
