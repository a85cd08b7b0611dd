package cucmlab

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// criteria is what selectCmDevice is asked for.
type criteria struct {
	most   int
	class  string
	model  string
	status string
	node   string
	by     string
	items  []string
	proto  string
}

var (
	statuses = []string{"Any", Registered, UnRegistered, Rejected, PartiallyRegistered, Unknown}
	classes  = []string{"Any", "Phone", "Gateway", "H323", "Cti", "VoiceMail", "MediaResources", "HuntList", "SIPTrunk", "Unknown"}
)

// readCriteria is strict about names and order, as the interface is.
func readCriteria(n *node) (criteria, error) {
	var c criteria
	if err := n.inOrder(nsAST, "StateInfo", "CmSelectionCriteria"); err != nil {
		return c, err
	}
	k := n.kid("CmSelectionCriteria")
	if err := k.inOrder(nsAST, "MaxReturnedDevices", "DeviceClass", "Model", "Status", "NodeName", "SelectBy", "SelectItems", "Protocol", "DownloadStatus"); err != nil {
		return c, err
	}
	c = criteria{class: k.get("DeviceClass"), model: k.get("Model"), status: k.get("Status"), node: k.get("NodeName"), by: k.get("SelectBy"), proto: k.get("Protocol")}
	var err error
	if c.most, err = strconv.Atoi(k.get("MaxReturnedDevices")); err != nil || c.most < 0 {
		return c, fmt.Errorf("most devices are %q", k.get("MaxReturnedDevices"))
	}
	for _, i := range k.kid("SelectItems").kids {
		if err := i.inOrder(nsAST, "Item"); err != nil {
			return c, err
		}
		c.items = append(c.items, i.get("Item"))
	}
	switch {
	case !slices.Contains(statuses, c.status):
		return c, fmt.Errorf("status %q is not known", c.status)
	case !slices.Contains(classes, c.class):
		return c, fmt.Errorf("class is %q", c.class)
	case len(c.items) == 0 || len(c.items) > 1000:
		return c, fmt.Errorf("%d SelectItems, of 1 to 1000", len(c.items))
	}
	return c, nil
}

// takes reports whether a record is asked for.
func (c *criteria) takes(r Record) bool {
	if c.status != "Any" && r.Status != c.status || c.model != "255" && c.model != r.Model {
		return false
	}
	if class := r.Class; c.class != "Any" && class != c.class && (class != "" || c.class != "Phone") {
		return false
	}
	what := []string{r.Device}
	switch c.by {
	case "IPV4Address":
		what = []string{r.IP}
	case "Description":
		what = []string{r.Description}
	case "DirNumber":
		what = nil
		for _, l := range r.Lines {
			what = append(what, l.Number)
		}
	}
	return slices.ContainsFunc(c.items, func(item string) bool {
		return slices.ContainsFunc(what, func(text string) bool {
			ok, err := path.Match(item, text)
			return err == nil && ok
		})
	})
}

// selectCmDevice answers for all nodes, whichever is asked.
func selectCmDevice(q *asking) answer {
	crit, err := readCriteria(q.body)
	if err != nil {
		return invalid("Invalid selection criteria: %v", err)
	}
	f := &q.faults.RIS
	most := 1000
	if f.Most > 0 {
		most = f.Most
	}
	if crit.most > 0 {
		most = min(most, crit.most)
	}
	found, returned := 0, 0
	nodes := el("CmNodes")
	state := ""
	for _, n := range q.c.nodes {
		if crit.node != "" && !n.is(crit.node) {
			continue
		}
		records, answers := recordsOf(q, n, &crit)
		found += len(records)
		shown := records[:min(len(records), most-returned)]
		returned += len(shown)
		nodes.add(f.node(n.Name(), shown, answers))
		if f.Quiet {
			records = shown
		}
		state += fmt.Sprintf(`<Node Name="%s" SubsystemStartTime="%d" StateId="1" TotalItemsFound="%d" TotalItemsReturned="%d"/>`, n.Name(), startedAt(q.c, n).Unix(), len(records), len(shown))
	}
	if crit.node != "" && len(nodes.kids) == 0 {
		nodes.add(el("item", value("ReturnCode", "InvalidNodeName"), value("Name", crit.node), value("NoChange", "false"), el("CmDevices")))
	}
	result := el("SelectCmDeviceResult")
	if f.Quiet {
		found = returned
	}
	if !f.NotTotal {
		result.add(value("TotalDevicesFound", number(found)))
	}
	a := q.soap(el("selectCmDeviceResponse", el("selectCmDeviceReturn", result.add(nodes), value("StateInfo", "<StateInfo>"+state+"</StateInfo>"))))
	a.item = crit.status + " " + strings.Join(crit.items, ",")
	return a
}

// records are a node's that are asked for; false: the node does not answer.
func recordsOf(q *asking, n *Node, crit *criteria) ([]Record, bool) {
	c := q.c
	c.mu.Lock()
	defer c.mu.Unlock()
	c.truth.follow()
	if c.truth.down[n.FQDN] || slices.ContainsFunc(q.faults.RIS.Unanswered, n.is) {
		return nil, false
	}
	var out []Record
	for _, r := range c.truth.at(n.FQDN) {
		if crit.takes(r) {
			out = append(out, r)
		}
	}
	for _, r := range q.faults.RIS.Records {
		if n.is(r.Node) && crit.takes(r) {
			out = append(out, r)
		}
	}
	return out, true
}

// node is one node's part of the answer.
func (f *RISFault) node(name string, records []Record, answers bool) *element {
	code := "Ok"
	switch {
	case !answers:
		code = "NodeNotResponding"
	case len(records) == 0:
		code = "NotFound"
	}
	devices := el("CmDevices")
	for i := range records {
		devices.add(f.device(&records[i]))
	}
	return el("item", value("ReturnCode", code), value("Name", name), value("NoChange", "false"), devices)
}

// device is one device's.
func (f *RISFault) device(r *Record) *element {
	say := func(name, text string) *element {
		if text == "" {
			return nothing(name, f.Nil)
		}
		return value(name, text)
	}
	class, protocol := r.Class, r.Protocol
	if class == "" {
		class = "Phone"
	}
	if protocol == "" {
		protocol = "SIP"
	}
	lines := el("LinesStatus")
	for _, l := range r.Lines {
		lines.add(el("item", value("DirectoryNumber", l.Number), value("Status", l.Status)))
	}
	if len(r.Lines) == 0 || f.NoLines {
		lines = nothing("LinesStatus", f.Nil)
	}
	address := el("IPAddress")
	if r.IP != "" {
		address.add(el("item", value("IP", r.IP), value("IPAddrType", "ipv4"), value("Attribute", "Unknown")))
	}
	return el("item",
		value("Name", r.Device), say("DirNumber", r.dirNumber()), value("DeviceClass", class), say("Model", r.Model), value("Product", r.product()), value("BoxProduct", "0"),
		value("Httpd", "No"), value("RegistrationAttempts", "1"), value("IsCtiControllable", "true"), say("LoginUserId", r.User), value("Status", r.Status), value("StatusReason", number(r.Reason)),
		value("PerfMonObject", "2"), value("DChannel", "0"), say("Description", r.Description), h323(f.Nil),
		value("TimeStamp", strconv.FormatInt(r.Since.Unix(), 10)), value("Protocol", protocol), value("NumOfLines", number(len(r.Lines))), lines,
		say("ActiveLoadID", r.Load), say("InactiveLoadID", ""), value("DownloadStatus", "Unknown"), say("DownloadFailureReason", ""), say("DownloadServer", ""), address)
}

// h323 is there for every device, and has nothing in it for a phone.
func h323(asNil bool) *element {
	e := el("H323Trunk")
	for _, name := range []string{"ConfigName", "TechPrefix", "Zone", "RemoteCmServer1", "RemoteCmServer2", "RemoteCmServer3", "AltGkList", "ActiveGk", "CallSignalAddr", "RasAddr"} {
		e.add(nothing(name, asNil))
	}
	return e
}
