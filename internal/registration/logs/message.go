package logs

import (
	"time"
)

// A Place is where a record stands: bytes of a source.
type Place struct {
	Offset int64 // as Source.Offset counts
	Length int32
	Source int32 // index in Logs.Sources
}

// A Flag is something that is true of a message.
type Flag uint16

// Flags of a message. Those after HasBody are read from its text, and so are known only
// where the text was logged (docs/partial-registration.md tells what they mean).
const (
	Request   Flag = 1 << iota // else an answer
	Sent                       // by the peer that logged it; else received
	HasBody                    // its text was logged
	Bulk                       // a REGISTER for all lines
	Multipart                  // it has a body of its own
	HasAlarm                   // cisco-alarm: Message.Alarm
	NewReg                     // x-cisco-newreg
	Secondary                  // cisco-keep-alive
	HasAuth                    // credentials
	Own                        // an answer that an Expressway made
	Bearer                     // a challenge for a token
	Cut                        // the log cut its text off
	Remotecc                   // an answer to a full REGISTER, by its body
	Rejected                   // and that body has a code of failure
	Empty                      // an answer that has no body, and says so
)

// An Ident is what tells REGISTERs apart: an answer has that of its REGISTER.
type Ident struct {
	Branch uint64 // hash of the topmost Via's branch; 0: not known
	Call   Text   // Call-ID
	To     Text   // the host in To: the CUCM node
	User   Text   // the user part of To: the number
	CSeq   uint32
}

// records are those that show a message.
type records struct {
	Hash       uint64 // of Msg-Hash, the same in both; 0: none
	info, body Place  // at INFO, and at DEBUG with its text; length 0: no such record
}

// A Message is a REGISTER or an answer to one as one peer sent or received it. It is
// small, for there may be a million.
type Message struct {
	Ident
	records
	At         int64 // when its host logged it
	Date       int64 // s of Unix time, of the Date header: the phone's clock in a request, CUCM's in its answer; 0: none
	Host       Text  // the peer that logged it
	Local, Far End   // of that peer, and of its neighbour
	Phrase     Text  // reason phrase of an answer
	Extra      Text  // Reason of a request; Warning, Retry-After of an answer
	traits     uint32
	Expires    int32  // s, asked or granted; -1: not said
	Alarm      int16  // number of cisco-alarm
	Code       uint16 // of an answer
	flags      Flag
}

// Is reports whether one of the flags is set.
func (m *Message) Is(f Flag) bool { return m.flags&f != 0 }

// Time is when its host logged it.
func (m *Message) Time() time.Time { return time.Unix(0, m.At).UTC() }

// Place is where the message is shown best: its body.
func (m *Message) Place() Place {
	if m.body.Length > 0 {
		return m.body
	}
	return m.info
}
