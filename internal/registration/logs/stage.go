package logs

// A Stage is where on its way a message was seen.
type Stage uint8

// Stages of a REGISTER on its way from the phone to CUCM, and of its answer on its way back.
const (
	PhoneToE Stage = iota // E received the REGISTER
	OutOfE                // E sent it
	IntoC                 // C received it
	ToCUCM                // C sent it
	FromCUCM              // C received the answer
	OutOfC                // C sent it
	IntoE                 // E received it
	EToPhone              // E sent it
	Stages                // how many there are, and of a host without a role: none
)

// Stage of a message follows from the role of the peer that logged it.
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
