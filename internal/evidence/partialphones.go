package evidence

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"strconv"
	"strings"
	"time"
)

// A PartialPhones is the file cucm/partial-phones.json of a bundle: what CUCM itself says of
// phones that are, or were at the alert, partially registered.
type PartialPhones struct {
	Clusters []ClusterPhones `json:"clusters"`
}

// ClusterPhones are those of one cluster.
type ClusterPhones struct {
	Cluster  string      `json:"cluster"`
	State    string      `json:"state"`               // certain, likely, none: how certain the phones' status is
	Why      string      `json:"why,omitempty"`       // why it is not certain
	First    time.Time   `json:"first,omitzero"`      // CUCM's answer at the alert
	Second   time.Time   `json:"second,omitzero"`     // and at the window's end, of any status
	Phones   []CUCMPhone `json:"phones"`              // of each device the newest record over all nodes
	LogsOnly []string    `json:"logs_only,omitempty"` // devices that the logs show partial, and CUCM does not
	CUCMOnly []string    `json:"cucm_only,omitempty"` // and the other way round
}

// CUCM's words for the status of a device or a line.
const (
	CUCMRegistered   = "Registered"
	CUCMPartially    = "PartiallyRegistered"
	CUCMUnregistered = "UnRegistered"
)

// A CUCMPhone is a device as a node of CUCM has it.
type CUCMPhone struct {
	Device      string     `json:"device"`
	Node        string     `json:"node"`
	Status      string     `json:"status"` // of the newest record: PartiallyRegistered, Registered, …
	Reason      int        `json:"reason,omitempty"`
	ReasonText  string     `json:"reason_text,omitempty"`
	Description string     `json:"description,omitempty"`
	Model       string     `json:"model,omitempty"`
	Product     string     `json:"product,omitempty"`
	Load        string     `json:"load,omitempty"`
	User        string     `json:"user,omitempty"`
	IP          string     `json:"ip,omitempty"`
	Protocol    string     `json:"protocol,omitempty"`
	Lines       []CUCMLine `json:"lines"`
	Since       time.Time  `json:"since,omitzero"`
	Certain     bool       `json:"certain"`       // the second answer says so, whatever the status
	MRA         string     `json:"mra,omitempty"` // why it is an MRA phone: "address" of a C, "logs"; empty: not shown to be
	Via         string     `json:"via,omitempty"` // that Expressway-C
}

// A CUCMLine is one line of a device.
type CUCMLine struct {
	Number string `json:"number"`
	Status string `json:"status"`
}

// LineWords are lines as people read them: 7042 up, 7043 down. Empty: none is known.
func LineWords(lines []CUCMLine) string {
	const most = 8
	var words []string
	for i, l := range lines {
		if i == most {
			words = append(words, "…")
			break
		}
		word := " " + strings.ToLower(l.Status)
		switch l.Status {
		case CUCMRegistered:
			word = " up"
		case CUCMUnregistered:
			word = " down"
		}
		words = append(words, Printable(l.Number, 60)+Printable(word, 30))
	}
	return strings.Join(words, ", ")
}

// CSV is the same as a table: a row for each phone.
func (doc PartialPhones) CSV() []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write([]string{"cluster", "device", "status", "certain", "lines", "description", "user", "model", "product", "load", "ip", "mra", "via", "node", "reason", "reason_text", "since"})
	for _, c := range doc.Clusters {
		for _, p := range c.Phones {
			row := rowOf(c.Cluster, p)
			for i, v := range row {
				row[i] = Cell(v)
			}
			w.Write(row)
		}
	}
	w.Flush()
	return b.Bytes()
}

func rowOf(cluster string, p CUCMPhone) []string {
	var lines []string
	for _, l := range p.Lines {
		lines = append(lines, l.Number+" "+l.Status)
	}
	since := ""
	if !p.Since.IsZero() {
		since = p.Since.UTC().Format(time.RFC3339)
	}
	mra := cmp.Or(p.MRA, "not shown to be MRA")
	return []string{cluster, p.Device, p.Status, strconv.FormatBool(p.Certain), strings.Join(lines, "; "), p.Description, p.User, p.Model, p.Product, p.Load, p.IP, mra, p.Via, p.Node, strconv.Itoa(p.Reason), p.ReasonText, since}
}
