package status

import (
	"strings"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
)

// Reset is a phone that was reset within the last day.
type Reset struct {
	Incident string `json:"incident"`
	evidence.Reset
}

// JudgeResets adds the phones that did not come back.
func JudgeResets(r *Report) {
	for _, x := range r.Resets {
		if x.State == evidence.ResetNotBack {
			r.Add(Problem{Key: "reset/" + x.Device, Since: x.At, What: x.Device + " was reset " + human.Ago(r.Now.Sub(x.At)) + " and did not come back with all its lines: " + x.lines(),
				Hint: "look at it in CUCM (Device > Phone), and whether its power and network are well"})
		}
	}
}

func (x Reset) lines() string {
	var words []string
	for _, l := range x.Lines {
		words = append(words, l.Number+" "+strings.ToLower(l.Status))
	}
	if len(words) == 0 {
		return "CUCM knows no line of it"
	}
	return strings.Join(words, ", ")
}

var resetWords = map[string]string{evidence.ResetOrdered: "asked for, and not known whether CUCM took it", evidence.ResetTaken: "on its way", evidence.ResetFailed: "not reset",
	evidence.ResetBack: "back with all its lines", evidence.ResetNotBack: "not back with all its lines"}

// resets words them.
func writeResets(w *writer, list []Reset) {
	if len(list) > 0 {
		w.line("\nphones that were reset")
	}
	for _, x := range list {
		words := resetWords[x.State]
		if x.Error != "" {
			words += ": " + x.Error
		}
		w.line("  %s, %s by %s: %s (%s)", x.Device, w.when(x.At), x.By, words, x.lines())
	}
}
