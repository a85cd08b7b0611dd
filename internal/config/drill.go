package config

import (
	"strings"
	"time"

	"rtmtgrab/internal/config/scalar"
)

// Drill says how an alert is rehearsed, and how often.
type Drill struct {
	Every time.Duration `yaml:"every"`    // of each site; 0: only `grab drill` makes one
	At    time.Duration `yaml:"at,clock"` // in the site's zone
	To    string        `yaml:"to"`       // empty: the address of the mailbox, see Mail.Address
	From  string        `yaml:"from"`     // empty: smtp.from, or of alerts.from the first address
}

func defaultDrill() Drill { return Drill{At: 3 * time.Hour} }

// Drilling is how drills are made where drill: does not say so: From is empty where there
// is no such address.
func (c *Config) Drilling() Drill {
	d := defaultDrill()
	if c.Drill != nil {
		d = *c.Drill
	}
	if d.From == "" && c.SMTP != nil {
		d.From = c.SMTP.From
	}
	for _, from := range c.Alerts.From {
		if d.From == "" && !strings.HasPrefix(from, "@") {
			d.From = from
		}
	}
	for _, from := range c.Alerts.From {
		if d.From == "" {
			d.From = "rtmt" + from
		}
	}
	return d
}

// Address is where mails to the mailbox go, as far as that is known; else "".
func (m *Mail) Address() string {
	switch {
	case m.Canary != nil:
		return m.Canary.To
	case strings.Contains(m.User, "@"):
		return m.User
	}
	return ""
}

func checkDrill(c *checker) {
	d := c.cfg.Drill
	if d == nil {
		return
	}
	if d.Every < day && c.given("drill.every") {
		c.bad("drill.every", "must be at least 1d")
	}
	if d.At == day && c.given("drill.at") {
		c.bad("drill.at", "24:00 is not a time to begin at: write 00:00")
	}
	if c.given("drill.to") && c.required("drill.to", d.To) {
		checkMailAddress(c, "drill.to", d.To)
	}
	if c.given("drill.from") && c.required("drill.from", d.From) {
		checkMailAddress(c, "drill.from", d.From)
	}
	switch {
	case d.Every == 0 || !c.sound("drill"):
	case len(c.cfg.Mails) == 0 && !c.has("mail"):
		c.bad("drill.every", "a drill is sent to a mailbox: add mail:")
	case len(c.cfg.Mails) > 0 && d.To == "" && c.cfg.Mails[0].Address() == "":
		c.bad("drill", "user %s of the first mailbox is not an address: set to: to the address whose mails come into it", scalar.Quote(c.cfg.Mails[0].User))
	}
}
