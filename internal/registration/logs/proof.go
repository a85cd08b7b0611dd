package logs

// A Proof is one record of the logs and what it shows.
type Proof struct {
	Host  Text
	Place Place
	At    int64 // as it is shown: by the host's clock, less its offset if that is known
	What  string
}

func (m *Message) Shows(what string) Proof   { return Proof{m.Host, m.Place(), m.At, what} }
func (n *TCPRecord) Shows(what string) Proof { return Proof{n.Host, n.place, n.At, what} }
func (e *Event) Shows(what string) Proof     { return Proof{e.Host, e.place, e.At, what} }
