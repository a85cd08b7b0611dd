package mra

import "time"

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
	Retry    time.Duration // after a refusal; zero: Expires/4, 30 s

	Device string        // "CSFASMITH"; zero: SEP and the MAC
	Boots  time.Duration // it registers for the first time so long after the Site's beginning
	CSeq   int           // of its first REGISTER, less one; zero: by chance
	Jitter time.Duration // its keep-alives come up to so much earlier or later; zero: hardly any
	Full   FullRegister
	Clock  time.Duration // its own clock minus the real one
	// ClockUnset lets its clock stand in 1970 until its first REGISTER was answered.
	ClockUnset bool
}

// FullRegister is how a phone's REGISTER of all lines differs, and what comes of it.
type FullRegister struct {
	Bulk bool // with one line, too, it has a bulk body
	Bare bool // the first one has neither a body nor a Reason
	// OneByOne lets the phone register its other numbers one by one, within a second of
	// an answer with x-cisco-newreg.
	OneByOne bool
	OnlyOnce bool        // and not when it came back by keep-alive
	Unseen   bool        // CUCM sends no NOTIFY for the phone's numbers, which would tell of them
	Answer   AnswerStyle // of CUCM
}

// An AnswerStyle is the body of CUCM's answer to a full REGISTER.
type AnswerStyle string

// The zero value is a plain remotecc response with code 200.
const (
	AnswerMultipart AnswerStyle = "multipart"
	AnswerLists     AnswerStyle = "lists" // it lists the numbers
	AnswerFails     AnswerStyle = "fails" // 200 OK, yet only the first line registered: the body has another code
	AnswerBare      AnswerStyle = "bare"  // no body
)

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
