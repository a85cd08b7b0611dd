package status

import (
	"fmt"
	"strings"
	"time"

	"rtmtgrab/internal/human"
)

// PRT is how it stands with phones' problem reports.
type PRT struct {
	Listen       string           `json:"listen"` // as configured
	TLS          bool             `json:"tls"`
	Works        bool             `json:"works"` // it listens
	Error        string           `json:"error,omitempty"`
	Since        time.Time        `json:"since,omitzero"` // of Error
	Waiting      int              `json:"waiting"`        // reports that wait for an incident of their phone
	WaitingBytes int64            `json:"waiting_bytes"`
	Oldest       time.Time        `json:"oldest,omitzero"`
	Received     int64            `json:"received"` // since the start
	Repeated     int64            `json:"repeated"` // the same report once more
	Refused      map[string]int64 `json:"refused"`  // by reason
	Last         []PRTRefused     `json:"last_refused"`
}

// PRTRefused is a report that was not taken.
type PRTRefused struct {
	Time   time.Time `json:"time"`
	From   string    `json:"from"`
	Device string    `json:"device,omitempty"`
	Reason string    `json:"reason"`
	What   string    `json:"what"`
}

// Late is a sealed incident for which something came that its newest bundle has not.
type Late struct {
	Incident string    `json:"incident"`
	Since    time.Time `json:"since"`
	Due      time.Time `json:"due"` // a further revision
	Tries    int       `json:"tries,omitempty"`
	Error    string    `json:"error,omitempty"` // of the last try
}

// refusedFor is how long a refusal is a problem.
const refusedFor = time.Hour

// JudgePRT adds what is wrong with the receiving of reports.
func JudgePRT(r *Report) {
	p := r.PRT
	if p == nil {
		return
	}
	if p.Error != "" {
		r.Add(Problem{Key: "prt", Since: p.Since, What: "phones' problem reports are not received: " + p.Error,
			Hint: "is another process listening at " + p.Listen + "? It is tried again by itself; prt: in the configuration"})
	}
	by := map[string]PRTRefused{}
	for _, f := range p.Last { // the newest first
		if _, newer := by[f.Reason]; !newer && r.Now.Sub(f.Time) < refusedFor {
			by[f.Reason] = f
		}
	}
	for _, reason := range sorted(by) {
		f := by[reason]
		who := f.From
		if f.Device != "" {
			who = f.Device + " by " + f.From
		}
		r.Add(Problem{Key: "prt/" + reason, Since: f.Time, What: fmt.Sprintf("a problem report of %s was refused: %s", who, f.What), Hint: prtHints[reason]})
	}
}

var prtHints = map[string]string{
	"network":   "if it is a phone or an Expressway-C of yours, add its network to prt.networks",
	"too_large": "raise prt.max, and have the report sent again",
	"full":      "raise prt.total or prt.count, or shorten prt.keep; then have the report sent again",
	"disk":      "make room for the store, then have the report sent again",
	"cut_off":   "the connection broke: have the report sent again",
	"slow":      "have the report sent again over a better line",
	"not_gzip":  "only reports of Cisco phones (tar.gz) are taken: look at what is configured to send here",
	"device":    "only names of phones are taken (SEP, CSF, BOT, TCT, TAB): look at what is configured to send here",
	"form":      "look at what is configured to send here: it is no phone's upload",
}

// JudgeLate adds what came late and cannot be sealed.
func JudgeLate(r *Report) {
	for _, l := range r.Late {
		if l.Error != "" {
			r.Add(Problem{Key: "late/" + l.Incident, Since: l.Since, What: "what came late to " + l.Incident + " is not in a bundle: " + l.Error,
				Hint: "it is tried again by itself, and lies in the incident's folder of the store until then"})
		}
	}
}

// material words what came from elsewhere than hosts.
func writeMaterial(w *writer, r Report) {
	if p := r.PRT; p != nil {
		w.line("\nphones' problem reports")
		at := "received at " + p.Listen
		if p.Error != "" {
			at = "not received at " + p.Listen + ": " + p.Error
		}
		w.line("  %s; %d came since the start, %d refused%s", at, p.Received, p.refused(), p.reasons())
		if p.Waiting > 0 {
			w.line("  %d of them, %s, wait for an incident; the oldest came %s", p.Waiting, human.Size(p.WaitingBytes), w.when(p.Oldest))
		}
	}
	if len(r.Late) > 0 {
		w.line("\ncame late")
	}
	for _, l := range r.Late {
		w.line("  %s: a further revision in %s", l.Incident, w.left(l.Due))
		if l.Error != "" {
			w.line("    the last try failed: %s", l.Error)
		}
	}
}

func (p *PRT) refused() (n int64) {
	for _, of := range p.Refused {
		n += of
	}
	return n
}

func (p *PRT) reasons() string {
	var parts []string
	for _, reason := range sorted(p.Refused) {
		parts = append(parts, fmt.Sprintf("%s %d", reason, p.Refused[reason]))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}
