package diagnostics

import (
	"strings"

	"rtmtgrab/internal/redact"
)

// A Kind tells errors apart by what a person has to do about them.
type Kind string

// The kinds of errors.
const (
	KindUnreachable Kind = "unreachable" // no connection, or no answer in time
	KindCertificate Kind = "certificate" // it shows another certificate than is trusted
	KindRefused     Kind = "refused"     // 401: user or password
	KindBlocked     Kind = "blocked"     // not tried: an earlier login was refused
	KindRole        Kind = "role"        // 403: the account has no API access
	KindAbsent      Kind = "absent"      // its API has no diagnostic logging
	KindSaid        Kind = "said"        // it does not do it: Text says why
	KindAnswer      Kind = "answer"      // an answer that is not understood, too large, or cut off
	KindLocal       Kind = "local"       // a fault on this side: secret, record of logins, disk
	KindCanceled    Kind = "canceled"    // the context ended
)

// An Error says why an appliance did not do what it was asked for.
type Error struct {
	Kind    Kind
	Host    string
	Address string
	Status  int    // of an answer over HTTP that is none; 0: it is of none
	Text    string // what it said, in one line
	Err     error
}

var kindWords = map[Kind]string{
	KindUnreachable: "not reachable", KindCertificate: "its certificate is not trusted", KindRefused: "login refused (401)", KindBlocked: "login not tried again",
	KindRole: "the account may not use the API (403)", KindAbsent: "its API has no diagnostic logging", KindSaid: "refused", KindAnswer: "answer not understood",
	KindLocal: "not asked", KindCanceled: "given up",
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Host + " (" + e.Address + "), diagnostic logging: " + kindWords[e.Kind])
	if e.Text != "" {
		b.WriteString(": " + e.Text)
	}
	if e.Err != nil {
		b.WriteString(": " + redact.Foreign(e.Err.Error(), 400))
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Permanent reports whether trying again is useless until a person has changed something.
func (e *Error) Permanent() bool {
	switch e.Kind {
	case KindCertificate, KindRefused, KindBlocked, KindRole, KindAbsent:
		return true
	}
	return false
}
