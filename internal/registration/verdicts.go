package registration

// Verdicts of a Report. Readers must accept new values.
const (
	VerdictPartial   = "partial"
	VerdictRecovered = "recovered"
	VerdictHealthy   = "healthy"
	VerdictUnknown   = "unknown"
)

// Verdicts of a Phone, beside VerdictPartial, VerdictRecovered and VerdictUnknown.
const (
	PhoneCameBack     = "came_back_by_keepalive"
	PhoneRegistered   = "registered"
	PhoneUnregistered = "unregistered"
	PhoneRefused      = "refused"
)

// Causes.
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

// Confidences.
const (
	Certain    = "certain"
	Likely     = "likely"
	CannotTell = "cannot_tell"
)
