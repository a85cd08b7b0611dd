package config

import (
	"net/url"
	"strings"

	"rtmtgrab/internal/config/scalar"
	"rtmtgrab/internal/loopback"
)

// Providers of access tokens.
const (
	ProviderMicrosoft = "microsoft" // Microsoft 365
	ProviderGoogle    = "google"
	ProviderCustom    = "custom" // any token endpoint: token_url
)

// OAuth is how to get access tokens for a mailbox. What is given decides the
// grant: RefreshToken, ServiceAccount (JWT bearer), else client credentials with
// ClientSecret or Certificate.
type OAuth struct {
	Provider       string   `yaml:"provider"`
	Tenant         string   `yaml:"tenant"` // Microsoft's: a UUID or a domain
	ClientID       string   `yaml:"client_id"`
	ClientSecret   Secret   `yaml:"client_secret"`
	Certificate    Secret   `yaml:"certificate"`     // PEM: an RSA key and its certificate
	ServiceAccount Secret   `yaml:"service_account"` // Google's JSON
	RefreshToken   Secret   `yaml:"refresh_token"`   // the first one; rotated ones are kept in the store
	TokenURL       string   `yaml:"token_url"`       // filled in for Microsoft and Google
	Scopes         []string `yaml:"scopes"`          // the same
	CAFile         string   `yaml:"ca_file,path"`    // of the token endpoint; empty: the system's authorities
	ca             caText   // what CAFile held when it was judged
}

const (
	microsoftURL   = "https://login.microsoftonline.com/TENANT/oauth2/v2.0/token"
	microsoftScope = "https://outlook.office365.com/.default"
	googleURL      = "https://oauth2.googleapis.com/token"
	googleScope    = "https://mail.google.com/"
)

// checkMailLogin sees to it that a mailbox has one way in.
func checkMailLogin(c *checker, at string, m *Mail) {
	password, oauth := c.has(at+".password"), c.has(at+".oauth")
	switch {
	case password && oauth:
		c.bad(at+".oauth", "set password or oauth, not both")
	case oauth:
		c.oneOf(at+".login", m.Login, "auto", "xoauth2", "oauthbearer")
	case m.Login == "xoauth2" || m.Login == "oauthbearer":
		if !password {
			c.bad(at+".oauth", "required key is missing: login %s needs it", m.Login)
		} else {
			c.bad(at+".login", "%s needs oauth: instead of password:", m.Login)
		}
	default:
		c.oneOf(at+".login", m.Login, "auto", "plain", "login")
		if !password {
			c.bad(at+".password", "required key is missing: write {file: NAME} or {env: NAME}, or set oauth:")
		}
	}
	c.secret(at+".password", m.Password)
	if m.OAuth != nil {
		checkOAuth(c, at+".oauth", m.OAuth)
	}
}

var tenantRE = once(`^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$`)

func checkOAuth(c *checker, at string, o *OAuth) {
	if c.required(at+".provider", o.Provider) {
		c.oneOf(at+".provider", o.Provider, ProviderMicrosoft, ProviderGoogle, ProviderCustom)
	}
	c.secret(at+".client_secret", o.ClientSecret)
	c.secret(at+".certificate", o.Certificate)
	c.secret(at+".service_account", o.ServiceAccount)
	c.secret(at+".refresh_token", o.RefreshToken)
	o.ca = c.caFile(at+".ca_file", o.CAFile)
	checkGrant(c, at, o)
	checkTenant(c, at, o)
	checkScopes(c, at, o)
	checkTokenURL(c, at, o)
}

// checkGrant sees to it that what is given makes one grant.
func checkGrant(c *checker, at string, o *OAuth) {
	given := func(key string) bool { return c.has(at + "." + key) }
	excluded := func(key string, others ...string) {
		for _, other := range others {
			if given(key) && given(other) {
				c.bad(at+"."+other, "set %s or %s, not both", key, other)
			}
		}
	}
	excluded("service_account", "refresh_token", "client_secret", "certificate", "client_id")
	excluded("client_secret", "certificate")
	if given("service_account") && o.Provider == ProviderMicrosoft {
		c.bad(at+".service_account", "only Google has this: Microsoft 365 needs client_id, and client_secret or certificate")
	}
	if given("certificate") && o.Provider == ProviderGoogle {
		c.bad(at+".certificate", "Google does not take this: set service_account, or client_id, client_secret and refresh_token")
	}
	if given("service_account") {
		return
	}
	if !given("refresh_token") {
		switch {
		case o.Provider == ProviderGoogle:
			c.bad(at, "no secret: set service_account, or client_id, client_secret and refresh_token")
			return
		case !given("client_secret") && !given("certificate"):
			c.bad(at, "no secret: set client_secret, certificate or refresh_token")
		}
	}
	c.required(at+".client_id", o.ClientID)
}

func checkTenant(c *checker, at string, o *OAuth) {
	if o.Provider != ProviderMicrosoft {
		if c.has(at + ".tenant") {
			c.bad(at+".tenant", "only provider microsoft has a tenant: remove this")
		}
		return
	}
	if c.has(at+".token_url") && !c.has(at+".tenant") || !c.required(at+".tenant", o.Tenant) {
		return
	}
	if !tenantRE().MatchString(o.Tenant) {
		c.bad(at+".tenant", "%s is not a tenant: write its ID or its domain, such as example.onmicrosoft.com", scalar.Quote(o.Tenant))
	}
}

func checkScopes(c *checker, at string, o *OAuth) {
	for i, s := range o.Scopes {
		at := indexed(at+".scopes", i)
		if c.required(at, s) && strings.ContainsAny(s, " \"\\") {
			c.bad(at, "%s is not a scope: write each scope as an element of its own", scalar.Quote(s))
		}
	}
	if len(o.Scopes) > 0 {
		return
	}
	switch o.Provider {
	case ProviderMicrosoft:
		o.Scopes = []string{microsoftScope}
	case ProviderGoogle:
		o.Scopes = []string{googleScope}
	}
}

func checkTokenURL(c *checker, at string, o *OAuth) {
	if !c.has(at + ".token_url") {
		switch o.Provider {
		case ProviderMicrosoft:
			o.TokenURL = strings.Replace(microsoftURL, "TENANT", o.Tenant, 1)
		case ProviderGoogle:
			o.TokenURL = googleURL
		case ProviderCustom:
			c.required(at+".token_url", "")
		}
		return
	}
	if !c.required(at+".token_url", o.TokenURL) {
		return
	}
	u, err := url.Parse(o.TokenURL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		c.bad(at+".token_url", "this is not a URL: write https://HOST/PATH")
	case u.User != nil:
		c.bad(at+".token_url", "the URL contains a user or password: set client_id and client_secret instead")
	case u.Scheme == "http" && !loopback.HostPort(withPort(u.Host)):
		c.bad(at+".token_url", "http would send secrets unencrypted: it is allowed only for loopback addresses")
	}
}

func withPort(host string) string {
	if a, err := scalar.Address(host, 80); err == nil {
		return a
	}
	return host
}
