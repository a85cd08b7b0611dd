package registration

// A stage is where on its way a message was seen.
type stage uint8

const (
	phoneToE stage = iota // E received the REGISTER
	outOfE                // E sent it
	intoC                 // C received it
	toCUCM                // C sent it
	fromCUCM              // C received the answer
	outOfC                // C sent it
	intoE                 // E received it
	eToPhone              // E sent it
	stages
)

// stage follows from the role of the peer that logged the message.
func (l *logs) stage(m *message) stage {
	role := l.byName[m.host].role
	request, sent := m.is(isRequest), m.is(isSent)
	switch {
	case role == "E" && request && !sent:
		return phoneToE
	case role == "E" && request:
		return outOfE
	case role == "C" && request && !sent:
		return intoC
	case role == "C" && request:
		return toCUCM
	case role == "C" && !sent:
		return fromCUCM
	case role == "C":
		return outOfC
	case role == "E" && !sent:
		return intoE
	case role == "E":
		return eToPhone
	}
	return stages
}
