package hear

import (
	"rtmtgrab/internal/registration/cucmlog"
	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/wire"
)

// Witness are the clocks of CUCM's nodes, by the REGISTERs that their traces show: by them those
// of Expressways that no REGISTER connects are held against each other.
func Witness(t *logs.Texts, r *cucmlog.Records) wire.Witness {
	arrived := map[callSeq]*cucmlog.Message{}
	for _, m := range r.Messages {
		if k := (callSeq{m.Call, m.CSeq}); !m.Answer && arrived[k] == nil {
			arrived[k] = m
		}
	}
	return func(at *wire.Attempt) (string, *logs.Message, int64) {
		sent, _ := beside(at)
		if sent == nil {
			return "", nil, 0
		}
		m := arrived[callSeq{t.Of(sent.Call), sent.CSeq}]
		if m == nil || m.To != "" && !cucmlog.Same(m.To, t.Of(sent.To)) {
			return "", nil, 0
		}
		return m.Node.Name, sent, m.At
	}
}
