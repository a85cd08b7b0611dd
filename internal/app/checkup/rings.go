package checkup

import (
	"errors"
	"fmt"
	"time"

	"rtmtgrab/fetch/ring"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/wiring"
)

// mailDelay is how long after an event its mail may well be read.
const mailDelay = 2 * time.Minute

// ShortRing says why the ring of a host cannot hold the whole window of an alert, and
// what would help; both are empty if it can.
func ShortRing(cfg *config.Config, h *config.Host) (why, hint string) {
	need := cfg.Window.Before + mailDelay
	if !h.Ring.Enabled || h.Ring.Keep >= need {
		return "", ""
	}
	return fmt.Sprintf("ring.keep is %s: a window begins %s (window.before) before its alert, and the mail comes up to %s later", human.Span(h.Ring.Keep), human.Span(cfg.Window.Before), human.Span(mailDelay)),
		fmt.Sprintf("set ring.keep to %s or more", human.Span(need))
}

// judgeRings looks at the rings' configuration.
func (c *Checkup) judgeRings() {
	for _, h := range c.Hosts {
		if why, hint := ShortRing(c.Cfg, h); why != "" {
			c.add(Finding{Host: h.Name, What: "ring", Status: StatusWarn, Detail: why, Hint: hint})
		}
	}
}

// judgeRing says how deep the ring of a host is and what it costs.
func (c *Checkup) judgeRing(h *config.Host) (findings []Finding) {
	if !h.Ring.Enabled {
		return nil
	}
	const hint = "grab watch fills it while it runs; its log says when a ring is down"
	costs, err := ring.Cost(wiring.RingDir(c.Cfg, h.Name), h.Logs.Families)
	if err == nil && len(costs) == 0 {
		err = errors.New("empty so far")
	}
	if err != nil {
		return []Finding{{Host: h.Name, What: "ring", Status: StatusWarn, Detail: err.Error(), Hint: hint}}
	}
	now := time.Now()
	for _, r := range costs {
		f := Finding{Host: h.Name, What: "ring", Status: StatusOK, Detail: ringCost(r, now, c.Cfg.SitesOf(h.Name)[0].Zone())}
		switch {
		case now.Sub(r.Until) > 3*h.Ring.Every+time.Minute:
			f.Status, f.Hint = StatusWarn, hint
		case r.Breaks > 0 || r.Damaged > 0:
			f.Status = StatusWarn
			f.Detail += fmt.Sprintf(", %s where something may be missing, %d damaged or lost frames", human.Plural(r.Breaks, "place"), r.Damaged)
			f.Hint = "shorten ring.every if the logs rotate fast; each bundle says what is missing in its own window"
		}
		findings = append(findings, f)
	}
	return findings
}

// ringCost words what one family of a ring has and takes.
func ringCost(r evidence.RingFamily, now time.Time, zone *time.Location) string {
	text := fmt.Sprintf("%s: %s on disk", r.Family, human.Size(r.Bytes))
	if !r.Since.IsZero() {
		text += fmt.Sprintf(", reaches back %s, to %s", human.Span(now.Sub(r.Since)), human.Clock{Zone: zone}.At(r.Since.Truncate(time.Second)))
	}
	if r.PerMin > 0 {
		text += fmt.Sprintf(", %s a minute, stored as %s", human.Size(r.PerMin), human.Size(r.StoredPerMin))
	}
	if r.Until.IsZero() {
		return text + ", no increment yet"
	}
	return text + ", last increment " + human.Ago(max(now.Sub(r.Until), 0))
}
