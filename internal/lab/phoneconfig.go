package lab

// PhoneConfig is how one phone differs from the others of its Site. The zero value
// differs in nothing.
type PhoneConfig struct {
	Lines   int      // zero: SiteConfig.Lines; more than there are Numbers are filled up
	Numbers []string // of its lines; nil: numbers of its own. A number of another phone is a shared line
	Pair    int      // of the peers that it uses, from 1; zero: one after the other
	User    string   // user id in the Contact; zero: none is named
	Auth    Auth     // zero: Digest
	// HA lets the phone hold two registrations, each with a Call-ID and a path of its own.
	HA bool
	// Stubborn lets the phone repeat a keep-alive that was refused, as a keep-alive;
	// the others then register all their lines.
	Stubborn bool
}

// Auth says who wants which credentials of a phone.
type Auth string

// The ways to log in.
const (
	Digest       Auth = "digest"        // CUCM challenges the full REGISTER (401)
	DigestAlways Auth = "digest_always" // and every keep-alive
	ProxyDigest  Auth = "proxy_digest"  // Expressway-E challenges every REGISTER (407)
	Bearer       Auth = "bearer"        // Expressway-E challenges every REGISTER (407) and wants an OAuth token
)

func (c *PhoneConfig) setDefaults(lines int) {
	if c.Lines == 0 {
		c.Lines = lines
	}
	if c.Auth == "" {
		c.Auth = Digest
	}
}
