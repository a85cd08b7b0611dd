package advice

import (
	"rtmtgrab/internal/diagnostics"
)

// ForDiagnostics names the next move after an Expressway's API did not do what it was asked for.
func ForDiagnostics(e *diagnostics.Error) string {
	const accounts = "Users > Administrator accounts"
	if hint := ForTLS(e, "the host's name or address in sites"); hint != "" {
		return hint
	}
	switch e.Kind {
	case diagnostics.KindUnreachable:
		return "check diagnostics.port, the firewall to " + e.Address + ", and whether the web interface is on (System > Administration settings)"
	case diagnostics.KindCertificate:
		return "compare the certificate with Maintenance > Security > Server certificate; then set diagnostics.ca_file to its authority, or diagnostics.pin to its SHA-256 fingerprint" + issuedBy(e)
	case diagnostics.KindRefused:
		return "grab does not try again, because the appliance bans addresses after failed logins. Check diagnostics.user and its password: " + accounts + ". Then `grab check`"
	case diagnostics.KindBlocked:
		return "look at the account of diagnostics.user (" + accounts + "). If the password is another one now put it into diagnostics.password: grab goes on with it by itself. If it is the same `grab check` makes one try and lifts the block"
	case diagnostics.KindRole:
		return "give the account API access and the access level Read-write: " + accounts
	case diagnostics.KindAbsent:
		return "this release does not offer it over REST, or advanced account security has switched the API off: set diagnostics.enabled: false for this host"
	case diagnostics.KindAnswer:
		return "something other than an Expressway may answer at " + e.Address + "; if it is one, tell us its release and this message"
	case diagnostics.KindLocal:
		return "check the file of diagnostics.password, and that this user may write into the store"
	}
	return ""
}
