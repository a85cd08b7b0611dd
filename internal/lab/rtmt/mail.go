// Package rtmt is a laboratory's RTMT: its alert mails in every form that is known, and a
// mailbox that they come into, over IMAP in this process.
//
// What RTMT writes is from docs/rtmt-mail.md. It knows nothing of what reads the mails.
package rtmt

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/lab/mra"
)

// A Variant is one way in which RTMT's mail may look; docs/rtmt-mail.md says
// that nobody has written down which of them is true.
type Variant string

// The variants. Unless its name says otherwise a variant is plain text in 7 bit,
// CRLF, sentence family 2, with honest zone letters.
const (
	Plain           Variant = "plain"
	HTML            Variant = "html"             // HTML only
	QuotedPrintable Variant = "quoted-printable" // with soft line breaks
	Base64          Variant = "base64"
	Multipart       Variant = "multipart"     // multipart/alternative
	Latin1          Variant = "latin1"        // ISO-8859-1 with 8 bit letters in the administrator's text
	BareLF          Variant = "bare-lf"       // LF for line ends
	Sentence1       Variant = "sentence1"     // "At <date> on node <node>, the following ... events generated:"; names no count
	Sentence1Hash   Variant = "sentence1-012" // as before, line ends written #012
	NoNode          Variant = "no-node"       // "The alarm is generated on <date>."
	LyingZone       Variant = "lying-zone"    // the time is the zone's, the letters are another's
	GMT             Variant = "gmt"           // "GMT+00:00"
	NodeFQDN        Variant = "node-fqdn"
	NodeIP          Variant = "node-ip"
	EmptyCluster    Variant = "empty-cluster"  // no cluster, in the subject neither
	AdminText       Variant = "admin-text"     // the administrator's own text on top, other dates and colons in it
	OtherSpelling   Variant = "other-spelling" // PartialRegisteredPhone
	Plural          Variant = "plural"         // EncryptedPartiallyRegisteredPhones
	Encoded         Variant = "encoded-header" // subject as an RFC 2047 encoded word
)

// Variants lists them all.
func Variants() []Variant {
	return []Variant{Plain, HTML, QuotedPrintable, Base64, Multipart, Latin1, BareLF, Sentence1, Sentence1Hash, NoNode, LyingZone, GMT,
		NodeFQDN, NodeIP, EmptyCluster, AdminText, OtherSpelling, Plural, Encoded}
}

// MailOptions says what a mail tells. The zero value of each field is documented.
type MailOptions struct {
	Variant   Variant        // zero: Plain
	Name      string         // of the alert; zero: PartiallyRegisteredPhone, or the variant's spelling
	Cluster   string         // zero: StandAloneCluster
	Node      string         // where it happened; zero: cucm01. NodeFQDN and NodeIP make a name or an address of a short name
	Publisher string         // the outermost NodeID; zero: cucm01
	Count     int            // zero: 1
	Threshold int            // as configured ("Over"); zero: 0
	Time      time.Time      // of the alert, to the second; zero: now
	Date      time.Time      // of the Date header; zero: Time and 2 s
	Zone      *time.Location // of the cluster; nil: UTC
	MessageID string         // without the angle brackets; zero: made from the rest, the same for the same
	From, To  string         // zero: rtmt@cucm01.example.com, grab@example.com
	Subject   string         // zero: [RTMT-ALERT-<cluster>] <name>
	Text      string         // put on top of the predefined text; zero: nothing, or the variant's
}

// MailTruth is what a mail tells a careful reader who knows the cluster's zone.
type MailTruth struct {
	Name, Cluster string
	Node          string // as written; empty if the text names none
	Count         *int   // nil if the text names none
	Time          time.Time
	ZoneLies      bool
}

func (o *MailOptions) setDefaults() {
	def := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	if o.Variant == "" {
		o.Variant = Plain
	}
	switch o.Variant {
	case OtherSpelling:
		def(&o.Name, "PartialRegisteredPhone")
	case Plural:
		def(&o.Name, "EncryptedPartiallyRegisteredPhones")
	case AdminText:
		def(&o.Text, "Dear colleagues,\nsince Mon Jan 05 10:00:00 EST 2026 please also call 555 0100 (3 times). On node: see below.\nTicket : INC000042\n")
	case Latin1:
		def(&o.Text, "Bitte sofort prüfen, Grüße von der Störungsstelle\n")
	}
	def(&o.Name, "PartiallyRegisteredPhone")
	def(&o.Cluster, "StandAloneCluster")
	def(&o.Node, "cucm01")
	def(&o.Publisher, "cucm01")
	def(&o.From, "rtmt@cucm01.example.com")
	def(&o.To, "grab@example.com")
	if o.Variant == EmptyCluster {
		o.Cluster = ""
	}
	short := !strings.Contains(o.Node, ".") && !strings.Contains(o.Node, ":")
	if o.Variant == NodeFQDN && short {
		o.Node += ".example.com"
	}
	if o.Variant == NodeIP && net.ParseIP(o.Node) == nil {
		o.Node = mra.NodeAddress(o.Node)
	}
	if o.Count == 0 {
		o.Count = 1
	}
	if o.Time.IsZero() {
		o.Time = time.Now()
	}
	o.Time = o.Time.Truncate(time.Second).UTC()
	if o.Date.IsZero() {
		o.Date = o.Time.Add(2 * time.Second)
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	def(&o.Subject, fmt.Sprintf("[RTMT-ALERT-%s] %s", o.Cluster, o.Name))
	def(&o.MessageID, fmt.Sprintf("%d.%s.%s.%d@cucm01.example.com", o.Time.Unix(), o.Node, o.Variant, o.Count))
}

// Truth is what the mail of these options tells.
func (o MailOptions) Truth() MailTruth {
	o.setDefaults()
	t := MailTruth{Name: o.Name, Cluster: o.Cluster, Node: o.Node, Count: &o.Count, Time: o.Time, ZoneLies: o.Variant == LyingZone}
	if o.Variant == NoNode {
		t.Node = ""
	}
	if o.Variant == Sentence1 || o.Variant == Sentence1Hash {
		t.Count = nil
	}
	return t
}

// Mail is a whole mail, header and body, ready for a mailbox.
func Mail(o MailOptions) []byte {
	o.setDefaults()
	return o.encode(o.text())
}

// text is the body before any encoding, with LF line ends.
func (o *MailOptions) text() string {
	date := o.date()
	var b strings.Builder
	b.WriteString(o.Text)
	switch o.Variant {
	case Sentence1, Sentence1Hash:
		fmt.Fprintf(&b, "At %s on node %s, the following %s events generated: \n", date, o.Node, o.Name)
	case NoNode:
		fmt.Fprintf(&b, "Number of %s (%d) is over %d threshold. The alarm is generated on %s.\n", o.Name, o.Count, o.Threshold, date)
	default:
		fmt.Fprintf(&b, "Number of %s (%d) is over %d threshold. The alert is generated on %s on node %s.\n", o.Name, o.Count, o.Threshold, date, o.Node)
	}
	fmt.Fprintf(&b, "\nAppID : Cisco AMC Service\nClusterID : %s\nNodeID : %s\nTimeStamp : %s\n", o.Cluster, o.Publisher, date)
	text := b.String()
	if o.Variant == Sentence1Hash {
		text = strings.ReplaceAll(text, "\n", "#012") + "\n"
	}
	return text
}

// date is Java's Date.toString of the alert's time.
func (o *MailOptions) date() string {
	t := o.Time.In(o.Zone)
	letters := t.Format("MST")
	switch {
	case o.Variant == GMT:
		t, letters = o.Time, "GMT+00:00"
	case o.Variant == LyingZone:
		for _, l := range []string{"EST", "CST", "IST"} {
			if l != letters {
				letters = l
				break
			}
		}
	case !slices.ContainsFunc([]byte(letters), func(c byte) bool { return c >= 'A' && c <= 'Z' }):
		letters = "GMT" + t.Format("-07:00")
	}
	return t.Format("Mon Jan 02 15:04:05 ") + letters + t.Format(" 2006")
}

// A Posted is one mail of a storm.
type Posted struct {
	Raw  []byte
	Time time.Time // of the alert in it
}

// Storm is n mails about one lasting alert, one every gap (zero: the engine's
// poll, 30 s), alike but for their times and Message-IDs.
func Storm(o MailOptions, n int, gap time.Duration) []Posted {
	if gap == 0 {
		gap = 30 * time.Second
	}
	first := o
	first.setDefaults()
	var out []Posted
	for i := range n {
		m := o
		m.Time = first.Time.Add(time.Duration(i) * gap)
		if !o.Date.IsZero() {
			m.Date = o.Date.Add(time.Duration(i) * gap)
		}
		if o.MessageID != "" {
			m.MessageID = fmt.Sprintf("%d.%s", i, o.MessageID)
		}
		out = append(out, Posted{Mail(m), m.Time})
	}
	return out
}
