package logs

import (
	"hash/fnv"
	"io"
	"strings"
	"time"

	"rtmtgrab/internal/expressway"
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

// A Message is a REGISTER or an answer to one as one peer sent or received it. It is
// small, for there may be a million.
type Message struct {
	At         int64  // when its host logged it
	Hash       uint64 // of Msg-Hash, the same in both records of a message; 0: none
	Branch     uint64 // hash of the topmost Via's branch; 0: not known
	info, body Place  // of the records at INFO and at DEBUG; length 0: no such record
	Call, To   Text   // Call-ID, and the host in To: the CUCM node
	User, Host Text   // user part of To: the number; the peer that logged it
	Phrase     Text   // reason phrase of an answer
	Extra      Text   // Reason of a request; Warning, Retry-After of an answer
	CSeq       uint32
	Local, Far End    // of the peer that logged it, and of its neighbour
	traits     uint32 // see Texts.TraitsOf
	Expires    int32  // s, asked or granted; -1: not said
	Date       int64  // s of Unix time, of the Date header: the phone's clock in a request, CUCM's in its answer; 0: none
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

// message makes a small thing of a note.
func (sc *scanner) message(n *expressway.Note) *Message {
	s, t := n.SIP, sc.texts
	m := &Message{Call: t.add(s.CallID), To: t.add(s.ToHost), User: t.add(s.ToUser), CSeq: s.CSeq, Code: uint16(s.Code),
		Local: t.addEnd(n.Local), Far: t.addEnd(n.Peer), Expires: -1, Phrase: t.add(s.Phrase)}
	if n.Hash != "" {
		m.Hash = sum(n.Hash)
	}
	set := func(on bool, f Flag) {
		if on {
			m.flags |= f
		}
	}
	set(s.Request, Request)
	set(n.Sent, Sent)
	if !s.FromBody {
		return m
	}
	m.flags |= HasBody
	set(s.Bulk, Bulk)
	set(s.ContentLength > 0 || strings.HasPrefix(strings.ToLower(s.ContentType), "multipart/"), Multipart)
	set(s.Alarm != 0, HasAlarm)
	set(s.NewReg, NewReg)
	set(s.KeepAlive, Secondary)
	set(s.Auth != "", HasAuth)
	set(s.Cut, Cut)
	set(s.Challenge == "bearer", Bearer)
	set(!s.Request && strings.HasPrefix(s.Server, "TANDBERG"), Own)
	set(s.Remotecc, Remotecc)
	set(s.RemoteccCode >= 300, Rejected)
	set(!s.Request && s.ContentLength == 0, Empty)
	if s.Cut && s.CSeqMethod == "" { // what stands last may be cut as well: the line of the same hash tells
		m.Call, m.CSeq, m.To, m.User = 0, 0, 0, 0
	}
	if s.Branch != "" {
		m.Branch = sum(s.Branch)
	}
	m.Expires, m.Alarm = int32(s.Expires), int16(min(s.Alarm, 1<<14))
	asked := int32(-1)
	for _, c := range s.Contacts {
		asked = max(asked, int32(c.Expires))
	}
	if asked >= 0 { // it counts more than the header: RFC 3261, section 10.2.1.1
		m.Expires = asked
	}
	if !s.Date.IsZero() {
		m.Date = s.Date.Unix()
	}
	if s.Request || s.Device != "" { // the Contact in an answer is the phone's own
		m.traits = t.addTraits(Traits{t.add(s.Device), t.add(s.Model), t.add(s.UserID), t.add(s.MAC), t.add(s.UserAgent), t.add(s.AlarmLoad), t.add(contactUser(s))})
	}
	if s.Request {
		m.Extra = t.add(s.Reason)
	} else if s.Code >= 300 {
		m.Extra = t.add(joined(s.Warning, s.RetryAfter, s.ChallengeError))
	}
	return m
}

// contactUser is the user part of the Contact, by which CUCM calls the phone.
func contactUser(s *expressway.SIP) string {
	if len(s.Contacts) == 0 {
		return ""
	}
	return uriUser(s.Contacts[0].URI)
}

func uriUser(uri string) string {
	_, rest, _ := strings.Cut(uri, ":")
	user, _, ok := strings.Cut(rest, "@")
	if !ok {
		return ""
	}
	return user
}

// joined is what a refusal says for itself.
func joined(warning, retry, challenge string) string {
	var out []string
	if warning != "" {
		out = append(out, "Warning: "+warning)
	}
	if retry != "" {
		out = append(out, "Retry-After: "+retry)
	}
	if challenge != "" {
		out = append(out, "error: "+challenge)
	}
	return strings.Join(out, "; ")
}

func sum(s string) uint64 {
	h := fnv.New64a()
	io.WriteString(h, s)
	return h.Sum64() | 1
}
