package cucmlog

import (
	"strings"

	"rtmtgrab/internal/cucmtrace"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration/logs"
)

// message keeps a REGISTER or an answer to one.
func (r *Records) message(s *Scan, m *cucmtrace.Message, at int64, where Where) {
	sip := &m.SIP
	if !strings.EqualFold(sip.CSeqMethod, "REGISTER") || sip.CallID == "" || m.Sent == sip.Request {
		return
	}
	if len(r.Messages) >= maxMessages || len(sip.CallID) > maxCallID || len(sip.ToHost) > maxCallID {
		s.Dropped++
		return
	}
	k := &Message{At: at, Node: s.Node, Answer: !sip.Request, Call: strings.Clone(sip.CallID), CSeq: sip.CSeq, Branch: logs.BranchOf(sip.Branch), Code: uint16(sip.Code),
		Phrase: evidence.Printable(sip.Phrase, 100), Device: strings.ToUpper(evidence.Printable(sip.Device, 100)), To: strings.Clone(sip.ToHost), Where: where,
		NewReg: sip.NewReg, Failed: sip.RemoteccCode >= 300}
	asked := sip.Expires
	for _, c := range sip.Contacts {
		if c.Expires >= 0 {
			asked = c.Expires
		}
	}
	if sip.Expires > 0 && !sip.Request {
		k.Grants = int32(sip.Expires)
	}
	if sip.Request {
		k.Second = sip.KeepAlive
		k.Leaves = asked == 0 && !sip.KeepAlive
		k.Full = sip.Bulk || sip.ContentLength > 0 || strings.HasPrefix(strings.ToLower(sip.ContentType), "multipart/")
	}
	r.Messages = append(r.Messages, k)
}
