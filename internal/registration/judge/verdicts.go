package judge

// Verdicts on a phone, as the report has them.
const (
	VerdictPartial    = "partial"
	VerdictRecovered  = "recovered"
	VerdictUnknown    = "unknown"
	PhoneCameBack     = "came_back_by_keepalive"
	PhoneRegistered   = "registered"
	PhoneUnregistered = "unregistered"
	PhoneRefused      = "refused"
)

// Causes of a lost registration.
const (
	CauseLate         = "late_keepalive"
	CauseTCP          = "tcp_dropped"
	CauseTraversal    = "traversal_down"
	CausePath         = "path_changed"
	CauseFailover     = "cucm_failover"
	CauseAuth         = "auth"
	CauseRefused      = "refused"
	CauseResetOrLogin = "reset_or_login"
	CauseUnknown      = "unknown"
)

// Confidences, of a verdict, a cause or a claim.
const (
	Certain    = "certain"
	Likely     = "likely"
	CannotTell = "cannot_tell"
)
