package status

import (
	"cmp"
	"fmt"
	"time"

	"rtmtgrab/internal/human"
)

// HandoverKey begins the keys of problems with destinations of bundles.
const HandoverKey = "handover"

// A Destination is how it stands with one place that bundles are handed over to.
type Destination struct {
	Name       string    `json:"name"`
	Sink       string    `json:"sink,omitempty"` // folder, sftp, s3, https, cxd, mail
	Configured bool      `json:"configured"`     // bundles may wait for one that is not any more
	Waiting    int       `json:"waiting"`        // bundles, failed ones too
	Failed     int       `json:"failed"`         // of them, for good
	Sending    bool      `json:"sending"`
	Closed     bool      `json:"closed"` // it refuses: nothing is tried until somebody has changed something
	Hangs      bool      `json:"hangs"`
	Oldest     time.Time `json:"oldest,omitzero"` // since when the oldest waits that is due
	Next       time.Time `json:"next,omitzero"`   // next attempt after a failure

	Count     int64     `json:"delivered"`               // bundles, in all
	Delivered time.Time `json:"last_delivered,omitzero"` // the last one
	Incident  string    `json:"last_incident,omitempty"`
	Place     string    `json:"last_place,omitempty"`

	Failing   time.Time `json:"failing,omitzero"`     // since when nothing comes through; zero: the last attempt did
	FailedAt  time.Time `json:"last_failed,omitzero"` // the last attempt that failed
	Cause     string    `json:"last_cause,omitempty"` // of it
	Error     string    `json:"last_error,omitempty"`
	Hint      string    `json:"-"` // the next move for Cause
	FirstDead string    `json:"-"` // one that failed for good, and why
}

// failingFor is how long nothing comes through before that is a problem: shorter pauses are
// usual.
const failingFor = 5 * time.Minute

// lateAfter is how long a bundle waits before that is a problem although others come through.
const lateAfter = 30 * time.Minute

// JudgeHandover says what keeps bundles from being handed over. None of it costs an alert
// anything.
func JudgeHandover(r *Report) {
	for _, d := range r.Handover {
		if what, hint, since := judgeDestination(d, r.Now); what != "" {
			r.Add(Problem{Key: HandoverKey + "/" + d.Name, What: what, Hint: hint, Since: since})
		}
	}
}

func judgeDestination(d Destination, now time.Time) (what, hint string, since time.Time) {
	waits := human.Plural(d.Waiting, "bundle")
	switch {
	case d.Waiting == 0:
		return "", "", since
	case !d.Configured:
		return fmt.Sprintf("%s for %s, which is not configured any more", waiting(d.Waiting), d.Name),
			"configure it again and `grab reload`, or `grab send --list` and then `grab send INCIDENT --to ANOTHER`, `grab send INCIDENT --to " + d.Name + " --drop`", d.Oldest
	case d.Closed:
		return fmt.Sprintf("nothing is handed over to %s, and %s: %s: %s", d.Name, waiting(d.Waiting), cmp.Or(d.Cause, "refused"), d.Error), d.Hint, d.Failing
	case d.Failed > 0:
		return fmt.Sprintf("%s of %s cannot be handed over to %s; %s", human.Plural(d.Failed, "bundle"), human.Plural(d.Waiting, "waiting one"), d.Name, d.FirstDead), d.Hint, d.FailedAt
	case d.Hangs:
		return fmt.Sprintf("handing over to %s hangs, and %s", d.Name, waiting(d.Waiting)), d.Hint, d.Failing
	case !d.Failing.IsZero() && now.Sub(d.Failing) >= failingFor:
		return fmt.Sprintf("%s not handed over to %s: %s: %s", waits, d.Name, cmp.Or(d.Cause, "failed"), d.Error), d.Hint, d.Failing
	}
	if !d.Oldest.IsZero() && !d.Sending && now.Sub(d.Oldest) >= lateAfter {
		return fmt.Sprintf("a bundle waits to be handed over to %s; the last error: %s: %s", d.Name, cmp.Or(d.Cause, "none"), cmp.Or(d.Error, "-")), d.Hint, d.Oldest
	}
	return "", "", since
}

func waiting(n int) string {
	if n == 1 {
		return "1 bundle waits"
	}
	return fmt.Sprintf("%d bundles wait", n)
}

func (w *writer) destination(d Destination) {
	state := "nothing waits"
	switch {
	case d.Sending:
		state = fmt.Sprintf("sending, %s", waiting(d.Waiting))
	case d.Waiting > 0:
		state = waiting(d.Waiting)
	}
	if d.Failed > 0 {
		state += fmt.Sprintf(", %d failed for good", d.Failed)
	}
	if !d.Configured {
		state += ", not configured any more"
	}
	w.line("  %s (%s): %s; last delivered %s", d.Name, cmp.Or(d.Sink, "?"), state, w.when(d.Delivered))
	if d.Place != "" {
		w.line("    %s: %s", d.Incident, d.Place)
	}
	if !d.Failing.IsZero() {
		w.line("    last error, %s: %s: %s", w.when(d.FailedAt), d.Cause, d.Error)
	}
	if !d.Next.IsZero() {
		w.line("    next attempt in %s", w.left(d.Next))
	}
}
