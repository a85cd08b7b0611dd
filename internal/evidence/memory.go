package evidence

import "time"

// A PastPhone is a phone that an earlier bundle of the site shows without all its lines, and
// of which no bundle since shows that it registered in full.
type PastPhone struct {
	Device   string    `json:"device"`
	Verdict  string    `json:"verdict"` // there
	At       time.Time `json:"at"`      // when it came back so
	Incident string    `json:"incident"`

	// What a report says of it; empty in a manifest.
	Confidence string `json:"confidence,omitempty"`
	Summary    string `json:"summary,omitempty"` // one sentence
}

// A Memory is what later incidents of a site should know of the phones of one.
type Memory struct {
	Revision int         `json:"revision"`
	Partial  []PhoneTime `json:"partial"` // without all their lines at the end of the logs, and since when
	Over     []PhoneTime `json:"over"`    // registered in full, or left by themselves, and when last
	Cut      bool        `json:"cut,omitempty"`
}

// A PhoneTime is when something was so of a phone.
type PhoneTime struct {
	Device  string    `json:"device"`
	Verdict string    `json:"verdict,omitempty"`
	At      time.Time `json:"at"`
}
