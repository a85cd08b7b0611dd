package config

import (
	"time"

	"rtmtgrab/internal/config/scalar"
	"rtmtgrab/internal/loopback"
)

// Intake is where programs post alerts, each signed with the secret that they share with us.
type Intake struct {
	Listen string        `yaml:"listen"` // address:port
	Hosts  []string      `yaml:"hosts"`  // names besides Listen's, localhost and addresses by which it may be called
	Secret Secret        `yaml:"secret"`
	TLS    *ServerTLS    `yaml:"tls"`  // nil: none, on loopback addresses only
	Skew   time.Duration `yaml:"skew"` // by which a sender's clock may differ, and for how long what was sent may be sent again
}

// ServerTLS is the certificate of a server of ours and its key, in PEM.
type ServerTLS struct {
	CertFile string `yaml:"cert_file,path"`
	KeyFile  string `yaml:"key_file,path"`
}

const (
	defaultIntakePort = 9470

	minSkew = 10 * time.Second
	maxSkew = time.Hour
)

func checkIntake(c *checker) {
	const at = "alerts.webhook"
	in := c.cfg.Alerts.Webhook
	if in == nil {
		return
	}
	if c.address(at+".listen", &in.Listen, defaultIntakePort) && in.TLS == nil && !loopback.HostPort(in.Listen) && c.sound(at+".tls") {
		c.bad(at+".listen", "without tls: everyone on the way could read the alerts, names of nodes and phones among them: it is allowed only for loopback addresses")
	}
	if in.Listen != "" && in.Listen == c.cfg.HTTP.Listen && c.sound(at+".listen") {
		c.bad(at+".listen", "%s is where http: listens: choose another port", in.Listen)
	}
	if !c.has(at + ".secret") {
		c.bad(at+".secret", "required key is missing: {file: NAME} or {env: NAME}; `openssl rand -hex 32` makes one")
	}
	c.secret(at+".secret", in.Secret)
	if (in.Skew < minSkew || in.Skew > maxSkew) && c.given(at+".skew") {
		c.bad(at+".skew", "must be from 10s to 1h")
	}
	for i, name := range in.Hosts {
		if i := indexed(at+".hosts", i); c.required(i, name) && !hostName().MatchString(name) {
			c.bad(i, "%s is not a host name: write it without a scheme and a port", scalar.Quote(name))
		}
	}
	if in.TLS != nil {
		c.required(at+".tls.cert_file", in.TLS.CertFile)
		if c.required(at+".tls.key_file", in.TLS.KeyFile) {
			c.secret(at+".tls.key_file", SecretFile(in.TLS.KeyFile))
		}
	}
}
