package access

// Trusted is nil: access lists hold here, see Vouched and Exposed.
func Trusted(string, bool) error { return nil }
