package config

import (
	"net/textproto"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"rtmtgrab/internal/config/scalar"
	"rtmtgrab/internal/loopback"
)

// sinkKeys are what an entry of handover: has exactly one of.
var sinkKeys = []string{"folder", "sftp", "s3", "https", "cxd", "mail"}

// checkSink judges the one destination of an entry.
func checkSink(c *checker, at string, h *Handover) {
	var given []string
	for _, key := range sinkKeys {
		if c.has(at + "." + key) {
			given = append(given, key)
		}
	}
	switch {
	case len(given) == 0:
		c.bad(at, "no destination: set one of %s", strings.Join(sinkKeys, ", "))
	case len(given) > 1:
		c.bad(at+"."+given[1], "set one of %s, not both: write an entry for each", strings.Join(given[:2], " and "))
	}
	if h.SFTP != nil {
		checkSFTP(c, at+".sftp", h.SFTP)
	}
	if h.S3 != nil {
		checkS3(c, at+".s3", h.S3)
	}
	if h.HTTPS != nil {
		checkHTTPS(c, at+".https", h.HTTPS)
	}
	if h.CXD != nil {
		checkCXD(c, at, h)
	}
	if h.Mail != nil {
		checkMailSink(c, at+".mail", h.Mail)
	}
}

func checkSFTP(c *checker, at string, s *SFTPSink) {
	c.address(at+".address", &s.Address, 22)
	c.required(at+".user", s.User)
	checkHostKey(c, at+".host_key", s.HostKey)
	checkLogin(c, at, s.Account, false)
	if !c.has(at+".key") && !c.has(at+".password") {
		c.bad(at, "no login: set key or password")
	}
	if s.HostKey == "" {
		checkKnownHosts(c, at, at+".known_hosts", s.KnownHosts)
	}
	for i := range s.Jump {
		j := &s.Jump[i]
		if j.KnownHosts == "" {
			j.KnownHosts = s.KnownHosts
		}
	}
	checkJumps(c, at+".jump", s.Jump)
	for i, j := range s.Jump {
		if in := indexed(at+".jump", i); j.HostKey == "" {
			checkKnownHosts(c, in, in+".known_hosts", j.KnownHosts)
		}
	}
	if c.given(at+".dir") && c.required(at+".dir", s.Dir) && path.Clean(s.Dir) != strings.TrimSuffix(s.Dir, "/") && s.Dir != "/" {
		c.bad(at+".dir", "%s is not a path with slashes and without dots, such as /upload/grab", scalar.Quote(s.Dir))
	}
}

var (
	bucketRE = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	regionRE = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,40}$`)
	prefixRE = once(`^[A-Za-z0-9!_.*'()=/-]{1,512}$`)
)

func checkS3(c *checker, at string, s *S3Sink) {
	if c.has(at + ".endpoint") {
		port := 443
		if s.Plain {
			port = 80
		}
		if c.address(at+".endpoint", &s.Endpoint, port) && s.Plain && !loopback.HostPort(s.Endpoint) {
			c.bad(at+".plain", "unencrypted connections are allowed only to loopback addresses, not to %s", s.Endpoint)
		}
	} else if s.Plain {
		c.bad(at+".plain", "unencrypted connections are allowed only to loopback addresses")
	}
	if c.required(at+".bucket", s.Bucket) && !bucketRE.MatchString(s.Bucket) {
		c.bad(at+".bucket", "%s is not the name of a bucket: write 3 to 63 of a-z 0-9 . -", scalar.Quote(s.Bucket))
	}
	if c.required(at+".region", s.Region) && !regionRE.MatchString(s.Region) {
		c.bad(at+".region", "%s is not a region: write eu-central-1 or the like", scalar.Quote(s.Region))
	}
	if c.given(at+".prefix") && (!prefixRE().MatchString(s.Prefix) || strings.HasPrefix(s.Prefix, "/") || strings.Contains(s.Prefix, "//") || dotted(s.Prefix)) {
		c.bad(at+".prefix", "%s is not a prefix: write grab/ or the like", scalar.Quote(s.Prefix))
	}
	c.oneOf(at+".encryption", s.Encryption, "none", "aes256", "kms")
	if s.KMSKey != "" && s.Encryption != "kms" {
		c.bad(at+".kms_key", "a key needs encryption: kms")
	}
	access, secret := c.has(at+".access_key"), c.has(at+".secret_key")
	switch {
	case access != secret:
		c.bad(at, "set access_key and secret_key, or neither for the instance's own credentials")
	case c.has(at+".session_token") && !access:
		c.bad(at+".session_token", "a session token needs access_key and secret_key")
	}
	c.secret(at+".access_key", s.AccessKey)
	c.secret(at+".secret_key", s.SecretKey)
	c.secret(at+".session_token", s.SessionToken)
	s.ca = c.caFile(at+".ca_file", s.CAFile)
	c.secret(at+".proxy", s.Proxy.Secret)
}

// dotted reports whether a part of a path is . or .., which servers and proxies take away.
func dotted(p string) bool {
	return slices.ContainsFunc(strings.Split(p, "/"), func(s string) bool { return s == "." || s == ".." })
}

// ownHeaders are header fields that the sink itself sets.
var ownHeaders = []string{"Authorization", "Content-Length", "Content-Digest", "Repr-Digest", "Host", "Expect", "Transfer-Encoding", "Connection", "Trailer", "Te", "Upgrade", "Idempotency-Key", "Proxy-Authorization"}

var headerRE = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,60}$`)

func checkHTTPS(c *checker, at string, s *HTTPSSink) {
	c.oneOf(at+".method", s.Method, "PUT", "POST")
	if !c.has(at + ".url") {
		c.bad(at+".url", "required key is missing")
	}
	c.secret(at+".url", s.URL.Secret)
	user, password, bearer := c.has(at+".user"), c.has(at+".password"), c.has(at+".bearer")
	checkHeaders(c, at+".headers", s.Headers, user || bearer)
	if user && bearer {
		c.bad(at+".bearer", "set user and password, or bearer, not both")
	}
	switch {
	case user != password:
		c.bad(at, "basic authentication needs user and password")
	case user && (s.User == "" || strings.Contains(s.User, ":")):
		c.bad(at+".user", "a user has no colon and is not empty")
	}
	c.secret(at+".password", s.Password)
	c.secret(at+".bearer", s.Bearer)
	c.secret(at+".certificate", s.Certificate)
	s.ca = c.caFile(at+".ca_file", s.CAFile)
	c.secret(at+".proxy", s.Proxy.Secret)
}

// checkHeaders judges header fields. loggedIn: the sink itself says who it is.
func checkHeaders(c *checker, at string, list []Header, loggedIn bool) {
	seen := map[string]string{}
	for i, h := range list {
		in := indexed(at, i)
		if !c.has(in + ".value") {
			c.bad(in+".value", "required key is missing")
		}
		c.secret(in+".value", h.Value.Secret)
		if !c.required(in+".name", h.Name) {
			continue
		}
		name := textproto.CanonicalMIMEHeaderKey(h.Name)
		switch own := slices.Contains(ownHeaders, name); {
		case !headerRE.MatchString(h.Name):
			c.bad(in+".name", "%s is not the name of a header field", scalar.Quote(h.Name))
		case own && (name != "Authorization" || loggedIn):
			c.bad(in+".name", "%s is set by the upload itself", name)
		default:
			c.unique(in+".name", h.Name, seen)
		}
	}
}

func checkCXD(c *checker, at string, h *Handover) {
	s, in := h.CXD, at+".cxd"
	token, tokens := c.has(in+".token"), c.has(in+".tokens")
	switch {
	case !token && !tokens:
		c.bad(in, "no token: set token for the case in case:, or tokens to a folder with a file for each case")
	case token && h.Case == "":
		c.bad(in+".token", "a token is of one case: set case beside cxd:, or use tokens")
	}
	c.secret(in+".url", s.URL.Secret)
	c.secret(in+".token", s.Token)
	tokensFolder(c, in+".tokens", s.Tokens)
	s.ca = c.caFile(in+".ca_file", s.CAFile)
	c.secret(in+".proxy", s.Proxy.Secret)
}

func checkMailSink(c *checker, at string, m *MailSink) {
	if c.cfg.SMTP == nil && !c.has("smtp") {
		c.bad(at, "mail is sent by SMTP: add smtp:")
	}
	if len(m.To) == 0 && c.sound(at+".to") {
		c.bad(at+".to", "no recipients: write noc@example.com or a list")
	}
	for i, to := range m.To {
		if in := c.element(at+".to", i); c.required(in, to) {
			checkMailAddress(c, in, to)
		}
	}
	if c.given(at+".link") && (len(m.Link) > 500 || strings.TrimSpace(m.Link) == "") {
		c.bad(at+".link", "must have 1 to 500 characters")
	}
	if u, err := url.Parse(m.Link); c.given(at+".link") && err == nil && u.User != nil {
		c.bad(at+".link", "a link with a user or a password would be sent to everybody")
	}
}
