package logs

import (
	"strings"
	"time"

	"rtmtgrab/internal/expressway"
)

// A LineNote says that a number is one of a phone's, by whatever names the phone in
// the message that shows it.
type LineNote struct {
	Host                  Text
	Call, Device, Contact string // any of them may be empty
	Number                string
}

// lineNotes are those of one source, each with the stretches in which it was seen.
type lineNotes map[LineNote][]Stretch

type Stretch struct{ From, To int64 }

// apartLines is how long a number is not seen for the next time to begin a stretch: in
// between somebody may have logged in or out.
const apartLines = time.Minute

// maxLineNotes bounds what is kept of one source.
const maxLineNotes = 100_000

// look takes in what a message shows of a phone's lines: a NOTIFY, PUBLISH or SUBSCRIBE
// in full, or CUCM's answer to a full REGISTER.
func (l *lineNotes) look(n *expressway.Note, host Text, at int64) {
	if n.Kind != expressway.NoteBody {
		return
	}
	s := n.SIP
	for _, number := range s.Numbers {
		l.add(LineNote{Host: host, Call: s.CallID, Number: number}, at)
	}
	if !s.Request || s.Method == "REGISTER" {
		return
	}
	own := uriUser(s.From) // of what the phone sends
	note := LineNote{Host: host, Device: s.Device, Contact: contactUser(s)}
	if s.Device == "" && s.Method == "NOTIFY" { // CUCM calls the phone by its Contact
		own, note = uriUser(s.To), LineNote{Host: host, Contact: uriUser(s.URI)}
	}
	mac, ok := expressway.MACOfCallID(s.CallID)
	if ok && s.Method != "NOTIFY" && note.Device == "" && strings.HasPrefix(strings.ToUpper(s.FromTag), mac) { // phones put their MAC into both
		note.Device = "SEP" + mac
	}
	if s.Method != "NOTIFY" && note.Device == "" {
		return // CUCM or another party may have sent it
	}
	if note.Number = own; expressway.IsNumber(own) && !expressway.IsNumber(note.Contact) && note.Device+note.Contact != "" {
		l.add(note, at)
	}
}

func (l *lineNotes) add(n LineNote, at int64) {
	if *l == nil {
		*l = lineNotes{}
	}
	seen := (*l)[n]
	if seen == nil && len(*l) >= maxLineNotes {
		return
	}
	if k := len(seen) - 1; k >= 0 && time.Duration(at-seen[k].To).Abs() < apartLines || len(seen) == maxStretches {
		k = len(seen) - 1
		seen[k] = Stretch{min(seen[k].From, at), max(seen[k].To, at)}
		return
	}
	(*l)[n] = append(seen, Stretch{at, at})
}

// maxStretches bounds what is kept of one number.
const maxStretches = 50
