package advice

import (
	"cmp"
	"context"
	"errors"

	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/ledger"
	"rtmtgrab/internal/tlsfault"
)

// The pages of CUCM and of its Serviceability on which things are mended.
const (
	pageUser     = "CUCM: User Management > Application User"
	pageGroup    = "CUCM: User Management > User Settings > Access Control Group"
	pageServices = "Cisco Unified Serviceability: Tools > Control Center - Network Services"
	pageActivate = "Cisco Unified Serviceability: Tools > Service Activation"
	pageRate     = "CUCM: System > Enterprise Parameters > Allowed Device Queries Per Minute"
	pageTomcat   = "Cisco Unified OS Administration: Security > Certificate Management > tomcat"

	// PageTrace is where the level of a node's traces is set.
	PageTrace = "Cisco Unified Serviceability: Trace > Configuration > the node > CM Services > Cisco CallManager"
	// PageClock is where a node's time comes from.
	PageClock = "Cisco Unified OS Administration: Settings > NTP Servers"
)

// cucmRoles are the roles that a service needs, cucmServices what it is called where it is
// activated.
var (
	cucmRoles    = map[string]string{"AXL": "Standard AXL API Access"}
	cucmServices = map[string]string{
		"RIS":            "SOAP - Real-Time Service APIs (" + pageServices + ")",
		"PerfMon":        "SOAP - Performance Monitoring APIs (" + pageServices + ")",
		"Log Collection": "SOAP - Log Collection APIs (" + pageServices + ")",
		"AXL":            "Cisco AXL Web Service (" + pageActivate + ")",
	}
)

// ForCUCM names the next move after a cluster did not give what it was asked for.
func ForCUCM(e *cucm.Error) string {
	if hint := ForTLS(e, "cucm.publisher, or the node's address or aliases in cucm.nodes"); hint != "" {
		return hint
	}
	switch e.Kind {
	case cucm.KindUnreachable:
		if tlsfault.Plain(e) {
			return "what answers there speaks no TLS: check the port of " + e.Address + " (8443 on CUCM)"
		}
		if unresolved(e, e.Address) {
			return "this machine cannot resolve the name: give the node's IP address, in cucm.publisher or as `{name: " + e.Node + ", address: IP}` in cucm.nodes; or set the machine's DNS right"
		}
		return "check the address and the port (8443) of " + e.Address + ", the firewall and cucm.proxy; Tomcat of the node must run (CLI: utils service list)"
	case cucm.KindCertificate:
		return "compare the certificate with " + pageTomcat + "; then set cucm.ca_file to its authority or to itself, or cucm.pin to its SHA-256 fingerprint. A renewed certificate needs a new pin" + issuedBy(e)
	case cucm.KindRefused:
		account, _ := accountOf(e)
		return "grab does not try again, because CUCM locks the account. Check " + account + " and the password, and whether it is locked or expired: " + pageUser + " > the user > Edit Credential. Then `grab check`"
	case cucm.KindBlocked:
		return blockedHint(e)
	case cucm.KindRole:
		role := cmp.Or(cucmRoles[e.Service], "Standard CCM Admin Users and Standard RealtimeAndTraceCollection")
		return "give the user a group with " + role + ": " + pageGroup + " > the group > Assign Role to Access Control Group; and " + pageUser + " > the user > Add to Access Control Group"
	case cucm.KindService:
		return "activate or start " + cmp.Or(cucmServices[e.Service], "the service ("+pageServices+")") + " on " + e.Node
	case cucm.KindBusy:
		return "the node is overloaded, or throttles: try again later; RTMT > System > CPU and Memory shows it"
	case cucm.KindRate:
		return rateHint(e.Service)
	case cucm.KindAnswer:
		return "something other than CUCM may answer at " + e.Address + ": check the address and cucm.proxy; if it is CUCM, tell us its release and this message"
	case cucm.KindCanceled:
		if errors.Is(e, context.DeadlineExceeded) {
			return e.Address + " is reached and says nothing, or is not reached at all: check the firewall, and whether the node is overloaded (RTMT > System > CPU and Memory)"
		}
	case cucm.KindLocal:
		return "check the file of cucm.password, cucm.proxy, and that this user may write into the store"
	}
	return ""
}

// accountOf are the keys of the account that an error is of.
func accountOf(e *cucm.Error) (user, password string) {
	if e.Service == "AXL" {
		return "cucm.reset.user", "cucm.reset.password"
	}
	return "cucm.user", "cucm.password"
}

func blockedHint(e *cucm.Error) string {
	account, password := accountOf(e)
	hint := "look at the account of " + account + " (" + pageUser + " > the user > Edit Credential: locked? expired?). If the password is another one now put it into " + password + ": grab goes on with it by itself. " +
		"If it is the same, and only the account was locked, `grab check` makes one try and lifts the block"
	if b, ok := errors.AsType[*ledger.BlockedError](e.Err); ok && b.Damage != nil {
		hint = "the record of logins in the store cannot be read: `grab check` makes one try and sets it aside"
	}
	return hint
}

func rateHint(service string) string {
	if service == "PerfMon" {
		return "other applications use up CUCM's 80 PerfMon calls a minute: find out which (RTMT, monitoring), or set cucm.poll.every to more"
	}
	return "other applications use up CUCM's device queries: find out which (monitoring, CTI, presence), or raise the limit, at most 18: " + pageRate
}
