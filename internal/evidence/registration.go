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
	// Groups are what happened, each thing once, the worst first. Manifests of earlier
	// versions have none.
	Groups []RegistrationGroup `json:"groups,omitempty"`
	// Before are phones of earlier bundles that have not registered in full since.
	Before []PastPhone `json:"before,omitempty"`
}

// A RegistrationGroup is the phones to which one thing happened.
type RegistrationGroup struct {
	Verdict    string     `json:"verdict"` // the worst of its phones
	Cause      string     `json:"cause,omitempty"`
	Confidence string     `json:"confidence"` // of the cause, the least of its phones
	At         *time.Time `json:"at,omitempty"`
	First      *time.Time `json:"first,omitempty"` // when the first and the last of its phones came back
	Last       *time.Time `json:"last,omitempty"`
	Devices    []string   `json:"devices"`        // as in Phones
	More       int        `json:"more,omitempty"` // phones that Devices leaves out
	Summary    string     `json:"summary"`        // one sentence
	Advice     string     `json:"advice,omitempty"`
}

// A Statement is one claim and how certain it is.
type Statement struct {
	Text       string `json:"text"`
	Confidence string `json:"confidence"`
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
	PRTAsked   *time.Time `json:"prt_asked,omitempty"` // when CUCM asked it for its problem report last, as the logs show
	// Statements are the single claims, of phones whose group does not say it all.
	Statements []Statement `json:"statements,omitempty"`
}
