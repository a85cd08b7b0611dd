// Package evidence holds the nouns that the rest of grab shares: the window of
// time, the alert that asked for it, the hosts, files and byte ranges that were
// got, and what is missing. They are pure data; their JSON is the manifest of a
// bundle and the output of `grab now --json`.
//
// It guarantees that times are written as UTC and that lists are never null. It
// does not know how anything is obtained: no network, no files, no mail.
package evidence

import (
	"time"
)

// SiteAdhoc is the site of hosts that no configuration has: `grab now user@address`.
const SiteAdhoc = "adhoc"

// Reasons why a part of a window is missing. Readers must accept new values.
const (
	ReasonRotated     = "rotated_or_never_written" // no held record is old enough
	ReasonUnreachable = "unreachable"              // the host could not be reached, or the connection was lost for good
	ReasonLogin       = "login_refused"            // the host refused the login, or an earlier refusal forbids another
	ReasonNoLogin     = "no_login"                 // no login was tried: its key or secret cannot be used here, or the host offers no such login
	ReasonHostKey     = "host_key"                 // the host's key is not the pinned one
	ReasonAbsent      = "absent"                   // no file of the family, or no folder
	ReasonVanished    = "vanished"                 // a file was listed and gone before it could be held
	ReasonRead        = "read_error"               // bytes could not be read, or hold no records
	ReasonClock       = "clock"                    // the host's clock does not allow a statement
	ReasonDisk        = "disk"                     // no room on this machine
	ReasonSlow        = "slow"                     // the host answers too slowly to be waited for
	ReasonTooLarge    = "too_large"                // there was more of it than may be copied of one host
	ReasonSilent      = "silent"                   // it was read, and has no record where it always has some; or the host's clock leapt
	ReasonToCome      = "to_come"                  // of an open incident: the host is looked at again; of a stopped one: it was not
)

// DefaultKind is the kind of the alerts that match alerts.match.
const DefaultKind = "partial"

// Where an alert's time was taken from, in order of trust (docs/rtmt-mail.md).
const (
	TimeFromSentence  = "sentence"     // the sentence's own date
	TimeFromTimeStamp = "timestamp"    // the line "TimeStamp : …"
	TimeFromDate      = "date"         // the mail's Date header
	TimeFromReceived  = "received"     // the first Received header
	TimeFromInternal  = "internaldate" // IMAP INTERNALDATE
	TimeFromPoll      = "poll"         // this machine's clock when CUCM had answered
	TimeFromSender    = "sender"       // what the program says that sent it
)

// How an alert came: Alert.Source. Readers must accept new values.
const (
	SourcePoll    = "poll"    // grab asked CUCM's PerfMon
	SourceWebhook = "webhook" // a program posted it
)

// How the bytes of a host were read.
const (
	TransportSFTP     = "sftp"
	TransportCommands = "commands" // stat, head and tail over SSH, for the host refuses SFTP
)

// A Window is a half-open span of time, [Since, Until), in UTC.
type Window struct {
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
}

// NewWindow returns [since, until) in UTC, without monotonic clock readings.
func NewWindow(since, until time.Time) Window {
	return Window{since.UTC().Round(0), until.UTC().Round(0)}
}

// Contains reports whether t lies in the window.
func (w Window) Contains(t time.Time) bool { return !t.Before(w.Since) && t.Before(w.Until) }

// Overlaps reports whether both windows share an instant.
func (w Window) Overlaps(o Window) bool { return w.Since.Before(o.Until) && o.Since.Before(w.Until) }

// Union is the smallest window that holds both.
func (w Window) Union(o Window) Window {
	if o.Since.Before(w.Since) {
		w.Since = o.Since
	}
	if o.Until.After(w.Until) {
		w.Until = o.Until
	}
	return w
}

// Shift moves both ends by d.
func (w Window) Shift(d time.Duration) Window { return Window{w.Since.Add(d), w.Until.Add(d)} }

// Widen moves the ends apart by d on either side.
func (w Window) Widen(d time.Duration) Window { return Window{w.Since.Add(-d), w.Until.Add(d)} }

// Length is the window's duration.
func (w Window) Length() time.Duration { return w.Until.Sub(w.Since) }

// Empty reports whether the window holds no instant.
func (w Window) Empty() bool { return !w.Since.Before(w.Until) }

// MostAhead is how far after its reading an alert's time may be; one of a later time is of when it was
// read.
const MostAhead = time.Hour

// An Alert is what was read out of one mail of RTMT, or came by another way, see Source.
// Every field but ID, Time and TimeFrom may be empty: docs/rtmt-mail.md says how little is
// certain.
type Alert struct {
	ID       string    `json:"id"` // hex SHA-256, see docs/rtmt-mail.md and docs/alerts.md
	Name     string    `json:"name"`
	Cluster  string    `json:"cluster"`
	Node     string    `json:"node"`  // where it happened: name, FQDN or address as written
	Count    *int      `json:"count"` // the counter's value; nil if the text names none
	Devices  []string  `json:"devices"`
	Time     time.Time `json:"time"`      // UTC; all comparisons of alerts use it
	TimeFrom string    `json:"time_from"` // one of TimeFrom…
	File     string    `json:"file"`      // the path of what came, a mail say, in the bundle

	Subject   string            `json:"subject,omitempty"` // printable, at most 200 characters
	From      map[string]string `json:"from,omitempty"`    // field name -> where it was found
	MailDate  *time.Time        `json:"mail_date,omitempty"`
	Received  *time.Time        `json:"received,omitempty"` // INTERNALDATE
	Truncated bool              `json:"truncated,omitempty"`
	Notes     []string          `json:"notes,omitempty"`

	Kind       string   `json:"kind,omitempty"`       // of alert; empty: DefaultKind
	Recipients []string `json:"recipients,omitempty"` // addresses as written, printable, at most 50
	Mailbox    string   `json:"mailbox,omitempty"`    // the name of the mailbox in which it was found first
	Folder     string   `json:"folder,omitempty"`     // and the folder there
	Sender     string   `json:"-"`                    // From's address as the mail says, printable; whether it is true Auth tells

	Auth *Auth `json:"auth,omitempty"` // absent: anyone may trigger

	Source string `json:"source,omitempty"` // one of Source…; empty: a mail
	Was    *int   `json:"was,omitempty"`    // the counter's value before, where the source watches it; nil: not known

	Drill string `json:"drill,omitempty"` // the site of which the mail is a drill, sent by this grab; empty: it is an alert

	Relay *Relay `json:"relay,omitempty"` // absent: it came here first
}

// A Relay says by whom an alert came from another collector of the fleet.
type Relay struct {
	Site      string    `json:"site"`      // to which it was sent
	Collector string    `json:"collector"` // that saw it, and judged whether it may trigger
	Seen      time.Time `json:"seen"`      // by that collector's clock
}

// Auth says whether the mail of an alert may trigger, and why.
type Auth struct {
	OK        bool   `json:"ok"`
	How       string `json:"how,omitempty"` // by what it may: "from", "results: dmarc", "dkim", "released"
	Why       string `json:"why"`
	Sender    string `json:"sender,omitempty"`    // From's address
	Temporary bool   `json:"temporary,omitempty"` // it could not be found out yet
}

// A Span is a missing part of a window and why it is missing.
type Span struct {
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`
}

// Where bytes were taken from: Source.From.
const (
	FromHost = "host"
	FromRing = "ring" // the rolling copy on the collector
)

// A Source is one byte range that was read from one file of a host. Offsets and
// lengths are in bytes, of the uncompressed contents for gzip files.
type Source struct {
	Name   string    `json:"name"`
	Offset int64     `json:"offset"`
	Length int64     `json:"length"`
	Size   int64     `json:"size"` // of the file when it was last looked at, as stored there
	MTime  time.Time `json:"mtime"`
	SHA256 string    `json:"sha256"`
	From   string    `json:"from"` // FromHost or FromRing

	Collector string `json:"collector,omitempty"` // of the fleet, that has read it and gave it by way of the hub; empty: the one that made the bundle
}

// A File is one family of logs of one host: the ranges of its siblings joined
// in time order, byte for byte.
type File struct {
	Family   string     `json:"family"`
	Path     string     `json:"path"` // in the bundle, slashes
	Coverage Coverage   `json:"coverage"`
	First    *time.Time `json:"first"` // time of the first record, nil without records
	Last     *time.Time `json:"last"`
	Bytes    int64      `json:"bytes"`
	SHA256   string     `json:"sha256"`
	Records  int64      `json:"records"`
	Missing  []Span     `json:"missing"`
	Sources  []Source   `json:"sources"`

	// How long the host keeps these records, as seen at the first pass; all absent if
	// that is not known. Oldest is in the collector's time.
	Oldest         *time.Time `json:"oldest,omitempty"`           // of the oldest record on the host
	DepthS         int64      `json:"depth_s,omitempty"`          // its age in seconds
	BytesPerMinute int64      `json:"bytes_per_minute,omitempty"` // written, uncompressed
	Overwritten    *time.Time `json:"overwritten,omitempty"`      // from when on the minutes asked for are gone, if the rate stays; absent for a log that never rotated
}

// A Host is what was got from one peer. A host that could not be reached is a
// row too, with Error and every family missing.
type Host struct {
	Host          string   `json:"host"`
	Role          string   `json:"role"` // "C", "E" or ""
	Address       string   `json:"address"`
	HostKey       string   `json:"host_key"`            // "SHA256:…", empty if never seen
	Transport     string   `json:"transport,omitempty"` // one of Transport…; empty: it was never reached, or an older grab has written this
	ClockOffsetMS *int64   `json:"clock_offset_ms"`     // host minus collector; nil if not measured
	ClockFrom     string   `json:"clock_from"`          // "date" or "none"
	Coverage      Coverage `json:"coverage"`
	Error         string   `json:"error"`
	BodiesLogged  string   `json:"bodies_logged"` // yes, no, mixed, unknown
	Files         []File   `json:"files"`

	Via    []string `json:"via,omitempty"`               // addresses of the jump hosts, the first one first
	Legacy []string `json:"legacy_algorithms,omitempty"` // what of SHA-1 was in use, jump hosts too: "ssh-rsa (host key)"

	ClockSteps []ClockStep `json:"clock_steps,omitempty"` // leaps of its clock while it was asked

	WidenedMS    int64    `json:"window_widened_ms,omitempty"` // by which the cut was widened on either side, for want of a clock
	OwnAddresses []string `json:"own_addresses,omitempty"`     // local addresses that this host's records name
	PeersNamed   []string `json:"peers_named,omitempty"`       // other Expressways that this host's records name

	Ring []RingFamily `json:"ring,omitempty"` // the copy that was kept beforehand, where there is one

	Began time.Time `json:"began,omitzero"` // the first look at it began
	Ended time.Time `json:"ended,omitzero"` // the last one ended

	Credentials int64    `json:"credentials"` // Authorization and Proxy-Authorization headers seen
	Notes       []string `json:"notes,omitempty"`
}

// A ClockStep is a leap of a host's clock some time between two measurements, in the
// collector's time.
type ClockStep struct {
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until"`
	BeforeMS int64     `json:"before_ms"` // the offset until then: host minus collector
	AfterMS  int64     `json:"after_ms"`
}

// A RingFamily says how deep the ring of one family of a host is and what it costs.
type RingFamily struct {
	Family       string    `json:"family"`
	Since        time.Time `json:"since,omitzero"` // from which on it lacks nothing, in the collector's time; zero: nothing is whole
	Until        time.Time `json:"until,omitzero"` // of the last increment
	Bytes        int64     `json:"bytes"`          // on this machine's disk
	PerMin       int64     `json:"per_min"`        // bytes a minute that the host logged lately; 0 if unknown
	StoredPerMin int64     `json:"stored_per_min"` // what these take here
	Breaks       int       `json:"breaks"`         // places at which something may be missing
	Damaged      int64     `json:"damaged"`        // frames that are damaged or missing
}

// Timing is the ledger of one grab. A zero time is left out: it did not happen.
type Timing struct {
	Alert   time.Time `json:"alert,omitzero"`   // when it happened, by the alert
	Mail    time.Time `json:"mail,omitzero"`    // the mail's INTERNALDATE
	Seen    time.Time `json:"seen,omitzero"`    // the watcher read the mail
	Claimed time.Time `json:"claimed,omitzero"` // the incident was safe on disk
	Held    time.Time `json:"held,omitzero"`    // every reachable host's files were held
	Copied  time.Time `json:"copied,omitzero"`  // the first pass over all reachable hosts was on disk
	Sealed  time.Time `json:"sealed,omitzero"`  // the manifest was written
}

// A Manifest is the whole statement about one bundle.
type Manifest struct {
	Incident    string   `json:"incident"`
	Revision    int      `json:"revision"`
	Coverage    Coverage `json:"coverage"`
	Window      Window   `json:"window"` // what was cut, in the collector's time
	Asked       Window   `json:"asked"`  // what coverage is judged against
	Site        string   `json:"site"`
	TimeZone    string   `json:"time_zone"` // IANA name of the site, for people
	Reason      string   `json:"reason"`
	Case        string   `json:"case"`
	PhonesNamed []string `json:"phones_named"`
	Alerts      []Alert  `json:"alerts"`
	Notes       []string `json:"notes"`
	Hosts       []Host   `json:"hosts"`
	Timing      Timing   `json:"timing"`
	Grab        string   `json:"grab"` // version of the program

	Before []PastPhone `json:"before,omitempty"` // what earlier bundles of the site left open, for the report

	Registration *Registration `json:"registration,omitempty"` // absent: no report was made, and a note says why
	NoReport     string        `json:"no_report,omitempty"`    // why not; a retry adds it

	RequestedBy string `json:"requested_by,omitempty"` // who asked by hand, by the system's account; empty: nobody, or not known
	SignedBy    string `json:"signed_by,omitempty"`    // the ID of the key that signed the bundle; empty: it is not signed

	Masked *Masked `json:"masked,omitempty"` // absent: all is as it was collected

	CUCM []CUCM `json:"cucm,omitempty"` // what was got of CUCM; absent: none is configured for the site
	PRTs []PRT  `json:"prts,omitempty"` // phones' problem reports

	Resets []Reset `json:"resets,omitempty"` // of phones, by hand, after the logs were sealed

	Diagnostics []Diagnostic `json:"diagnostics,omitempty"` // Expressways' own diagnostic logs
}
