package handover

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"rtmtgrab/internal/handover/sink"
)

// A State is how far a job has come.
type State string

// The states. Of the first four a job comes to one of the others; a failed one is kept
// until a person does something about it, the last three are the end.
const (
	Queued   State = "queued"   // nothing is made of its bundle yet
	Prepared State = "prepared" // its artefact is made, and was not taken so far
	Running  State = "running"  // an attempt is under way, or was when the program ended
	Unknown  State = "unknown"  // an attempt ended, and the far side may have it; it is repeated
	Failed   State = "failed"   // another attempt is of no use

	Done       State = "done"
	Superseded State = "superseded" // by a newer revision of its incident
	Dropped    State = "dropped"    // by a person
)

// Final reports whether nothing more becomes of the job by itself or by a change of the
// configuration.
func (s State) Final() bool { return s == Done || s == Superseded || s == Dropped }

// A Job is the delivery of one revision of an incident to one destination.
type Job struct {
	ID       string `json:"id"`   // that the far side can tell a repeat by, hex
	Sink     string `json:"sink"` // the destination's name
	Key      string `json:"key"`  // of the incident
	Revision int    `json:"revision"`
	Incident string `json:"incident"`
	Site     string `json:"site,omitempty"`
	Bundle   string `json:"bundle"` // its file

	Created time.Time `json:"created"`
	Since   time.Time `json:"since"`            // when the first revision was sealed that waits in this one
	Due     time.Time `json:"due,omitzero"`     // not before
	By      string    `json:"by,omitempty"`     // who asked for it by hand
	Case    string    `json:"case,omitempty"`   // that was named with it
	Again   int       `json:"again,omitempty"`  // how often it was asked for once more after its end
	State   State     `json:"state"`            //
	Ended   time.Time `json:"ended,omitzero"`   // of a final state
	Changed time.Time `json:"changed,omitzero"` // of State

	Unmade   int       `json:"unmade,omitempty"` // how often the artefact could not be made, in a row
	Terms    string    `json:"terms,omitempty"`  // under which the artefact was made, or could not be
	Artefact *Artefact `json:"artefact,omitempty"`
	Attempts []Attempt `json:"attempts,omitempty"` // the last ones
	Recorded int       `json:"recorded,omitempty"` // attempts up to this number are in the chain of custody
	Place    string    `json:"place,omitempty"`    // where it is
	Verified string    `json:"verified,omitempty"` // as in sink.Receipt
	Reached  []string  `json:"reached,omitempty"`  // who has it, of a destination that goes to several
	Cause    string    `json:"cause,omitempty"`    // of Error
	Error    string    `json:"error,omitempty"`    // why it is not delivered
}

// An Artefact is what is sent.
type Artefact struct {
	File   string    `json:"file,omitempty"` // in the job's own folder of the outbox; empty: the bundle itself
	Name   string    `json:"name"`           // what it is called at the far side
	Size   int64     `json:"size"`
	SHA256 string    `json:"sha256"`
	Note   sink.Note `json:"note"`
}

// What came of an attempt.
const (
	OutcomeDelivered = "delivered"
	OutcomeFailed    = "failed"
	OutcomeUnknown   = "unknown" // the far side may have it
	OutcomeStopped   = "stopped" // by the end of the program, before it was there
)

// An Attempt is one, recorded before it is made.
type Attempt struct {
	N       int       `json:"n"` // 1 is the first
	Began   time.Time `json:"began"`
	Ended   time.Time `json:"ended,omitzero"`
	Outcome string    `json:"outcome,omitempty"` // empty: under way
	Cause   string    `json:"cause,omitempty"`
	Error   string    `json:"error,omitempty"`
	Place   string    `json:"place,omitempty"`
	Sent    int64     `json:"sent,omitempty"`
	Resumed int64     `json:"resumed,omitempty"`
	File    string    `json:"file,omitempty"`   // of what was sent, as Artefact.Name: that may be made anew later
	SHA256  string    `json:"sha256,omitempty"` // of it
}

// maxAttempts is how many attempts a job remembers.
const maxAttempts = 20

// mark stands in names of jobs between what they are made of: no name of an incident or a
// destination has it.
const mark = "~"

// Name is that of the job of a revision and a destination, and of its files.
func Name(key string, revision int, destination string) string {
	return key + mark + "r" + strconv.Itoa(revision) + mark + strings.ToLower(destination)
}

// Name is the job's name.
func (j *Job) Name() string { return Name(j.Key, j.Revision, j.Sink) }

// keyOf is the incident of a job's name, "" if it is none.
func keyOf(name string) string {
	key, _, ok := strings.Cut(name, mark)
	if !ok {
		return ""
	}
	return key
}

// identity is what the far side tells a repeat by.
func (j *Job) identity() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "grab %s %d", j.Name(), j.Again))
	return hex.EncodeToString(sum[:16])
}

// tried is how many attempts were begun.
func (j *Job) tried() int {
	if len(j.Attempts) == 0 {
		return 0
	}
	return j.Attempts[len(j.Attempts)-1].N
}

// failures is how many attempts in a row came to nothing, by what is remembered.
func (j *Job) failures() (n int) {
	for _, a := range j.Attempts {
		switch a.Outcome {
		case OutcomeFailed, OutcomeUnknown:
			n++
		case OutcomeDelivered:
			n = 0
		}
	}
	return n
}

var errState = errors.New("a job cannot do so in its state")

// become changes the state.
func (j *Job) become(s State, now time.Time) {
	j.State, j.Changed, j.Ended = s, now, time.Time{}
	if s.Final() {
		j.Ended = now
	}
}

// prepared takes in the artefact.
func (j *Job) prepared(a Artefact, terms string, now time.Time) error {
	if j.State != Queued {
		return fmt.Errorf("%w: prepare %s", errState, j.State)
	}
	j.Artefact, j.Terms, j.Unmade, j.Cause, j.Error = &a, terms, 0, "", ""
	j.become(Prepared, now)
	return nil
}

// unprepared says that no artefact can be made, for good or until due.
func (j *Job) unprepared(err error, terms string, now, due time.Time) error {
	if j.State != Queued {
		return fmt.Errorf("%w: prepare %s", errState, j.State)
	}
	j.Terms, j.Due = terms, due
	j.Unmade++
	j.Cause, j.Error = why(err)
	if sink.Permanent(err) {
		j.Due = time.Time{}
		j.become(Failed, now)
	}
	return nil
}

// begin records an attempt.
func (j *Job) begin(now time.Time) error {
	if j.State != Prepared && j.State != Unknown || j.Artefact == nil {
		return fmt.Errorf("%w: begin %s", errState, j.State)
	}
	j.Attempts = append(j.Attempts, Attempt{N: j.tried() + 1, Began: now, File: j.Artefact.Name, SHA256: j.Artefact.SHA256})
	if n := len(j.Attempts) - maxAttempts; n > 0 {
		j.Attempts = append([]Attempt(nil), j.Attempts[n:]...)
	}
	j.Due = time.Time{}
	j.become(Running, now)
	return nil
}

// reach notes who has it now, however the attempt under way ends.
func (j *Job) reach(who []string) {
	for _, w := range who {
		if !slices.Contains(j.Reached, w) {
			j.Reached = append(j.Reached, w)
		}
	}
}

// deliver ends the attempt under way well.
func (j *Job) deliver(r sink.Receipt, now time.Time) error {
	a, err := j.underWay()
	if err != nil {
		return err
	}
	a.Ended, a.Outcome, a.Place, a.Sent, a.Resumed = now, OutcomeDelivered, r.Place, r.Sent, r.Resumed
	j.Place, j.Verified, j.Cause, j.Error = r.Place, r.Verified, "", ""
	j.become(Done, now)
	return nil
}

// fail ends the attempt under way without a confirmation; it is repeated from due on, if
// that can help.
func (j *Job) fail(err error, now, due time.Time) error {
	a, werr := j.underWay()
	if werr != nil {
		return werr
	}
	a.Ended, a.Outcome = now, OutcomeFailed
	a.Cause, a.Error = why(err)
	j.Cause, j.Error = a.Cause, a.Error
	next := Prepared
	if sink.Unknown(err) {
		a.Outcome, next = OutcomeUnknown, Unknown
	}
	if sink.Permanent(err) {
		next, due = Failed, time.Time{}
	}
	j.Due = due
	j.become(next, now)
	return nil
}

// stop ends the attempt under way because the program ends; unsure: the far side may have
// it. What interrupted it cost nothing: it is made again at once.
func (j *Job) stop(unsure bool, now time.Time) error {
	a, err := j.underWay()
	if err != nil {
		return err
	}
	next := Prepared
	a.Ended, a.Outcome = now, OutcomeStopped
	if unsure {
		a.Outcome, next = OutcomeUnknown, Unknown
		a.Error = "grab ended before the outcome was known"
	}
	j.become(next, now)
	return nil
}

// requeue has the job made anew from its bundle, for the same delivery.
func (j *Job) requeue(now time.Time) error {
	if j.State == Running || j.State.Final() {
		return fmt.Errorf("%w: queue %s", errState, j.State)
	}
	j.Artefact, j.Due = nil, time.Time{}
	j.become(Queued, now)
	return nil
}

// reopen takes a failed job up where it stood.
func (j *Job) reopen(now time.Time) error {
	if j.State != Failed {
		return fmt.Errorf("%w: reopen %s", errState, j.State)
	}
	j.Due = time.Time{}
	switch n := len(j.Attempts); {
	case j.Artefact == nil:
		j.become(Queued, now)
	case n > 0 && j.Attempts[n-1].Outcome == OutcomeUnknown:
		j.become(Unknown, now)
	default:
		j.become(Prepared, now)
	}
	return nil
}

// again makes a new delivery of a job that is at its end.
func (j *Job) again(now time.Time) error {
	if !j.State.Final() {
		return fmt.Errorf("%w: send %s again", errState, j.State)
	}
	j.Again++
	j.ID = j.identity()
	j.Artefact, j.Due, j.Place, j.Verified, j.Reached, j.Cause, j.Error = nil, time.Time{}, "", "", nil, "", ""
	j.Created = now
	j.become(Queued, now)
	return nil
}

// end gives the job up, for a newer revision or by a person.
func (j *Job) end(as State, reason string, now time.Time) error {
	if j.State == Running || j.State.Final() || as != Superseded && as != Dropped {
		return fmt.Errorf("%w: %s %s", errState, as, j.State)
	}
	if j.Error != "" {
		reason += "; before: " + j.Error
	}
	j.Error, j.Due = reason, time.Time{}
	j.become(as, now)
	return nil
}

func (j *Job) underWay() (*Attempt, error) {
	if n := len(j.Attempts); j.State == Running && n > 0 && j.Attempts[n-1].Outcome == "" {
		return &j.Attempts[n-1], nil
	}
	return nil, fmt.Errorf("%w: end an attempt of %s", errState, j.State)
}

// why is an error as it is kept.
func why(err error) (cause, text string) {
	var e *sink.Error
	if errors.As(err, &e) {
		cause, err = string(e.Cause), e.Err
	}
	return cause, printable(err)
}
