package evidence

import "time"

// A Registration is in brief what the REGISTER messages in a bundle's logs show;
// report/registrations.json says it all. The words of verdicts, causes and
// confidences are those of package registration; readers must accept new ones.
type Registration struct {
	Verdict string              `json:"verdict"`
	Summary string              `json:"summary"` // one sentence
	Phones  []PhoneRegistration `json:"phones"`  // those named, and those that something happened to
	More    int                 `json:"more"`    // phones of that kind that Phones leaves out
	Healthy int                 `json:"healthy"` // phones that stayed registered
	Unknown int                 `json:"unknown"` // phones of which nothing can be said, beside those in Phones
	Notes   []string            `json:"notes"`   // what limits the statement
}

// A PhoneRegistration is the verdict on one phone.
type PhoneRegistration struct {
	Device     string     `json:"device"` // its name, or else its MAC or a number
	Verdict    string     `json:"verdict"`
	Cause      string     `json:"cause,omitempty"`
	Confidence string     `json:"confidence"`
	At         *time.Time `json:"at,omitempty"`
	Summary    string     `json:"summary"` // one sentence
	Advice     string     `json:"advice,omitempty"`
}
