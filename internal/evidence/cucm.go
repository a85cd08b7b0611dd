package evidence

import "time"

// How certain it is which phones are partially registered: CUCMNames.State.
const (
	NamesCertain = "certain" // CUCM was asked twice, the second time whatever the status
	NamesLikely  = "likely"  // only the first answer: a newer record on another node may say otherwise
	NamesNone    = "none"    // nothing was obtained; Why says why
)

// A CUCM is what was got of one CUCM cluster: a row also if it could not be reached.
type CUCM struct {
	Cluster string     `json:"cluster"`
	Names   *CUCMNames `json:"names,omitempty"` // absent: they were not asked for
	Nodes   []CUCMNode `json:"nodes,omitempty"` // of which traces were asked for
	Admin   string     `json:"admin,omitempty"` // CUCM's page of phones, where reports are asked for
}

// CUCMNames is what became of asking which phones are partially registered. The phones
// are in cucm/partial-phones.json.
type CUCMNames struct {
	State  string     `json:"state"` // one of Names…; readers must accept new ones
	Why    string     `json:"why,omitempty"`
	First  *time.Time `json:"first,omitempty"`  // when CUCM answered at the alert
	Second *time.Time `json:"second,omitempty"` // and when the window was over
	Phones int        `json:"phones"`
}

// A CUCMNode is what was got of one node's traces. Its files lie below cucm/<node>/.
type CUCMNode struct {
	Node          string   `json:"node"`
	Address       string   `json:"address"`
	Coverage      Coverage `json:"coverage"`
	Error         string   `json:"error,omitempty"`
	ClockOffsetMS *int64   `json:"clock_offset_ms,omitempty"` // node minus collector; absent if not measured
	Files         []File   `json:"files"`
}

// Conclude makes lists non-nil, so that JSON never says null where a list is promised.
func (c *CUCM) Conclude() {
	for i := range c.Nodes {
		n := &c.Nodes[i]
		n.Files = list(n.Files)
		for j := range n.Files {
			n.Files[j].Missing, n.Files[j].Sources = list(n.Files[j].Missing), list(n.Files[j].Sources)
		}
	}
}

// A PRT is a phone's problem report, as the phone sent it.
type PRT struct {
	Device   string    `json:"device"`
	Path     string    `json:"path"` // in the bundle: prt/<device>-<time>.tar.gz
	Received time.Time `json:"received"`
	From     string    `json:"from"` // the sender's address: the Expressway-C of a phone behind MRA
	Bytes    int64     `json:"bytes"`
	SHA256   string    `json:"sha256"`
}
