package wire

// Kinds of a transaction.
const (
	KindFull       = "full"                // all lines
	KindKeepAlive  = "keepalive"           // no body
	KindSecondary  = "keepalive_secondary" // Expires: 0 and cisco-keep-alive
	KindUnregister = "unregister"
	KindRegister   = "register" // no body was logged: which kind is not known
)
