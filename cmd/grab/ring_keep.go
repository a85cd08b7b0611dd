package main

import (
	"fmt"
	"time"

	"rtmtgrab/internal/config"
)

// mailDelay is how long after an event its mail may well be read.
const mailDelay = 2 * time.Minute

// shortRing says why the ring of a host cannot hold the whole window of an alert, and
// what would help; both are empty if it can.
func shortRing(cfg *config.Config, h *config.Host) (why, hint string) {
	need := cfg.Window.Before + mailDelay
	if !h.Ring.Enabled || h.Ring.Keep >= need {
		return "", ""
	}
	return fmt.Sprintf("ring.keep is %s: a window begins %s (window.before) before its alert, and the mail comes up to %s later", h.Ring.Keep, cfg.Window.Before, mailDelay),
		fmt.Sprintf("set ring.keep to %s or more", need)
}

// judgeRings looks at the rings' configuration.
func (c *checkup) judgeRings() {
	for _, h := range c.hosts {
		if why, hint := shortRing(c.cfg, h); why != "" {
			c.add(finding{h.Name, "ring", statusWarn, why, hint})
		}
	}
}
