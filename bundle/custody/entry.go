package custody

import (
	"time"

	"rtmtgrab/internal/evidence"
)

// What was done. Readers must accept new values.
const (
	Asked     = "asked"     // somebody, or an alert, asked for the logs
	Reached   = "reached"   // a host was asked; its error says whether it answered
	Read      = "read"      // bytes of a file of a host
	Written   = "written"   // a log, joined of what was read
	Sealed    = "sealed"    // the last of a bundle's own chain
	Verified  = "verified"  // and the result
	Opened    = "opened"    // decrypted or unpacked
	Encrypted = "encrypted" // to recipients
	Exported  = "exported"  // in another form
	Removed   = "removed"   // from the store
	Delivery  = "delivery"  // an attempt to hand it over, and its result: ok, failed, unknown, stopped
	Masked    = "masked"    // the first of a masked bundle's own chain; and, later, that one was made of a bundle
	Pinned    = "pinned"    // not to be removed
	Unpinned  = "unpinned"
	Reset     = "reset"    // of a phone, by hand, and what became of it
	Received  = "received" // a phone's problem report, and from whom

	Diagnostics = "diagnostics" // an Expressway's diagnostic log was started or stopped, which sets its log levels
)

// Roles of what was asked beside Expressways: Host.Role.
const (
	RoleCUCM = "CUCM"
)

// An Entry is one line. Of the nested ones there is at most one, that of Act.
type Entry struct {
	N    int       `json:"n"`    // 1 is the first
	Prev string    `json:"prev"` // SHA-256 of the line before, hex; zeros before the first
	Time time.Time `json:"time,omitzero"`
	Act  string    `json:"act"`

	Mask   *Mask        `json:"mask,omitempty"`
	Alert  *Alert       `json:"alert,omitempty"`
	Person *Person      `json:"person,omitempty"`
	Host   *Host        `json:"host,omitempty"`
	Source *Source      `json:"source,omitempty"`
	Log    *Log         `json:"log,omitempty"`
	PRT    *PRT         `json:"prt,omitempty"`
	Seal   *BundleSeal  `json:"seal,omitempty"`
	Later  *Later       `json:"later,omitempty"`
	After  *AfterDamage `json:"after,omitempty"` // what is before was torn by a crash
}

// A Mask is of what a masked bundle was made. What follows of its chain is masked too.
type Mask struct {
	RawHead  string `json:"raw_head"` // where the chain of that bundle ends
	Strength string `json:"strength"`
	Scope    string `json:"scope"`
	Map      string `json:"map"`
}

// An Alert is one that asked.
type Alert struct {
	ID   string    `json:"id"`
	Name string    `json:"name,omitempty"`
	Node string    `json:"node,omitempty"`
	Time time.Time `json:"time"`
	File string    `json:"file,omitempty"` // the mail, or what came by another way

	Source string `json:"source,omitempty"` // how it came; empty: by mail
}

// A Person is who asked by hand.
type Person struct {
	By     string `json:"by,omitempty"` // empty: not known
	Reason string `json:"reason,omitempty"`
	Case   string `json:"case,omitempty"`
}

// A Host is one that was asked, and how it showed who it is.
type Host struct {
	Host      string    `json:"host"`
	Role      string    `json:"role,omitempty"`
	Address   string    `json:"address"`
	HostKey   string    `json:"host_key,omitempty"` // empty: it was never seen
	Transport string    `json:"transport,omitempty"`
	Via       []string  `json:"via,omitempty"`
	Until     time.Time `json:"until,omitzero"` // the last look at it ended
	Error     string    `json:"error,omitempty"`
}

// A Source is bytes that were read.
type Source struct {
	Host   string `json:"host"`
	Family string `json:"family"`
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	Length int64  `json:"length"`
	SHA256 string `json:"sha256"`
	From   string `json:"from,omitempty"` // host or ring

	Collector string `json:"collector,omitempty"` // of the fleet, that read it and gave it by way of the hub; empty: the one that made the bundle
}

// A Log is what they were joined to.
type Log struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// A PRT is a phone's problem report. Who sent it is the address; that it is of the device is
// the sender's word.
type PRT struct {
	Device string `json:"device"`
	From   string `json:"from"`
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// A BundleSeal is the end of a bundle's own chain.
type BundleSeal struct {
	Incident string            `json:"incident"`
	Revision int               `json:"revision"`
	Coverage evidence.Coverage `json:"coverage"`
	Manifest string            `json:"manifest_sha256"`
	SignedBy string            `json:"signed_by,omitempty"` // the key's ID; empty: it is not signed
	Grab     string            `json:"grab,omitempty"`
}

// Later is what was done with a bundle afterwards.
type Later struct {
	By     string   `json:"by,omitempty"`
	Result string   `json:"result,omitempty"` // in a word; ok is one
	Why    string   `json:"why,omitempty"`
	File   string   `json:"file,omitempty"` // that was read, or made
	SHA256 string   `json:"sha256,omitempty"`
	To     []string `json:"to,omitempty"`
}

// AfterDamage says that before the entry stands what is none; Prev is the hash of that.
type AfterDamage struct {
	Torn int `json:"torn"` // its bytes, line feeds too
}
