package scenario

import "rtmtgrab/internal/lab/mra"

// Want is what may be said about a Scenario, in the words of registrations.json.
// Of a list each word is right; a nil list is not looked at.
type Want struct {
	Verdict []string // of the report
	Bodies  string   // bodies_logged
	Notes   []string // regular expressions; each fits the summary, a note, or a phone's summary
	// Regular expressions over the sentences about the whole, its summary and notes.
	Say, NeverSay []string
	Phones        []PhoneWant
	Others        PhoneWant // what holds for every phone that is not in Phones
}

// PhoneWant is what happened to a phone and what may be said about it.
type PhoneWant struct {
	Phone      int     // index
	Story      string  // regular expression for the whole of Site.Story
	Partial    bool    // the truth: some lines are not registered at the end
	Blame      mra.Hop // the truth: where it lost its registration, if it came back by keep-alive
	Verdict    []string
	Cause      []string
	Confidence []string
	Never      []string   // stands neither in verdict nor in cause nor in late_at
	LateBy     [2]float64 // late_by_s is at least and at most so much, if they are not both 0
	Shares     int        // so many other phones went with it

	NoLateBy        bool // late_by_s is absent, or next to nothing
	CauseConfidence []string
	LateAt          []string
	// Regular expressions over the sentences about the phone: its summary, advice and
	// statements. Each of Say fits one of them, none of NeverSay does.
	Say, NeverSay []string
}

// Of is what is wanted of the phone with that index.
func (w Want) Of(phone int) PhoneWant {
	for _, p := range w.Phones {
		if p.Phone == phone {
			return p
		}
	}
	p := w.Others
	p.Phone = phone
	return p
}
