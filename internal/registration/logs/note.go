package logs

import (
	"hash/fnv"
	"io"
	"strings"

	"rtmtgrab/internal/expressway"
)

// message makes a small thing of a note.
func (sc *scanner) message(n *expressway.Note) *Message {
	s, t := n.SIP, sc.texts
	m := &Message{Ident: Ident{Call: t.add(s.CallID), To: t.add(s.ToHost), User: t.add(s.ToUser), CSeq: s.CSeq},
		Local: t.addEnd(n.Local), Far: t.addEnd(n.Peer), Code: uint16(s.Code), Phrase: t.add(s.Phrase), Expires: -1, flags: flagsOf(n)}
	if n.Hash != "" {
		m.Hash = sum(n.Hash)
	}
	if s.FromBody {
		m.addText(s, t)
	}
	return m
}

func flagsOf(n *expressway.Note) Flag {
	var out Flag
	set := func(on bool, f Flag) {
		if on {
			out |= f
		}
	}
	s := n.SIP
	set(s.Request, Request)
	set(n.Sent, Sent)
	if !s.FromBody {
		return out
	}
	set(true, HasBody)
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
	return out
}

// addText takes what only the text of a message tells.
func (m *Message) addText(s *expressway.SIP, t *Texts) {
	if s.Cut && s.CSeqMethod == "" { // what stands last may be cut as well: the line of the same hash tells
		m.Ident = Ident{}
	}
	if b := BranchOf(s.Branch); b != 0 {
		m.Branch = b
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

// BranchOf is a Via's branch as Ident.Branch has it; 0: there is none.
func BranchOf(branch string) uint64 {
	if branch == "" {
		return 0
	}
	return sum(branch)
}

func sum(s string) uint64 {
	h := fnv.New64a()
	io.WriteString(h, s)
	return h.Sum64() | 1
}
