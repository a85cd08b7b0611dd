package find

type uriKind uint8

const (
	noURI uriKind = iota
	sipURI
	telURI
	anyURI // with an authority after //
)

// schemeLetters has a bit for the length of the schemes with a letter first.
var schemeLetters = func() (t [32]uint16) {
	for w := range uriKinds {
		t[w[0]&31] |= 1 << len(w)
	}
	return t
}()

func schemeOf(w []byte) uriKind {
	if len(w) < 2 || len(w) > 8 || schemeLetters[w[0]&31]&(1<<len(w)) == 0 {
		return noURI
	}
	var buf [8]byte
	return uriKinds[string(appendLower(buf[:0], w))]
}

var uriKinds = func() map[string]uriKind {
	all := map[string]uriKind{"tel": telURI, "callto": telURI}
	for _, w := range []string{"sip", "sips", "xmpp", "im", "pres", "h323", "mailto"} {
		all[w] = sipURI
	}
	for _, w := range []string{"http", "https", "ftp", "sftp", "ldap", "ldaps", "ws", "wss", "imap", "imaps", "smtp", "tcp", "tls", "ssh", "rtsp", "rtmp", "xcp", "postgres", "syslog"} {
		all[w] = anyURI
	}
	return all
}()

// isID reports whether a user is a UUID or another long run of hexadecimal digits.
func isID(w []byte) bool {
	if len(w) < 16 {
		return false
	}
	for _, c := range w {
		if !isHex(c) && c != '-' {
			return false
		}
	}
	return true
}
