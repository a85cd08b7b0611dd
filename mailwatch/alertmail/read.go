// Package alertmail reads an alert out of a mail: its name, cluster, node, counter, phones
// and time, and by what field each is known.
//
// It is pure: the same mail gives the same alert, and no mail makes it fail or take more
// memory than the mail is long. An alert is small and shares no memory with its mail. What it does not find it leaves empty; whether the sender
// is genuine it does not know (package mailauth does).
package alertmail

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"regexp"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
)

// Limits of an alert's fields, in characters.
const (
	maxSubject = 197 // and "..."
	maxName    = 100
	maxNode    = 253
	maxCluster = 100
	maxDevices = 100
)

// A Reader reads alerts out of mails.
type Reader struct {
	Match []*regexp.Regexp // a mail matches if one of them is found in its subject or text; none means the counter of both spellings

	Kinds []Kind // other kinds of alerts, of which the first one that matches counts; Match is looked for last

	// Zone is the time zone of the site that an alert is for, of which all is known
	// but for its count, devices and time; nil if it is not known. Nil knows none.
	Zone func(a evidence.Alert) *time.Location
}

// A Kind is a kind of alerts beside evidence.DefaultKind.
type Kind struct {
	Name  string
	Match *regexp.Regexp // looked for in subject and text
}

// DefaultMatch is the counter's name in both spellings and with its siblings
// (docs/rtmt-mail.md).
var DefaultMatch = regexp.MustCompile(`(?i)Partial(ly)?RegisteredPhones?`)

// Read reads the alert out of a mail that the server got at internal; false if
// the mail does not match. A mail that matches always gives an alert with an ID
// and a time, however broken it is: Alert.From and Alert.Notes tell how each
// field was got. It is a pure function of its input. Alert.Truncated and
// Alert.File are left to others.
func (r *Reader) Read(raw []byte, internal time.Time) (evidence.Alert, bool) {
	internal = Sane(internal, time.Unix(0, 0)).Round(0)
	l := ReadLetter(raw)
	subject := Flatten(Decoded(l.First("subject")))
	r, kind := r.kind(subject, l.Text)
	if r == nil {
		return evidence.Alert{}, false
	}
	x := &extract{letter: l, flat: Flatten(l.Text), values: findValues(l.Text), alert: &evidence.Alert{
		ID:       l.id(),
		Subject:  evidence.Printable(subject, maxSubject),
		From:     map[string]string{},
		Received: &internal,
		Kind:     kind,

		Recipients: l.recipients(),
	}}
	x.sentence = findSentence(x.flat, r.matches)
	x.setName(r, subject)
	x.setCluster(subject)
	x.setNode()
	x.setCount(r)
	x.setDevices()
	var zone *time.Location
	if r.Zone != nil {
		zone = r.Zone(*x.alert)
	}
	x.setTime(zone, internal)
	x.alert.Notes = l.notes
	return evidence.Bounded(*x.alert), true
}

// kind is a Reader of the kind that the mail is of, nil if it is of none.
func (r *Reader) kind(subject, text string) (*Reader, string) {
	for _, k := range r.Kinds {
		own := &Reader{Match: []*regexp.Regexp{k.Match}, Zone: r.Zone}
		if own.matches(subject) || own.matches(text) {
			return own, k.Name
		}
	}
	if r.matches(subject) || r.matches(text) {
		return r, evidence.DefaultKind
	}
	return nil, ""
}

func (r *Reader) match() []*regexp.Regexp {
	if len(r.Match) == 0 {
		return []*regexp.Regexp{DefaultMatch}
	}
	return r.Match
}

func (r *Reader) matches(s string) bool {
	for _, re := range r.match() {
		if re.MatchString(s) {
			return true
		}
	}
	return false
}

// id is the SHA-256, in hex, of the Message-ID, or else of what the mail says.
func (l *Letter) id() string {
	h := sha256.New()
	if id := strings.Join(strings.Fields(l.First("message-id")), ""); len(id) > 2 {
		io.WriteString(h, id)
	} else {
		for _, s := range []string{l.First("from"), l.First("date"), l.First("subject"), l.Text} {
			io.WriteString(h, s+"\x00")
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// An extract is the work on one mail.
type extract struct {
	letter   *Letter
	flat     string // the text on one line
	sentence sentence
	values   map[string]string // "Name : Value", names in lower case
	alert    *evidence.Alert
}

func (x *extract) from(field, where string) { x.alert.From[field] = where }

// setName takes the counter as it is written, with what sticks to it:
// EncryptedPartiallyRegisteredPhones is another counter.
func (x *extract) setName(r *Reader, subject string) {
	what := ""
	if x.sentence.rank == 3 {
		what = x.sentence.what
	}
	for _, in := range []struct{ where, text string }{{"sentence", what}, {"subject", subject}, {"text", x.letter.Text}} {
		for _, re := range r.match() {
			if m := re.FindStringIndex(in.text); m != nil {
				x.alert.Name = evidence.Printable(Flatten(in.text[wordStart(in.text, m[0]):wordEnd(in.text, m[1])]), maxName)
				x.from("name", in.where)
				return
			}
		}
	}
}

func wordStart(s string, i int) int {
	for low := max(0, i-maxName); i > low && isWord(s[i-1]); i-- {
	}
	return i
}

func wordEnd(s string, i int) int {
	for high := min(len(s), i+maxName); i < high && isWord(s[i]); i++ {
	}
	return i
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

var SubjectRE = regexp.MustCompile(`(?i)\[RTMT-ALERT-([^\]]*)\]`)

func (x *extract) setCluster(subject string) {
	where, cluster := "ClusterID", x.values["clusterid"]
	if m := SubjectRE.FindStringSubmatch(subject); m != nil && strings.TrimSpace(m[1]) != "" {
		where, cluster = "subject", m[1]
	}
	if cluster = strings.TrimSpace(cluster); cluster != "" {
		x.alert.Cluster = evidence.Printable(cluster, maxCluster)
		x.from("cluster", where)
	}
}

func (x *extract) setNode() {
	if x.sentence.rank > 0 && x.sentence.node != "" {
		x.alert.Node = x.sentence.node
		x.from("node", "sentence")
	} else if node := nodeName(x.values["nodeid"]); node != "" {
		x.alert.Node = evidence.Printable(node, maxNode)
		x.from("node", "NodeID, the collecting node: it may have happened on another")
	}
}

var deviceRE = regexp.MustCompile(`(?i)\b(SEP[0-9A-F]{12})\b|\bDeviceName[ \t]*[=:][ \t]*\[?([A-Za-z0-9][A-Za-z0-9._-]{0,127})`)

func (x *extract) setDevices() {
	seen := map[string]bool{}
	x.alert.Devices = []string{}
	for _, m := range deviceRE.FindAllStringSubmatch(x.letter.Text, 1000) {
		name := m[1] + m[2]
		if up := strings.ToUpper(name); strings.HasPrefix(up, "SEP") {
			name = up
		}
		if seen[name] || len(seen) == maxDevices {
			continue
		}
		seen[name] = true
		x.alert.Devices = append(x.alert.Devices, name)
	}
	if len(seen) > 0 {
		x.from("devices", "text")
	}
}

// MaxRaw is how much of a mail is read, in bytes.
const MaxRaw = 1 << 20
