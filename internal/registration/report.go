// Package registration reads from the logs of Expressways how phones registered:
// it joins records to messages, messages to transactions, transactions to timelines,
// and says of each phone whether it is partially registered, why, and how certain
// that is (docs/partial-registration.md).
//
// The steps are the packages below it, each of which takes what the ones before found and
// does not change it: logs, wire, phone, judge. Here are the way through them, the Report and
// its words.
//
// It is pure: records in, a Report out. It guarantees that every statement names the
// records that prove it, and that what rests on an absence is never above "cannot
// tell" unless the logs are completely covered. What CUCM did it knows by its answers, and
// by its own traces where it is given them (cucmlog, hear): those count more.
package registration

import (
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration/judge"
	"rtmtgrab/internal/registration/wire"
)

// Verdicts of a Report. Readers must accept new values.
const (
	VerdictPartial   = judge.VerdictPartial
	VerdictRecovered = judge.VerdictRecovered
	VerdictHealthy   = "healthy"
	VerdictUnknown   = judge.VerdictUnknown
)

// Verdicts of a Phone, beside VerdictPartial, VerdictRecovered and VerdictUnknown.
const (
	PhoneCameBack     = judge.PhoneCameBack
	PhoneRegistered   = judge.PhoneRegistered
	PhoneUnregistered = judge.PhoneUnregistered
	PhoneRefused      = judge.PhoneRefused
)

// Causes.
const (
	CauseLate         = judge.CauseLate
	CauseTCP          = judge.CauseTCP
	CauseTraversal    = judge.CauseTraversal
	CausePath         = judge.CausePath
	CauseFailover     = judge.CauseFailover
	CauseAuth         = judge.CauseAuth
	CauseRefused      = judge.CauseRefused
	CauseResetOrLogin = judge.CauseResetOrLogin
	CauseUnknown      = judge.CauseUnknown
)

// Confidences.
const (
	Certain    = judge.Certain
	Likely     = judge.Likely
	CannotTell = judge.CannotTell
)

// A Report is registrations.json, and what `grab report --json` prints. All times
// are UTC by the collector's clock where the peer's offset is known.
type Report struct {
	Records      int64                `json:"records"`       // of all files
	Unread       int64                `json:"unread"`        // stretches that are no record
	BodiesLogged string               `json:"bodies_logged"` // yes, no, mixed, unknown
	Verdict      string               `json:"verdict"`
	Summary      string               `json:"summary"` // one sentence
	Notes        []string             `json:"notes"`
	Files        []File               `json:"files"`
	Window       *evidence.Window     `json:"window,omitempty"`
	Alerts       []evidence.Alert     `json:"alerts,omitempty"`
	TimeZone     string               `json:"time_zone,omitempty"` // IANA name of the site's, for people
	Connections  []Connection         `json:"connections"`         // between Expressway-C and CUCM, as far as DEBUG shows them
	Groups       []Group              `json:"groups"`              // what happened, each thing once, the worst first
	Before       []evidence.PastPhone `json:"before,omitempty"`    // of earlier bundles, which have not registered in full since
	CUCM         []CUCMNode           `json:"cucm,omitempty"`      // nodes of which there is a trace
	// Contradictions are where CUCM's own records say something else than the Expressways'
	// logs alone suggest. The records count.
	Contradictions []Contradiction  `json:"contradictions,omitempty"`
	PRTs           []evidence.PRT   `json:"prts,omitempty"`   // phones' problem reports that are in the bundle
	Resets         []evidence.Reset `json:"resets,omitempty"` // of phones, by hand, since

	MorePhones int     `json:"more_phones,omitempty"` // that Phones leaves out, and all else too, for there are too many
	Phones     []Phone `json:"phones"`                // those named first, then the affected ones
}

// A File is one log that was read.
type File struct {
	Host     string     `json:"host"`
	Role     string     `json:"role"` // "C", "E" or ""
	Family   string     `json:"family"`
	File     string     `json:"file"`
	Records  int64      `json:"records"`
	First    *time.Time `json:"first"`
	Last     *time.Time `json:"last"`
	Coverage string     `json:"coverage,omitempty"` // of the window, where it is known
}

// A Proof is one record: where it is and what it shows.
type Proof struct {
	Host   string    `json:"host"`
	File   string    `json:"file"`
	Offset int64     `json:"offset"` // of the record's first byte in the file
	Length int64     `json:"length"`
	Time   time.Time `json:"time"`
	What   string    `json:"what"`
}

// A Statement is one claim, and how certain it is.
type Statement struct {
	Text       string `json:"text"` // a sentence, with its full stop
	Confidence string `json:"confidence"`
}

// A Group is the phones to which one thing happened: the same cause, on the same
// connection where the cause is one.
type Group struct {
	Verdict    string     `json:"verdict"` // the worst of its phones
	Cause      string     `json:"cause"`
	Confidence string     `json:"confidence"`      // of the cause, the least of its phones
	C          string     `json:"c,omitempty"`     // Expressway-C, where they have it in common
	CUCM       string     `json:"cucm,omitempty"`  // node, the same
	At         *time.Time `json:"at,omitempty"`    // when it happened: the connection dropped, the first registration was lost
	First      *time.Time `json:"first,omitempty"` // when the first and the last of its phones came back
	Last       *time.Time `json:"last,omitempty"`
	Devices    []string   `json:"devices"` // as phones are called in the report
	Summary    string     `json:"summary"` // one sentence
	Advice     string     `json:"advice,omitempty"`
	Proofs     []Proof    `json:"evidence"`
}

// A Connection is a TCP connection from an Expressway-C to a CUCM node.
type Connection struct {
	C       string     `json:"c"`
	CUCM    string     `json:"cucm"`  // address, or name where it is known
	Local   string     `json:"local"` // address and port
	Opened  *time.Time `json:"opened"`
	Closed  *time.Time `json:"closed"`
	How     string     `json:"how,omitempty"` // why it closed or failed, in the log's words
	Failed  bool       `json:"failed,omitempty"`
	Devices []string   `json:"devices"` // whose messages it carried
	Proofs  []Proof    `json:"evidence"`
}

// A Phone is a device, or a Call-ID where no device is named.
type Phone struct {
	Device  string   `json:"device"` // "SEP…", or another name; empty if no record names it
	MAC     string   `json:"mac"`
	Numbers []string `json:"numbers"`
	// What the lists of this phone leave out, for it is too much.
	MoreNumbers      int `json:"more_numbers,omitempty"`
	MoreCallIDs      int `json:"more_call_ids,omitempty"`
	MoreTransactions int `json:"more_transactions,omitempty"`

	Model    string   `json:"model,omitempty"`
	User     string   `json:"user,omitempty"`
	Software string   `json:"software,omitempty"`
	CallIDs  []string `json:"call_ids"`
	Named    bool     `json:"named,omitempty"` // somebody asked for it

	Verdict string `json:"verdict"`
	Cause   string `json:"cause,omitempty"`
	// Confidence is that of the cause, for CUCM does not say why it dropped a phone;
	// without a cause it is that of the verdict.
	Confidence        string      `json:"confidence"`
	VerdictConfidence string      `json:"verdict_confidence"`
	CauseConfidence   string      `json:"cause_confidence,omitempty"`
	Statements        []Statement `json:"statements"`          // the single claims: the verdict's first, then the cause's
	At                *time.Time  `json:"at,omitempty"`        // the REGISTER that was taken for a new registration was sent on to CUCM
	LateByS           *float64    `json:"late_by_s,omitempty"` // beyond the phone's own cadence
	// The other two of the three numbers.
	BeyondExpiresS *float64            `json:"beyond_expires_s,omitempty"`
	BeyondGraceS   *float64            `json:"beyond_grace_s,omitempty"`
	LateAt         string              `json:"late_at,omitempty"`               // where: "before E", "between E and C", "between C and CUCM", "" not known
	LostAt         *time.Time          `json:"lost_at,omitempty"`               // when the registration was lost, as far as that can be said
	BackAt         *time.Time          `json:"back_at,omitempty"`               // when all lines registered again
	RegisteredAt   *time.Time          `json:"registered_in_full_at,omitempty"` // the last time that these logs show
	Before         *evidence.PastPhone `json:"before,omitempty"`                // what an earlier bundle shows of it, and nothing since has ended
	Summary        string              `json:"summary"`
	Advice         string              `json:"advice,omitempty"`
	PRTAsked       *time.Time          `json:"prt_asked,omitempty"`    // when CUCM asked it for its problem report last
	PRTReceived    *time.Time          `json:"prt_received,omitempty"` // when the last one came that is in the bundle
	Shares         []string            `json:"shares,omitempty"`       // devices that went with it, for one connection carried them
	Proofs         []Proof             `json:"evidence"`

	CUCMEvents     []CUCMEvent         `json:"cucm_events,omitempty"`    // CUCM's own alarms about it, in time order
	Contradictions []string            `json:"contradictions,omitempty"` // where CUCM's record says something else than the Expressways' logs
	CUCMPhone      *evidence.CUCMPhone `json:"cucm_phone,omitempty"`     // what CUCM said of it when it was asked

	Transactions []Transaction `json:"transactions"`
}

// Kinds of a Transaction.
const (
	KindFull       = wire.KindFull      // all lines
	KindKeepAlive  = wire.KindKeepAlive // no body
	KindSecondary  = wire.KindSecondary // Expires: 0 and cisco-keep-alive
	KindUnregister = wire.KindUnregister
	KindRegister   = wire.KindRegister // no body was logged: which kind is not known
)

// A Transaction is one REGISTER with its answer, its challenges and repetitions
// folded in.
type Transaction struct {
	CallID   string    `json:"call_id"`
	CUCM     string    `json:"cucm"` // host in To
	CSeq     uint32    `json:"cseq"` // of the last attempt
	Kind     string    `json:"kind"`
	At       time.Time `json:"at"`       // the first record of it
	Attempts int       `json:"attempts"` // requests, challenged ones included
	Code     int       `json:"code"`     // of the last answer; 0: none seen
	Answer   string    `json:"answer,omitempty"`
	NewReg   bool      `json:"new_registration,omitempty"` // x-cisco-newreg in the answer
	Expires  int       `json:"expires,omitempty"`          // of the answer, seconds
	GapS     *float64  `json:"gap_s,omitempty"`            // since the one before of this timeline, at C's Sent
	LateByS  *float64  `json:"late_by_s,omitempty"`
	// Due is when a REGISTER that came late, or was taken for a new registration, was
	// expected: the last success and the phone's own cadence. Absent where that is not known.
	Due       *time.Time `json:"due,omitempty"`
	Challenge string     `json:"challenge,omitempty"` // digest, bearer
	C         string     `json:"c,omitempty"`
	E         string     `json:"e,omitempty"`
	AtCUCM    *AtNode    `json:"at_cucm,omitempty"` // what CUCM's own trace has of it
	Hops      []Hop      `json:"hops"`              // in time order
}

// Ends of a Hop that are no peers.
const (
	AtPhone = "phone"
	AtCUCM  = "cucm"
)

// A Hop is one message between two neighbours, as one record or two show it.
type Hop struct {
	Time    time.Time `json:"time"`
	From    string    `json:"from"` // AtPhone, AtCUCM, or a peer's host
	To      string    `json:"to"`
	What    string    `json:"what"`               // "REGISTER", "401 Unauthorized", …
	DelayMS *float64  `json:"delay_ms,omitempty"` // since the hop before of the same message
	Node    string    `json:"node,omitempty"`     // of what CUCM's own trace shows: the node; From and To are AtCUCM
	Proofs  []Proof   `json:"evidence"`
}
