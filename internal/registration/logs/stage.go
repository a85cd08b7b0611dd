package logs

// A Stage is where on its way a message was seen.
type Stage uint8

const (
	PhoneToE Stage = iota // E received the REGISTER
	OutOfE                // E sent it
	IntoC                 // C received it
	ToCUCM                // C sent it
	FromCUCM              // C received the answer
	OutOfC                // C sent it
	IntoE                 // E received it
	EToPhone              // E sent it
	Stages
)

// Stage follows from the role of the peer that logged the message.
func (l *Logs) Stage(m *Message) Stage {
	role := l.ByName[m.Host].Role
	request, sent := m.Is(Request), m.Is(Sent)
	switch {
	case role == "E" && request && !sent:
		return PhoneToE
	case role == "E" && request:
		return OutOfE
	case role == "C" && request && !sent:
		return IntoC
	case role == "C" && request:
		return ToCUCM
	case role == "C" && !sent:
		return FromCUCM
	case role == "C":
		return OutOfC
	case role == "E" && !sent:
		return IntoE
	case role == "E":
		return EToPhone
	}
	return Stages
}
