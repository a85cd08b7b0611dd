package registration

import (
	"hash/fnv"
	"io"
	"strings"
	"time"

	"rtmtgrab/internal/expressway"
)

// A place is where a record stands.
type place struct {
	offset int64
	length int32
	source int32 // index of its source
}

// Flags of a message.
const (
	isRequest uint16 = 1 << iota
	isSent
	hasBody // what follows is known
	isBulk
	isMultipart
	hasAlarm
	isNewReg
	isSecondary
	hasAuth
	isOwn // made by an Expressway
	isBearer
	isCut
	isRemotecc // an answer to a full REGISTER, by its body
	isRejected // and that body has a code of failure
	isEmpty    // an answer that has no body, and says so
)

// A message is a REGISTER or an answer to one as one peer sent or received it. It is
// small, for there may be a million.
type message struct {
	at         int64 // ns, by the collector's clock if the offset is known
	hash       uint64
	branch     uint64 // of the topmost Via; 0: not known
	info, body place  // length 0: no such record
	call, to   text
	user, host text
	phrase     text
	extra      text // Reason of a request; Warning, Retry-After of an answer
	cseq       uint32
	local, far uint32 // ends
	traits     uint32
	expires    int32 // asked or granted; -1: not said
	date       int64 // s, of the Date header: the phone's clock in a request, CUCM's in its answer; 0: none
	alarm      int16
	code       uint16 // of an answer
	flags      uint16
}

func (m *message) is(f uint16) bool { return m.flags&f != 0 }
func (m *message) time() time.Time  { return time.Unix(0, m.at).UTC() }

// place is where the message is shown best: its body.
func (m *message) place() place {
	if m.body.length > 0 {
		return m.body
	}
	return m.info
}

// message makes a small thing of a note.
func (sc *scanner) message(n *expressway.Note) *message {
	s, t := n.SIP, sc.texts
	m := &message{call: t.add(s.CallID), to: t.add(s.ToHost), user: t.add(s.ToUser), cseq: s.CSeq, code: uint16(s.Code),
		local: t.addEnd(n.Local), far: t.addEnd(n.Peer), expires: -1, phrase: t.add(s.Phrase)}
	if n.Hash != "" {
		m.hash = sum(n.Hash)
	}
	set := func(on bool, f uint16) {
		if on {
			m.flags |= f
		}
	}
	set(s.Request, isRequest)
	set(n.Sent, isSent)
	if !s.FromBody {
		return m
	}
	m.flags |= hasBody
	set(s.Bulk, isBulk)
	set(s.ContentLength > 0 || strings.HasPrefix(strings.ToLower(s.ContentType), "multipart/"), isMultipart)
	set(s.Alarm != 0, hasAlarm)
	set(s.NewReg, isNewReg)
	set(s.KeepAlive, isSecondary)
	set(s.Auth != "", hasAuth)
	set(s.Cut, isCut)
	set(s.Challenge == "bearer", isBearer)
	set(!s.Request && strings.HasPrefix(s.Server, "TANDBERG"), isOwn)
	set(s.Remotecc, isRemotecc)
	set(s.RemoteccCode >= 300, isRejected)
	set(!s.Request && s.ContentLength == 0, isEmpty)
	if s.Cut && s.CSeqMethod == "" { // what stands last may be cut as well: the line of the same hash tells
		m.call, m.cseq, m.to, m.user = 0, 0, 0, 0
	}
	if s.Branch != "" {
		m.branch = sum(s.Branch)
	}
	m.expires, m.alarm = int32(s.Expires), int16(min(s.Alarm, 1<<14))
	asked := int32(-1)
	for _, c := range s.Contacts {
		asked = max(asked, int32(c.Expires))
	}
	if asked >= 0 { // it counts more than the header: RFC 3261, section 10.2.1.1
		m.expires = asked
	}
	if !s.Date.IsZero() {
		m.date = s.Date.Unix()
	}
	if s.Request || s.Device != "" { // the Contact in an answer is the phone's own
		m.traits = t.addTraits(traits{t.add(s.Device), t.add(s.Model), t.add(s.UserID), t.add(s.MAC), t.add(s.UserAgent), t.add(s.AlarmLoad), t.add(contactUser(s))})
	}
	if s.Request {
		m.extra = t.add(s.Reason)
	} else if s.Code >= 300 {
		m.extra = t.add(joined(s.Warning, s.RetryAfter, s.ChallengeError))
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
