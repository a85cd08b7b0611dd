package registration

import (
	"strings"
	"time"

	"rtmtgrab/internal/expressway"
)

// A lineNote says that a number is one of a phone's, by whatever names the phone in
// the message that shows it.
type lineNote struct {
	host                  text
	call, device, contact string // any of them may be empty
	number                string
}

// lineNotes are those of one source, each with the stretches in which it was seen.
type lineNotes map[lineNote][]stretch

type stretch struct{ from, to int64 }

// apartLines is how long a number is not seen for the next time to begin a stretch: in
// between somebody may have logged in or out.
const apartLines = time.Minute

// maxLineNotes bounds what is kept of one source.
const maxLineNotes = 100_000

// look takes in what a message shows of a phone's lines: a NOTIFY, PUBLISH or SUBSCRIBE
// in full, or CUCM's answer to a full REGISTER.
func (l *lineNotes) look(n *expressway.Note, host text, at int64) {
	if n.Kind != expressway.NoteBody {
		return
	}
	s := n.SIP
	for _, number := range s.Numbers {
		l.add(lineNote{host: host, call: s.CallID, number: number}, at)
	}
	if !s.Request || s.Method == "REGISTER" {
		return
	}
	own := uriUser(s.From) // of what the phone sends
	note := lineNote{host: host, device: s.Device, contact: contactUser(s)}
	if s.Device == "" && s.Method == "NOTIFY" { // CUCM calls the phone by its Contact
		own, note = uriUser(s.To), lineNote{host: host, contact: uriUser(s.URI)}
	}
	mac, ok := expressway.MACOfCallID(s.CallID)
	if ok && s.Method != "NOTIFY" && note.device == "" && strings.HasPrefix(strings.ToUpper(s.FromTag), mac) { // phones put their MAC into both
		note.device = "SEP" + mac
	}
	if s.Method != "NOTIFY" && note.device == "" {
		return // CUCM or another party may have sent it
	}
	if note.number = own; expressway.IsNumber(own) && !expressway.IsNumber(note.contact) && note.device+note.contact != "" {
		l.add(note, at)
	}
}

func (l *lineNotes) add(n lineNote, at int64) {
	if *l == nil {
		*l = lineNotes{}
	}
	seen := (*l)[n]
	if seen == nil && len(*l) >= maxLineNotes {
		return
	}
	if k := len(seen) - 1; k >= 0 && time.Duration(at-seen[k].to).Abs() < apartLines || len(seen) == maxStretches {
		k = len(seen) - 1
		seen[k] = stretch{min(seen[k].from, at), max(seen[k].to, at)}
		return
	}
	(*l)[n] = append(seen, stretch{at, at})
}

// maxStretches bounds what is kept of one number.
const maxStretches = 50
