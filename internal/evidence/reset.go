package evidence

import "time"

// What became of a Reset. Readers must accept new values.
const (
	ResetOrdered = "ordered"  // CUCM was asked; whether it took the order is not known
	ResetFailed  = "failed"   // CUCM did not take it: Error says why
	ResetTaken   = "taken"    // CUCM took it; the phone is watched
	ResetBack    = "back"     // all its lines are registered again
	ResetNotBack = "not_back" // they were not within the time that it was watched
)

// A Reset is a phone that somebody had reset.
type Reset struct {
	Device  string    `json:"device"`
	Cluster string    `json:"cluster"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	PRT     string    `json:"prt"`           // "received", "asked" for, or "none"
	Why     string    `json:"why,omitempty"` // why without its problem report

	State string      `json:"state"` // one of Reset…
	Error string      `json:"error,omitempty"`
	Lines []ResetLine `json:"lines"` // as CUCM had them last
	Ended *time.Time  `json:"ended,omitempty"`
}

// A ResetLine is one line of a phone.
type ResetLine struct {
	Number string `json:"number"`
	Status string `json:"status"`
}

// Open reports whether it is not known yet what became of it.
func (r Reset) Open() bool { return r.State == ResetOrdered || r.State == ResetTaken }
