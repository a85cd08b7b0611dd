// Package channel tells people what changed: a problem that lasts, its end, an
// incident whose logs are copied, a bundle that is sealed.
//
// It guarantees that each change is told once, after a restart too; that a short
// outage stays quiet and one that comes and goes does not storm; that a notice that
// cannot be delivered waits on disk, in a bounded queue, and is tried again; and
// that what came out of a mail reaches a command by its standard input alone. It
// does not know how problems are found out, or what an incident is.
package channel

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
)

// Kinds of notices.
const (
	KindProblems = "problems"   // Changes
	KindCopied   = "first_pass" // Incident: every host was asked once
	KindSealed   = "sealed"     // Incident: the bundle is there
	KindTest     = "test"
)

// A Notice is one message. Its JSON is what a webhook with the template json and a
// command get.
type Notice struct {
	ID       string    `json:"id"` // hex; the same notice has the same, also when a crash has it made or delivered again
	Kind     string    `json:"kind"`
	Time     time.Time `json:"time"`
	Subject  string    `json:"subject"` // one line
	Text     string    `json:"text"`    // lines
	Changes  []Change  `json:"changes,omitempty"`
	Incident *Incident `json:"incident,omitempty"`
	Dropped  int       `json:"dropped,omitempty"` // notices before this one that could not be delivered and were given up
}

// What a Change says about a problem.
const (
	Began   = "began"
	Ended   = "ended"
	Flapped = "flapped" // it came and went since it was spoken of last
)

// A Change is one problem's change of state.
type Change struct {
	ID      string    `json:"id"` // hex, as of a Notice: a restart may put the same change beside others
	Key     string    `json:"key"`
	Event   string    `json:"event"` // one of Began, …
	What    string    `json:"what"`
	Hint    string    `json:"hint,omitempty"`
	Blocks  bool      `json:"blocks"` // an alert would lose something by it
	Since   time.Time `json:"since"`
	Ended   time.Time `json:"ended,omitzero"`
	Times   int       `json:"times,omitempty"`   // of Flapped: how often it came
	Present bool      `json:"present,omitempty"` // of Flapped: it is there at the moment
}

// An Incident is what is known of one so far.
type Incident struct {
	Key      string          `json:"-"` // what the notice's ID is made of: it never changes, as Incident may
	Incident string          `json:"incident"`
	Revision int             `json:"revision"` // of the bundle, from 1
	Site     string          `json:"site"`
	TimeZone string          `json:"time_zone,omitempty"` // of the site: the text's times are in it
	Alerts   []string        `json:"alerts"`              // name and node of each, at most maxAlerts
	Machines []string        `json:"-"`                   // clusters and nodes that stand in Alerts
	More     int             `json:"more_alerts,omitempty"`
	Window   evidence.Window `json:"window"`
	Coverage string          `json:"coverage"`
	Hosts    []Host          `json:"hosts"`
	Verdict  string          `json:"verdict,omitempty"` // of KindSealed: one sentence on the registrations
	Found    *Registration   `json:"registration,omitempty"`
	CUCM     *Names          `json:"cucm,omitempty"` // nil: it was not asked
	Bundled
}

// Bundled is what a notice says of a bundle.
type Bundled struct {
	Late   bool     `json:"late,omitempty"`   // the revision is for what came of CUCM or phones since
	Bundle string   `json:"bundle,omitempty"` // path on the machine of grab
	Size   int64    `json:"size,omitempty"`
	SHA256 string   `json:"sha256,omitempty"`
	Handed []Handed `json:"handed_over,omitempty"` // where it is, or is to go
}

// Handed is a place that a bundle was handed over to, or is to be.
type Handed struct {
	To    string `json:"to"` // the destination's name
	State string `json:"state"`
	Place string `json:"place,omitempty"` // where it is; empty: not there yet
	Error string `json:"error,omitempty"`
}

// MaxAlerts is how many alerts of an incident are named.
const MaxAlerts = 10

// Host is one peer of an incident.
type Host struct {
	Host     string `json:"host"`
	Coverage string `json:"coverage"`
	Error    string `json:"error,omitempty"`
}

// id is made of what makes a notice the same.
func id(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// Problems makes one notice of changes.
func Problems(now time.Time, changes []Change) Notice {
	var parts []string
	changes = slices.Clone(changes)
	for i := range changes {
		c := &changes[i]
		part := []string{c.Key, c.Event, c.Since.UTC().Format(time.RFC3339Nano), fmt.Sprint(c.Times)}
		c.ID = id(part...)
		parts = append(parts, part...)
	}
	n := Notice{ID: id(parts...), Kind: KindProblems, Time: now.UTC().Round(0), Changes: changes, Subject: subject(changes)}
	var b strings.Builder
	for i, c := range changes {
		if i > 0 {
			b.WriteString("\n")
		}
		c.write(&b)
	}
	n.Text = human.Local().Say(b.String())
	return n
}

func subject(changes []Change) string {
	began, ended := 0, 0
	for _, c := range changes {
		if c.Event == Ended || c.Event == Flapped && !c.Present {
			ended++
		} else {
			began++
		}
	}
	switch {
	case len(changes) == 1:
		return "grab: " + changes[0].headline()
	case ended == 0:
		return fmt.Sprintf("grab: %d problems", began)
	case began == 0:
		return fmt.Sprintf("grab: %d problems resolved", ended)
	}
	return fmt.Sprintf("grab: %d problems, %d resolved", began, ended)
}

func (c Change) headline() string {
	switch c.Event {
	case Ended:
		return c.Key + " resolved"
	case Flapped:
		return c.Key + " is flapping"
	}
	if c.Blocks {
		return "alerts at risk: " + c.Key
	}
	return c.Key
}

func (c Change) write(b *strings.Builder) {
	switch c.Event {
	case Ended:
		fmt.Fprintf(b, "%s is resolved, it lasted %s.\nIt was: %s\n", c.Key, human.Span(c.Ended.Sub(c.Since)), c.What)
	case Flapped:
		now := "At the moment it is resolved."
		if c.Present {
			now = "At the moment it persists."
		}
		fmt.Fprintf(b, "%s occurred %s since %s. %s\n%s\n", c.Key, times(c.Times), stamp(c.Since), now, c.What)
	default:
		fmt.Fprintf(b, "%s, since %s: %s\n", c.Key, stamp(c.Since), c.What)
	}
	if c.Hint != "" && (c.Event != Ended) {
		fmt.Fprintf(b, "What to do: %s\n", c.Hint)
	}
	if c.Blocks && c.Event == Began {
		b.WriteString("An alert that comes now would lose logs because of it.\n")
	}
}

// Test is the notice of grab check --notify.
func Test(now time.Time) Notice {
	return Notice{ID: id("test", now.Format(time.RFC3339Nano)), Kind: KindTest, Time: now.UTC().Round(0), Subject: "grab: a test",
		Text: "This is a test by grab check --notify. Notifications reach you.\n"}
}

// body is the text with what was dropped before it.
func (n Notice) body() string {
	if n.Dropped == 0 {
		return n.Text
	}
	return fmt.Sprintf("%s\nBefore this, %d notifications could not be delivered and were dropped: see grab status.\n", n.Text, n.Dropped)
}

// stamp is a time of this machine, to the second.
func stamp(t time.Time) string { return human.Local().At(t.Truncate(time.Second)) }

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
