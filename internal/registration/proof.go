package registration

// A proof is one record of the logs and what it shows.
type proof struct {
	host  text
	place place
	at    int64 // as it is shown: by the host's clock, less its offset if that is known
	what  string
}

func (m *message) shows(what string) proof { return proof{m.host, m.place(), m.at, what} }
func (n *tcpNote) shows(what string) proof { return proof{n.host, n.place, n.at, what} }
func (e *event) shows(what string) proof   { return proof{e.host, e.place, e.at, what} }
