package drill

import "time"

// The steps of a drill, in their order.
const (
	StepSent       = "sent"
	StepArrived    = "arrived"    // in the mailbox, as its watcher sees it
	StepRecognised = "recognised" // as an alert that would be grabbed for
	StepHeld       = "held"       // the files of one host
	StepCopied     = "copied"     // of one host
	StepSealed     = "sealed"
	StepVerified   = "verified"
)

// A Step is one thing that a drill has shown to work, or not to.
type Step struct {
	Step   string    `json:"step"` // one of Step…; readers must accept new values
	Host   string    `json:"host,omitempty"`
	OK     bool      `json:"ok"`
	At     time.Time `json:"at"`
	AfterS float64   `json:"after_s"` // since the drill began
	What   string    `json:"what"`    // what was seen, or the cause
	Hint   string    `json:"hint,omitempty"`
}

// A Result is what came of a drill.
type Result struct {
	Site      string    `json:"site"`
	OK        bool      `json:"ok"` // every step
	Scheduled bool      `json:"scheduled"`
	By        string    `json:"by,omitempty"` // who asked for it
	Began     time.Time `json:"began"`
	Ended     time.Time `json:"ended"`
	Steps     []Step    `json:"steps"`
	Notes     []string  `json:"notes"`
}

// Failed is the first step that failed; zero if none did.
func (r Result) Failed() Step {
	for _, s := range r.Steps {
		if !s.OK {
			return s
		}
	}
	return Step{}
}
