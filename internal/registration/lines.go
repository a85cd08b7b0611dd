package registration

import (
	"rtmtgrab/internal/expressway"
)

// A lineNote says that a number is one of a phone's, by whatever names the phone in
// the message that shows it.
type lineNote struct {
	call, device, contact string // any of them may be empty
	number                string
}

// lineNotes are those of one source, each with when it was seen first and last.
type lineNotes map[lineNote][2]int64

// maxLineNotes bounds what is kept of one source.
const maxLineNotes = 100_000

// look takes in what a message shows of a phone's lines: a NOTIFY, PUBLISH or SUBSCRIBE
// in full, or CUCM's answer to a full REGISTER.
func (l *lineNotes) look(n *expressway.Note, at int64) {
	if n.Kind != expressway.NoteBody {
		return
	}
	s := n.SIP
	for _, number := range s.Numbers {
		l.add(lineNote{call: s.CallID, number: number}, at)
	}
	if !s.Request || s.Method == "REGISTER" {
		return
	}
	own := uriUser(s.From) // of what the phone sends
	note := lineNote{device: s.Device, contact: contactUser(s)}
	if s.Device == "" && s.Method == "NOTIFY" { // CUCM calls the phone by its Contact
		own, note = uriUser(s.To), lineNote{contact: uriUser(s.URI)}
	}
	if mac, ok := expressway.MACOfCallID(s.CallID); ok && note.device == "" && note.contact == "" {
		note.device = "SEP" + mac
	}
	if note.number = own; expressway.IsNumber(own) && !expressway.IsNumber(note.contact) && note != (lineNote{number: own}) {
		l.add(note, at)
	}
}

func (l *lineNotes) add(n lineNote, at int64) {
	if *l == nil {
		*l = lineNotes{}
	}
	seen, ok := (*l)[n]
	if !ok && len(*l) >= maxLineNotes {
		return
	}
	if !ok {
		seen = [2]int64{at, at}
	}
	(*l)[n] = [2]int64{min(seen[0], at), max(seen[1], at)}
}
