package evidence

import "time"

// What became of an Expressway's own diagnostic log: Diagnostic.State.
const (
	DiagnosticGot  = "got"  // it is in the bundle
	DiagnosticNone = "none" // it is not; Why says why
)

// A Diagnostic is an Expressway's own diagnostic log, which grab had it write after the alert.
// That raises log levels on the appliance until it is stopped.
type Diagnostic struct {
	Host    string    `json:"host"`
	State   string    `json:"state"`             // readers must accept new ones
	Why     string    `json:"why,omitempty"`     // there is none, or what is amiss
	By      string    `json:"by,omitempty"`      // the account with which it was started and stopped
	Started time.Time `json:"started,omitzero"`  // grab had the appliance, or its cluster, begin
	Stopped time.Time `json:"stopped,omitzero"`  // and stop
	LeftOn  bool      `json:"left_on,omitempty"` // it may still be running, with its log levels
	Named   string    `json:"named,omitempty"`   // as the appliance calls the file
	Path    string    `json:"path,omitempty"`    // in the bundle: diagnostics/<host>.tar.gz
	Bytes   int64     `json:"bytes,omitempty"`
	SHA256  string    `json:"sha256,omitempty"`
}
