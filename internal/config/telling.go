package config

import (
	"crypto/x509"
	"net/mail"
	"net/url"
	"path/filepath"
	"regexp"
	"rtmtgrab/internal/config/scalar"
	"rtmtgrab/internal/loopback"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// SMTP is the server that notices and canaries are sent through.
type SMTP struct {
	Server   string `yaml:"server"`       // host:port; the port defaults to 465, 587 with starttls, 25 with none
	TLS      string `yaml:"tls"`          // TLSImplicit, TLSStartTLS or TLSNone
	CAFile   string `yaml:"ca_file,path"` // PEM; empty: the system's authorities. See Roots
	ca       caText // what CAFile held when it was judged
	User     string `yaml:"user"` // empty: no login
	Password Secret `yaml:"password"`
	OAuth    *OAuth `yaml:"oauth"` // in place of Password; nil: none
	From     string `yaml:"from"`  // sender, a bare address
}

// Roots is the authorities of CAFile, or nil for the system's if there is none.
func (s *SMTP) Roots() (*x509.CertPool, error) { return roots(s.CAFile, s.ca) }

// Canary is the mail that the watcher of a mailbox sends to itself.
type Canary struct {
	Every  time.Duration `yaml:"every"`
	To     string        `yaml:"to"`     // empty in the file: the mailbox's user
	Late   time.Duration `yaml:"late"`   // after sending, until it is missed
	Delete bool          `yaml:"delete"` // whether it is removed from the mailbox when it was seen
}

// Heartbeat is an alert that comes every so often.
type Heartbeat struct {
	Name    string         `yaml:"name"`
	Match   *regexp.Regexp `yaml:"match"`   // in subject or body, without regard to case
	Cluster string         `yaml:"cluster"` // as in the mail's subject; empty: any
	Every   time.Duration  `yaml:"every"`
}

// Notify says who is told, and of what.
type Notify struct {
	After    time.Duration `yaml:"after"` // problems that are shorter stay quiet
	Mail     NotifyMail    `yaml:"mail"`
	Webhooks []Webhook     `yaml:"webhooks"`
	Command  []string      `yaml:"command"` // program, an absolute path, and its arguments
	On       []string      `yaml:"on"`      // problems, incidents
	Mask     string        `yaml:"mask"`    // MaskNone, MaskCredentials or MaskIdentities
}

// NotifyMail is who gets notices by mail.
type NotifyMail struct {
	To []string `yaml:"to"` // bare addresses
}

// Webhook is an address that notices are posted to.
type Webhook struct {
	URL      Address `yaml:"url"`
	Template string  `yaml:"template"` // json, teams or slack
}

// An Address is a URL: as text, or as a Secret, for whoever has the URL of a Slack
// or Teams channel can write there. It is printed like a Secret.
type Address struct{ Secret }

// address decodes text, or a Secret.
func (d *decoder) address(n *yaml.Node, path string, to *Address) {
	if n.Kind == yaml.MappingNode {
		to.Secret = d.secret(n, path)
		return
	}
	if s, ok := d.scalar(n, path); ok {
		if err := CheckURL(s); err != "" {
			d.bad(path, "%s", err)
		}
		to.Secret = NewSecret(s)
	}
}

// CheckURL says why notices are not posted to an address, or "". It quotes
// nothing of it.
func CheckURL(s string) string {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return "this is not a URL: write https://HOST/PATH"
	case u.Scheme == "http" && !loopback.HostPort(hostPort(u)):
		return "http:// would send notifications unencrypted: it is allowed only for loopback addresses"
	case u.User != nil:
		return "a user or password in a URL is not supported"
	}
	return ""
}

func hostPort(u *url.URL) string {
	a, err := scalar.Address(u.Host, 80)
	if err != nil {
		return ""
	}
	return a
}

func defaultCanary() Canary { return Canary{Every: 15 * time.Minute, Late: 5 * time.Minute} }

func defaultNotify() Notify {
	return Notify{After: 5 * time.Minute, On: []string{"problems", "incidents"}, Mask: MaskCredentials}
}

// checkTelling checks smtp:, mail.canary, notify: and heartbeats:.
func checkTelling(c *checker) {
	checkSMTP(c)
	checkCanaries(c)
	checkNotify(c)
	seen := map[string]string{}
	for i, h := range c.cfg.Beats {
		at := indexed("heartbeats", i)
		c.name(at+".name", h.Name, seen)
		if h.Match == nil && c.sound(at+".match") {
			c.bad(at+".match", "required key is missing")
		}
		c.positive(at+".every", h.Every)
	}
}

func checkSMTP(c *checker) {
	s := c.cfg.SMTP
	if s == nil {
		return
	}
	c.oneOf("smtp.tls", s.TLS, TLSImplicit, TLSStartTLS, TLSNone)
	if c.required("smtp.from", s.From) {
		checkMailAddress(c, "smtp.from", s.From)
	}
	port := map[string]int{TLSImplicit: 465, TLSStartTLS: 587, TLSNone: 25}[s.TLS]
	if c.address("smtp.server", &s.Server, port) && s.TLS == TLSNone && !loopback.HostPort(s.Server) {
		c.bad("smtp.tls", "\"none\" would send notifications unencrypted to %s: it is allowed only for loopback addresses", s.Server)
	}
	password, oauth := c.has("smtp.password"), c.has("smtp.oauth")
	switch {
	case password && oauth:
		c.bad("smtp.oauth", "set password or oauth, not both")
	case (password || oauth) && !c.has("smtp.user"):
		c.bad("smtp.user", "required key is missing: password and oauth need it")
	case c.has("smtp.user") && !password && !oauth:
		c.bad("smtp.user", "user needs a password: set password to {file: NAME} or {env: NAME}, or set oauth")
	}
	if s.OAuth != nil {
		checkOAuth(c, "smtp.oauth", s.OAuth)
	}
	c.secret("smtp.password", s.Password)
	s.ca = c.caFile("smtp.ca_file", s.CAFile)
}

// checkMailAddress checks a bare address, as SMTP's envelope takes it.
func checkMailAddress(c *checker, at, s string) bool {
	if a, err := mail.ParseAddress(s); err != nil || a.Address != s || strings.ContainsAny(s, " \"<>") || len(s) > 254 || strings.ContainsFunc(s, func(r rune) bool { return r > '~' }) {
		c.bad(at, "%s is not an address: write grab@example.com", scalar.Quote(s))
		return false
	}
	return true
}

func checkCanaries(c *checker) {
	for i := range c.cfg.Mails {
		if m := &c.cfg.Mails[i]; m.Canary != nil {
			checkCanary(c, c.element("mail", i)+".canary", m.Canary, m.User)
		}
	}
}

// checkCanary checks the canary of a mailbox whose user is given.
func checkCanary(c *checker, at string, k *Canary, user string) {
	if c.cfg.SMTP == nil && !c.has("smtp") {
		c.bad(at, "a canary is sent by SMTP: add smtp:")
	}
	if k.Every < time.Minute && c.given(at+".every") {
		c.bad(at+".every", "must be at least 1m")
	}
	if k.Late < 10*time.Second && c.given(at+".late") {
		c.bad(at+".late", "must be at least 10s")
	}
	if k.Every < k.Late && c.sound(at+".every", at+".late") {
		c.bad(at, "every (%s) is shorter than late (%s)", scalar.Written(k.Every), scalar.Written(k.Late))
	}
	switch {
	case c.has(at + ".to"):
		if c.sound(at + ".to") {
			checkMailAddress(c, at+".to", k.To)
		}
	case !strings.Contains(user, "@"):
		c.bad(at, "user %s is not an address: set to: to the address whose mails come into this mailbox", scalar.Quote(user))
	default:
		k.To = user
	}
}

func checkNotify(c *checker) {
	n := c.cfg.Notify
	if n == nil {
		return
	}
	if len(n.Mail.To)+len(n.Webhooks)+len(n.Command) == 0 && c.sound("notify") {
		c.bad("notify", "no recipients: add mail:, webhooks: or command:")
	}
	for i, to := range n.Mail.To {
		if at := indexed("notify.mail.to", i); c.required(at, to) {
			checkMailAddress(c, at, to)
		}
	}
	if len(n.Mail.To) > 0 && c.cfg.SMTP == nil && !c.has("smtp") {
		c.bad("notify.mail", "notifications by mail need smtp:")
	}
	for i, h := range n.Webhooks {
		at := indexed("notify.webhooks", i)
		c.oneOf(at+".template", h.Template, "json", "teams", "slack")
		if !c.has(at + ".url") {
			c.bad(at+".url", "required key is missing")
		}
		c.secret(at+".url", h.URL.Secret)
	}
	if len(n.Command) > 0 && !filepath.IsAbs(n.Command[0]) && c.sound("notify.command") {
		c.bad("notify.command", "write the absolute path of the program: neither a shell nor PATH is used")
	}
	if len(n.On) == 0 && c.sound("notify.on") {
		c.bad("notify.on", "the list is empty: no notification would be sent")
	}
	c.oneOf("notify.mask", n.Mask, MaskNone, MaskCredentials, MaskIdentities)
	for i, on := range n.On {
		c.oneOf(indexed("notify.on", i), on, "problems", "incidents")
	}
}
