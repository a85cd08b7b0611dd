package status

import "time"

// Diagnostic is how it stands with the own diagnostic log of a host.
type Diagnostic struct {
	Host     string    `json:"host"`
	Incident string    `json:"incident,omitempty"` // for which it was started
	Started  time.Time `json:"started,omitzero"`
	LeftOn   bool      `json:"left_on,omitempty"`       // nobody knows whether it may be stopped
	Blocked  bool      `json:"login_blocked,omitempty"` // no login is made
	Error    string    `json:"error,omitempty"`

	Hint  string   `json:"-"`
	Sites []string `json:"-"`
}

// JudgeDiagnostics adds what was left running, and where no login is made any more. An alert is
// grabbed all the same.
func JudgeDiagnostics(r *Report) {
	for _, d := range r.Diagnostics {
		if d.LeftOn {
			r.Add(Problem{Key: "diagnostics/" + d.Host, Since: d.Started, Sites: d.Sites, What: "the diagnostic log of " + d.Host + ", started for " + d.Incident + ", may still be running, with its log levels: " + d.Error,
				Hint: "look at Maintenance > Diagnostics > Diagnostic logging of " + d.Host + ", and stop it if nobody needs it; this is told for a day"})
		}
		if d.Blocked {
			r.Add(Problem{Key: "diagnostics/" + d.Host + "/login", Sites: d.Sites, Since: d.Started, What: "no diagnostic log of " + d.Host + " can be taken: " + d.Error, Hint: d.Hint})
		}
	}
}

// diagnostics writes those that are being written.
func writeDiagnostics(w *writer, list []Diagnostic) {
	said := false
	for _, d := range list {
		if d.Incident == "" || d.LeftOn {
			continue
		}
		if !said {
			w.line("\ndiagnostic logs")
			said = true
		}
		w.line("  %s: under way since %s, for %s", d.Host, w.when(d.Started), d.Incident)
	}
}
