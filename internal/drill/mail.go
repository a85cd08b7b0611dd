package drill

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/mail"
	"strings"
	"time"

	"rtmtgrab/internal/proof"
	"rtmtgrab/internal/smtpout"
)

// Counter is the counter that a drill's mail names.
const Counter = "PartiallyRegisteredPhone"

// A Letter is the mail of a drill: an alert as RTMT writes it (docs/rtmt-mail.md), with a
// mark, and a line for people.
type Letter struct {
	Mark          string
	Cluster, Node string
	From, To      string // bare addresses
	At            time.Time
	Zone          *time.Location // of the cluster
}

// Bytes is the whole mail.
func (l Letter) Bytes() ([]byte, error) {
	var id [16]byte
	rand.Read(id[:]) // never fails
	date := javaDate(l.At, l.Zone)
	text := fmt.Sprintf("Number of %s (1) is over 0 threshold. The alert is generated on %s on node %s.\n\nAppID : Cisco AMC Service\nClusterID : %s\nNodeID : %s\nTimeStamp : %s\n\n",
		Counter, date, l.Node, l.Cluster, l.Node, date)
	return smtpout.Message{
		ID: proof.MessageID("drill", hex.EncodeToString(id[:]), l.From[strings.LastIndexByte(l.From, '@')+1:]), Date: l.At,
		From: mail.Address{Name: "grab drill", Address: l.From}, To: []string{l.To}, Fields: [][2]string{{Field, l.Mark}},
		Subject: fmt.Sprintf("[RTMT-ALERT-%s] %s", l.Cluster, Counter),
		Text:    text + "This is a drill: grab sent this mail to itself. It is no alert of CUCM; you can delete it.\n",
	}.Bytes()
}

// javaDate is a time as RTMT writes it.
func javaDate(t time.Time, zone *time.Location) string {
	t = t.In(zone)
	letters := t.Format("MST")
	if strings.ContainsAny(letters, "+-") { // the zone has none
		letters = "GMT" + t.Format("-07:00")
	}
	return t.Format("Mon Jan 02 15:04:05 ") + letters + t.Format(" 2006")
}
