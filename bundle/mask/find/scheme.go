package find

type uriKind uint8

const (
	noURI uriKind = iota
	sipURI
	telURI
	anyURI // with an authority after //
)

func schemeOf(w []byte) uriKind {
	var buf [8]byte
	switch string(appendLower(buf[:0], w)) {
	case "sip", "sips", "xmpp", "im", "pres", "h323", "mailto":
		return sipURI
	case "tel", "callto":
		return telURI
	case "http", "https", "ftp", "sftp", "ldap", "ldaps", "ws", "wss", "imap", "imaps", "smtp", "tcp", "tls", "ssh", "rtsp", "rtmp", "xcp", "postgres", "syslog":
		return anyURI
	}
	return noURI
}

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
