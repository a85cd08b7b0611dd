package config

import (
	"crypto/tls"

	"rtmtgrab/internal/config/diagconf"
	"rtmtgrab/internal/config/fleetconf"
	"rtmtgrab/internal/config/prtconf"
	"rtmtgrab/internal/config/secret"
	"rtmtgrab/internal/evidence"
)

func checkPRT(c *checker) {
	p := c.cfg.PRT
	if p == nil {
		return
	}
	c.address("prt.listen", &p.Listen, prtconf.DefaultPort)
	files := !c.opts.MissingSecrets
	if p.TLS != nil && files && p.TLS.KeyFile != "" {
		if what := secret.CheckFile(p.TLS.KeyFile); what != "" {
			c.bad("prt.tls.key_file", "%s", what)
			files = false
		}
	}
	p.Check(files, func(key, format string, args ...any) {
		if at := "prt." + key; c.sound(at) {
			c.bad(at, format, args...)
		}
	})
}

func checkDiagnostics(c *checker, at string, d, base *diagconf.Diagnostics) {
	pins := func(at string, pins []string) { checkPins(c, at, pins) }
	d.Check(at, base, diagconf.Judge{Has: c.has, Given: c.given, Bad: c.bad, Text: c.required, CA: c.caFile, Secret: c.secret, Needed: c.requiredSecret, Pins: pins})
}

func checkFleet(c *checker) {
	f := c.cfg.Fleet
	if f == nil {
		return
	}
	f.Check("fleet", fleetconf.Judge{Given: c.given, Bad: c.bad, Text: c.required, CA: c.caFile, Secret: c.secret, Pair: func(at, cert, key string) {
		if !c.required(at+".cert_file", cert) || !c.required(at+".key_file", key) || c.opts.MissingSecrets {
			return
		}
		if what := secret.CheckFile(key); what != "" {
			c.bad(at+".key_file", "%s", what)
			return
		}
		if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
			c.bad(at, "the certificate cannot be used: %s", evidence.Printable(err.Error(), 200))
		}
	}})
}
