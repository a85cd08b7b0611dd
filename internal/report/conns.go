package report

import (
	"slices"

	"rtmtgrab/internal/registration"
)

// A conn is a TCP connection between Expressway-C and CUCM.
type conn struct {
	*registration.Connection
	Carried []*phone
	Others  []string // devices that have no section
	Proofs  []record
}

func connections(r *registration.Report, all []*phone) []conn {
	byDevice := map[string]*phone{}
	for _, p := range all {
		if p.Device != "" && byDevice[p.Device] == nil {
			byDevice[p.Device] = p
		}
	}
	var out []conn
	for _, i := range telling(r.Connections) {
		c := conn{Connection: &r.Connections[i]}
		for _, d := range c.Devices {
			if p := byDevice[d]; p != nil {
				c.Carried = append(c.Carried, p)
			} else {
				c.Others = append(c.Others, d)
			}
		}
		for _, p := range c.Connection.Proofs {
			c.Proofs = append(c.Proofs, record{Proof: p})
		}
		out = append(out, c)
	}
	return out
}

// maxConns bounds the connections that the page lists.
const maxConns = 200

// telling are the places of the connections that the page lists, in the report's
// order: those that ended or failed before those of which nothing was seen to happen.
func telling(all []registration.Connection) []int {
	var out []int
	for _, ended := range []bool{true, false} {
		for i := range all {
			if (all[i].Failed || all[i].Closed != nil) == ended && len(out) < maxConns {
				out = append(out, i)
			}
		}
	}
	slices.Sort(out)
	return out
}

// MoreConns is how many connections the page does not list.
func (p *page) MoreConns() int { return len(p.Connections) - len(p.Conns) }

// Number of devices that the connection carried.
func (c conn) Number() int { return len(c.Devices) }
