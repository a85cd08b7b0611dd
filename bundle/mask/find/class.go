package find

// A class is a kind of thing that gets pseudonyms. The same text is another thing in
// another class.
type Class uint8

const (
	None    Class = iota
	Secret        // gets no pseudonym: it goes
	MACs          // twelve hexadecimal digits in lower case
	Addrs         // as netip prints it
	Names         // of users, hosts, devices, files: one label, in lower case
	Numbers       // digits
	Coded         // base64 of a text that has hits of its own
	Length        // the value of a Content-Length
	Classes
)

var ClassNames = [Classes]string{MACs: "mac", Addrs: "address", Names: "name", Numbers: "number"}

// A rule says why something is a hit, for the report and for errors.
type Rule uint8

const (
	ruleNone Rule = iota
	ruleAuthorization
	ruleCookie
	ruleDigest
	rulePassword
	ruleToken
	ruleSDPKey
	rulePEM
	ruleMAC
	ruleIPv4
	ruleIPv6
	ruleHost
	ruleUser
	ruleDisplay
	ruleDevice
	ruleNumber
	ruleSerial
	ruleFile
	ruleKnown
	RuleLength
	RuleBinary
	Rules
)

func (r Rule) String() string { return ruleNames[r] }

var ruleNames = [Rules]string{
	ruleAuthorization: "authorization header", ruleCookie: "cookie", ruleDigest: "digest parameter", rulePassword: "password", ruleToken: "token", ruleSDPKey: "SDP key",
	rulePEM: "PEM block", ruleMAC: "MAC address", ruleIPv4: "IPv4 address", ruleIPv6: "IPv6 address", ruleHost: "host or domain name", ruleUser: "user name",
	ruleDisplay: "display name", ruleDevice: "device name", ruleNumber: "directory number", ruleSerial: "serial number", ruleFile: "file name",
	ruleKnown: "name known from elsewhere", RuleLength: "Content-Length made anew", RuleBinary: "binary attachment left out",
}

// stars stand where a secret was.
const Stars = "********"

// What a byte may be, as a set.
const (
	isDigit uint8 = 1 << iota
	isAF          // a to f
	isGZ          // other letters, and what is beyond ASCII
	isUpper
	isLower
	isDot
	isDash // and _

	isLetter = isAF | isGZ
	isAlnum  = isDigit | isLetter
)

// kinds is what each byte is; zero: no part of a word.
var kinds = func() (t [256]uint8) {
	for c := range 256 {
		switch b := byte(c); {
		case b >= '0' && b <= '9':
			t[c] = isDigit
		case b >= 'a' && b <= 'f':
			t[c] = isAF | isLower
		case b >= 'A' && b <= 'F':
			t[c] = isAF | isUpper
		case b >= 'g' && b <= 'z':
			t[c] = isGZ | isLower
		case b >= 'G' && b <= 'Z':
			t[c] = isGZ | isUpper
		case b >= 0x80:
			t[c] = isGZ
		case b == '.':
			t[c] = isDot
		case b == '-' || b == '_':
			t[c] = isDash
		}
	}
	return t
}()

// tableOf has the bytes of a text.
func tableOf(of string) (t [256]bool) {
	for i := range len(of) {
		t[of[i]] = true
	}
	return t
}

// within reports whether b has a byte of a table.
func within(b []byte, t *[256]bool) bool {
	for _, c := range b {
		if t[c] {
			return true
		}
	}
	return false
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// appendLower appends b in lower case; what is beyond ASCII stays.
func appendLower(to, b []byte) []byte {
	for _, c := range b {
		to = append(to, lower(c))
	}
	return to
}

func all(b []byte, set uint8) bool {
	for _, c := range b {
		if kinds[c]&set == 0 {
			return false
		}
	}
	return len(b) > 0
}

func anyOf(b []byte, set uint8) bool {
	for _, c := range b {
		if kinds[c]&set != 0 {
			return true
		}
	}
	return false
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }
