package oneshot

import (
	"fmt"
	"time"
)

// MaxWait is the longest that a grab by hand waits: for its window's end, for hosts that
// cannot be reached.
const MaxWait = 24 * time.Hour

// CheckWait judges how long somebody wants to wait for something.
func CheckWait(what string, d time.Duration) error {
	switch {
	case d < 0:
		return fmt.Errorf("%s cannot be negative", what)
	case d > MaxWait:
		return fmt.Errorf("%s is at most 24h", what)
	}
	return nil
}

// Request is what a grab by hand is asked for. What is not in its JSON form is for one
// that is carried out here: nothing that a running watch is asked for is a path.
type Request struct {
	Hosts    []string       `json:"hosts,omitempty"` // names of the configuration, or user@address[:port]; none: all of the site
	Site     string         `json:"site,omitempty"`
	At       string         `json:"at,omitempty"`        // as parseTime reads it; empty: now
	Before   *time.Duration `json:"before_ns,omitempty"` // nil: the configuration's
	After    time.Duration  `json:"after_ns,omitempty"`
	Patience time.Duration  `json:"patience_ns,omitempty"`
	Phones   []string       `json:"phones,omitempty"`
	Case     string         `json:"case,omitempty"`
	Reason   string         `json:"reason,omitempty"`

	NoTraces bool `json:"-"` // do not wait for CUCM's traces, which a running watch fetches anyway

	Out string `json:"-"` // folder for the bundle
	Dir string `json:"-"` // of the logs on user@address hosts
	Key string `json:"-"` // file of the key for them
}

// RetryRequest is what `grab retry` is asked for.
type RetryRequest struct {
	Incident string        `json:"incident"`
	Patience time.Duration `json:"patience_ns,omitempty"`
}
