package config

import (
	"rtmtgrab/internal/config/prtconf"
	"rtmtgrab/internal/config/secret"
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
