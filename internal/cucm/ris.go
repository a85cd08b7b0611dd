package cucm

import (
	"context"
	"encoding/xml"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"rtmtgrab/internal/cucm/soap"
)

const (
	risService = "RIS"
	risPath    = "/realtimeservice2/services/RISService70"
	maxDevices = 1000 // that one answer may hold

	// Beyond these an answer is none of CUCM's.
	mostDevices = 5 * maxDevices
	mostNodes   = 200
	mostLines   = 1000 // of a device
	mostText    = 500  // characters of a value
)

// Status of a device.
const (
	StatusAny        = "Any"
	StatusRegistered = "Registered"
	StatusPartial    = "PartiallyRegistered"
)

// A Query says which phones are asked for.
type Query struct {
	Status string   // one of CUCM's; empty: StatusAny
	Names  []string // none: all
	Once   bool     // not again after the rate fault
}

// Phones is what the cluster knows of phones.
type Phones struct {
	Asked     time.Time    `json:"asked"`
	Calls     int          `json:"calls"`
	Nodes     []NodeAnswer `json:"nodes"`               // what each node answered, the worst of several calls
	Devices   []Device     `json:"devices"`             // by name, the newest record of each over all nodes
	Truncated bool         `json:"truncated,omitempty"` // more exist than were given
}

// Complete reports whether every node answered, and all that it knows.
func (p Phones) Complete() bool {
	for _, n := range p.Nodes {
		if !n.OK() {
			return false
		}
	}
	return len(p.Nodes) > 0 && !p.Truncated
}

// A NodeAnswer is whether a node told of its phones.
type NodeAnswer struct {
	Name string `json:"name"`
	Code string `json:"code"` // Ok, NotFound, NodeNotResponding, …
}

// OK reports whether the node told of what it knows.
func (n NodeAnswer) OK() bool { return n.Code == "Ok" || n.Code == "NotFound" }

// A Device is a phone as a node has it.
type Device struct {
	Name        string    `json:"name"`
	Node        string    `json:"node"`
	Status      string    `json:"status"`
	Reason      int       `json:"reason"`
	Description string    `json:"description,omitempty"`
	Model       string    `json:"model,omitempty"` // CUCM's number
	Product     string    `json:"product,omitempty"`
	Load        string    `json:"load,omitempty"`
	User        string    `json:"user,omitempty"`
	IP          string    `json:"ip,omitempty"`
	Protocol    string    `json:"protocol,omitempty"`
	Lines       []Line    `json:"lines,omitempty"`
	Since       time.Time `json:"since,omitzero"`

	// Tied: a node has another status of the same second, so which is newer is not known.
	Tied bool `json:"tied,omitempty"`
}

// A Line is one line of a device.
type Line struct {
	Number string `json:"number"`
	Status string `json:"status"`
}

// ReasonWord is what is known of a StatusReason, "" of others.
func ReasonWord(reason int) string {
	return map[int]string{0: "none", 1: "unknown", 6: "connectivity error", 13: "keep-alive timeout",
		29: "device switch", 30: "device wipe", 31: "device forced", 33: "low battery", 34: "manual power off"}[reason]
}

// answer is one call's.
type answer struct {
	total   int  // of records that were found; -1: not told
	held    bool // by the state of the nodes, not all were returned
	nodes   []NodeAnswer
	devices []Device // one for each node that has a record
}

type xmlDevice struct {
	Name        string `xml:"name"`
	DirNumber   string `xml:"dirnumber"`
	Model       string `xml:"model"`
	Product     string `xml:"product"`
	User        string `xml:"loginuserid"`
	Status      string `xml:"status"`
	Reason      string `xml:"statusreason"`
	Description string `xml:"description"`
	TimeStamp   string `xml:"timestamp"`
	Protocol    string `xml:"protocol"`
	Load        string `xml:"activeloadid"`
	Lines       []struct {
		Number string `xml:"directorynumber"`
		Status string `xml:"status"`
	} `xml:"linesstatus>item"`
	IP []struct {
		IP string `xml:"ip"`
	} `xml:"ipaddress>item"`
}

func (x xmlDevice) device(node string) Device {
	d := Device{Name: clean(x.Name), Node: node, Status: clean(x.Status), Description: clean(x.Description), Model: clean(x.Model),
		Product: clean(x.Product), Load: clean(x.Load), User: clean(x.User), Protocol: clean(x.Protocol)}
	d.Reason, _ = strconv.Atoi(clean(x.Reason))
	if sec, err := strconv.ParseInt(clean(x.TimeStamp), 10, 64); err == nil && sec > 0 && sec < 1<<36 { // the year 4147: JSON knows none beyond 9999
		d.Since = time.Unix(sec, 0).UTC()
	}
	for _, ip := range x.IP {
		if d.IP = clean(ip.IP); d.IP != "" {
			break
		}
	}
	for _, l := range x.Lines {
		d.Lines = append(d.Lines, Line{clean(l.Number), clean(l.Status)})
	}
	if len(d.Lines) == 0 {
		d.Lines = dirNumbers(x.DirNumber)
	}
	d.Lines = d.Lines[:min(len(d.Lines), mostLines)]
	return d
}

// clean is a value without white space around it and without what is no text or turns
// around the text that follows. Of one beyond mostText it is the beginning.
func clean(s string) string {
	n := 0
	for i := range s {
		if n++; n > mostText {
			s = s[:i]
			break
		}
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r < ' ', r >= 0x7f && r < 0xa0, r == '\u2028', r == '\u2029', r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
			return ' '
		}
		return r
	}, s))
}

// dirNumbers reads "7042-Registered,7043-UnRegistered". Numbers may have a minus.
func dirNumbers(s string) []Line {
	var lines []Line
	for field := range strings.SplitSeq(s, ",") {
		i := strings.LastIndexByte(field, '-')
		if i > 0 {
			lines = append(lines, Line{clean(field[:i]), clean(field[i+1:])})
		}
	}
	return lines
}

// selectPhones makes one call to one node, which asks the others.
func selectPhones(ctx context.Context, c *Cluster, n Node, status string, items []string) (answer, error) {
	if status == "" {
		status = StatusAny
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<a:selectCmDevice><a:StateInfo/><a:CmSelectionCriteria><a:MaxReturnedDevices>%d</a:MaxReturnedDevices>`+
		`<a:DeviceClass>Phone</a:DeviceClass><a:Model>255</a:Model><a:Status>%s</a:Status><a:NodeName/><a:SelectBy>Name</a:SelectBy><a:SelectItems>`, maxDevices, escape(status))
	for _, item := range items {
		fmt.Fprintf(&b, `<a:item><a:Item>%s</a:Item></a:item>`, escape(item))
	}
	b.WriteString(`</a:SelectItems><a:Protocol>Any</a:Protocol><a:DownloadStatus>Any</a:DownloadStatus></a:CmSelectionCriteria></a:selectCmDevice>`)
	var a answer
	err := c.soap.Call(ctx, target(n), soap.Request{Service: risService, Path: risPath, Action: "selectCmDevice", Body: b.String()}, func(d *xml.Decoder, start xml.StartElement) error {
		return readPhones(d, start, &a)
	})
	return a, err
}

// inner are the elements that hold others of interest.
var inner = map[string]bool{"selectcmdevicereturn": true, "selectcmdeviceresult": true, "cmnodes": true, "cmdevices": true}

// readPhones reads an answer device by device, so that no more than the devices is held.
func readPhones(d *xml.Decoder, start xml.StartElement, a *answer) error {
	a.total = -1
	path := []string{start.Name.Local}
	for len(path) > 0 {
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.StartElement:
			into, err := a.element(d, t, path[len(path)-1])
			if err != nil {
				return err
			}
			if into {
				path = append(path, t.Name.Local)
			}
		}
	}
	if len(a.nodes) == 0 && a.total != 0 {
		return fmt.Errorf("the answer %s has no nodes", start.Name.Local)
	}
	for i := range a.devices { // a node's name may stand behind its devices
		n, _ := strconv.Atoi(a.devices[i].Node)
		a.devices[i].Node = a.nodes[n].Name
	}
	return nil
}

// element reads an element whole, or says that what is in it is to be read one by one.
func (a *answer) element(d *xml.Decoder, s xml.StartElement, parent string) (into bool, err error) {
	switch at := parent + ">" + s.Name.Local; {
	case at == "selectcmdeviceresult>totaldevicesfound":
		a.total, err = decodeNumber(d, s)
	case len(a.devices) > mostDevices, len(a.nodes) > mostNodes:
		return false, fmt.Errorf("%d nodes and %d devices are more than CUCM tells of", len(a.nodes), len(a.devices))
	case at == "cmnodes>item":
		a.nodes = append(a.nodes, NodeAnswer{})
		return true, nil
	case at == "item>name" && len(a.nodes) > 0:
		a.nodes[len(a.nodes)-1].Name, err = decodeText(d, s)
	case at == "item>returncode" && len(a.nodes) > 0:
		a.nodes[len(a.nodes)-1].Code, err = decodeText(d, s)
	case at == "cmdevices>item":
		var x xmlDevice
		err = d.DecodeElement(&x, &s)
		if x.Name = clean(x.Name); x.Name != "" && len(a.nodes) > 0 {
			a.devices = append(a.devices, x.device(strconv.Itoa(len(a.nodes)-1)))
		}
	case s.Name.Local == "stateinfo":
		var text string
		text, err = decodeText(d, s)
		a.held = a.held || heldBack(text)
	case inner[s.Name.Local]:
		return true, nil
	default:
		err = d.Skip()
	}
	return false, err
}

var itemsRE = regexp.MustCompile(`TotalItemsFound="([0-9]{1,9})"\s+TotalItemsReturned="([0-9]{1,9})"`)

// heldBack reads a StateInfo: whether a node found more than it returned.
func heldBack(state string) bool {
	for _, m := range itemsRE.FindAllStringSubmatch(state, -1) {
		found, _ := strconv.Atoi(m[1])
		if returned, _ := strconv.Atoi(m[2]); found > returned {
			return true
		}
	}
	return false
}

func decodeText(d *xml.Decoder, s xml.StartElement) (text string, err error) {
	err = d.DecodeElement(&text, &s)
	return clean(text), err
}

func decodeNumber(d *xml.Decoder, s xml.StartElement) (int, error) {
	text, err := decodeText(d, s)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s is not a number", s.Name.Local)
	}
	return n, nil
}

// escape is a text as XML's.
func escape(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s))
	return b.String()
}
