package oneshot

import "time"

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

	Out string `json:"-"` // folder for the bundle
	Dir string `json:"-"` // of the logs on user@address hosts
	Key string `json:"-"` // file of the key for them
}

// RetryRequest is what `grab retry` is asked for.
type RetryRequest struct {
	Incident string        `json:"incident"`
	Patience time.Duration `json:"patience_ns,omitempty"`
}
