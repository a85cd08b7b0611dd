package logs

// A Proof is one record of the logs and what it shows.
type Proof struct {
	Host  Text
	Place Place
	At    int64
	What  string // in words
}

// Shows makes a proof of the record that shows the message best.
func (m *Message) Shows(what string) Proof { return Proof{m.Host, m.Place(), m.At, what} }

// Shows makes a proof of the record.
func (n *TCPRecord) Shows(what string) Proof { return Proof{n.Host, n.place, n.At, what} }

// Shows makes a proof of the record.
func (e *Event) Shows(what string) Proof { return Proof{e.Host, e.place, e.At, what} }
