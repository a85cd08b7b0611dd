package soap

import (
	"fmt"
	"strings"

	"rtmtgrab/internal/redact"
)

// A Kind tells errors apart by what a person has to do about them.
type Kind string

const (
	KindUnreachable Kind = "unreachable" // no connection, or no answer in time
	KindCertificate Kind = "certificate" // the node shows another certificate than is trusted
	KindRefused     Kind = "refused"     // 401: user or password
	KindBlocked     Kind = "blocked"     // not tried: an earlier login was refused
	KindRole        Kind = "role"        // 403: the user lacks a role
	KindService     Kind = "service"     // 404: the service is not activated
	KindBusy        Kind = "busy"        // 503: overloaded
	KindRate        Kind = "rate"        // more requests than the cluster allows, whoever made them
	KindMissing     Kind = "missing"     // the file is not there (any more)
	KindFault       Kind = "fault"       // any other SOAP fault: Text is CUCM's
	KindAnswer      Kind = "answer"      // an answer that is not understood, too large, or cut off
	KindLocal       Kind = "local"       // a fault on this side: secret, proxy, record of logins
	KindCanceled    Kind = "canceled"    // the context ended
)

// An Error says why a node did not give what it was asked for.
type Error struct {
	Kind    Kind
	Cluster string
	Node    string // as configured or as the cluster names it
	Address string
	Service string // what was asked: "RIS", "PerfMon", "Log Collection", "AXL"
	Status  int    // of HTTP; 0: none
	Text    string // what the node said, in one line, at most 500 characters
	Err     error
	Sent    bool // the request went out: the node may have done what it was asked for
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Cluster != "" {
		b.WriteString(e.Cluster + ", ")
	}
	b.WriteString(e.Node)
	if e.Address != "" && e.Address != e.Node {
		fmt.Fprintf(&b, " (%s)", e.Address)
	}
	if e.Service != "" {
		b.WriteString(", " + e.Service)
	}
	b.WriteString(": " + e.says())
	if e.Text != "" {
		b.WriteString(": " + e.Text)
	}
	if e.Err != nil {
		b.WriteString(": " + redact.Foreign(e.Err.Error(), 500))
	}
	return b.String()
}

func (e *Error) says() string {
	switch e.Kind {
	case KindUnreachable:
		return "not reachable"
	case KindCertificate:
		return "its certificate is not trusted"
	case KindRefused:
		return "login refused (401)"
	case KindBlocked:
		return "login not tried again"
	case KindRole:
		return "the user lacks a role (403)"
	case KindService:
		return "the service is not activated (404)"
	case KindBusy:
		return "overloaded"
	case KindRate:
		return "rate limit exceeded"
	case KindMissing:
		return "no such file"
	case KindFault:
		return "fault"
	case KindLocal:
		return "not asked"
	case KindCanceled:
		return "given up"
	}
	return "answer not understood"
}

func (e *Error) Unwrap() error { return e.Err }

// Permanent reports whether trying again is useless until a person has changed
// something.
func (e *Error) Permanent() bool {
	switch e.Kind {
	case KindCertificate, KindRefused, KindBlocked, KindRole, KindService:
		return true
	}
	return false
}
