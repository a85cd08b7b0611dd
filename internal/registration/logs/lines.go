package logs

import (
	"strings"
	"time"

	"rtmtgrab/internal/expressway"
)

// A LineNote says that a number is one of a phone's, by whatever names the phone in
// the message that shows it.
type LineNote struct {
	Host                  Text   // that logged it
	Call, Device, Contact string // Call-ID, device name, user part of the Contact; any may be empty
	Number                string
}

// A Stretch is when something was seen first and last, with no long break in between.
type Stretch struct{ From, To int64 }

// apartLines is how long a number is not seen for the next time to begin a stretch: in
// between somebody may have logged in or out.
const apartLines = time.Minute

// noteLines takes in what a message shows of a phone's lines: a NOTIFY, PUBLISH or SUBSCRIBE
// in full, or CUCM's answer to a full REGISTER.
func (s *Scan) noteLines(n *expressway.Note, host Text, at int64) {
	if n.Kind != expressway.NoteBody {
		return
	}
	sip := n.SIP
	for _, number := range sip.Numbers {
		s.addLine(LineNote{Host: host, Call: sip.CallID, Number: number}, at)
	}
	if !sip.Request || sip.Method == "REGISTER" {
		return
	}
	own := uriUser(sip.From) // of what the phone sends
	note := LineNote{Host: host, Device: sip.Device, Contact: contactUser(sip)}
	if sip.Device == "" && sip.Method == "NOTIFY" { // CUCM calls the phone by its Contact
		own, note = uriUser(sip.To), LineNote{Host: host, Contact: uriUser(sip.URI)}
	}
	mac, ok := expressway.MACOfCallID(sip.CallID)
	if ok && sip.Method != "NOTIFY" && note.Device == "" && strings.HasPrefix(strings.ToUpper(sip.FromTag), mac) { // phones put their MAC into both
		note.Device = "SEP" + mac
	}
	if sip.Method != "NOTIFY" && note.Device == "" {
		return // CUCM or another party may have sent it
	}
	if note.Number = own; expressway.IsNumber(own) && !expressway.IsNumber(note.Contact) && note.Device+note.Contact != "" {
		s.addLine(note, at)
	}
}

func (s *Scan) addLine(n LineNote, at int64) {
	for _, text := range []*string{&n.Call, &n.Device, &n.Contact, &n.Number} {
		*text = (*text)[:min(len(*text), maxText)]
	}
	seen := s.Lines[n]
	if seen == nil && !s.ration.line(costLine+len(n.Call)+len(n.Device)+len(n.Contact)+len(n.Number)) {
		return
	}
	if k := len(seen) - 1; k >= 0 && time.Duration(at-seen[k].To).Abs() < apartLines || len(seen) == maxStretches {
		k = len(seen) - 1
		seen[k] = Stretch{min(seen[k].From, at), max(seen[k].To, at)}
		return
	}
	if seen != nil && !s.ration.line(costStretch) {
		return
	}
	s.Lines[n] = append(seen, Stretch{at, at})
}

// maxStretches bounds what is kept of one number.
const maxStretches = 50
