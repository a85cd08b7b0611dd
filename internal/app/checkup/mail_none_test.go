package checkup

import (
	"slices"
	"strings"
	"testing"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/config/fleetconf"
)

// Without a mailbox there is something to say only where alerts come by no other way.
func TestNoMailbox(t *testing.T) {
	for ways, cfg := range map[string]config.Config{
		"":                  {},
		"fleet":             {Fleet: &fleetconf.Fleet{}},
		"alerts.webhook":    {Alerts: config.Alerts{Webhook: &config.Intake{}}},
		"cucm: poll":        {CUCM: []config.CUCM{{Poll: config.CUCMPoll{Enabled: true}}}},
		"cucm: poll, fleet": {Fleet: &fleetconf.Fleet{}, CUCM: []config.CUCM{{}, {Poll: config.CUCMPoll{Enabled: true}}}},
	} {
		f := (&Checkup{Cfg: &cfg}).mailboxes(t.Context())
		c := &Checkup{Cfg: &cfg, Tell: func(Finding, int) {}}
		if c.Perform(t.Context(), Request{Offline: true}); len(f) != 1 || !slices.Contains(c.checks, f[0]) {
			t.Errorf("%q: a look at the file alone says %+v", ways, c.checks)
		}
		if len(f) != 1 || (f[0].Status == StatusOK) != (ways != "") || ways != "" && !strings.HasSuffix(f[0].Detail, "alerts come by "+ways) {
			t.Errorf("%q: %+v", ways, f)
		}
	}
}
