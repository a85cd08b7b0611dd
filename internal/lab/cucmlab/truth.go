package cucmlab

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"rtmtgrab/internal/lab/mra"
)

// The states of a device. A line has the same but for PartiallyRegistered.
const (
	Registered          = "Registered"
	UnRegistered        = "UnRegistered"
	Rejected            = "Rejected"
	PartiallyRegistered = "PartiallyRegistered"
	Unknown             = "Unknown"
)

// Reasons for which a device is not registered, as CUCM counts them.
const (
	reasonConnectivity = 6  // the connection closed
	reasonUnregistered = 10 // by the device
	reasonKeepAlive    = 13 // it was silent for too long
)

// A LineState is one directory number of a device.
type LineState struct{ Number, Status string }

// A Record is what one node knows of one device.
type Record struct {
	Node   string // FQDN or any other name of it
	Device string
	Class  string // zero: Phone
	Status string
	Reason int
	Lines  []LineState
	Since  time.Time // of the present state
	IP     string

	Model, Load, Product, Description, User string
	Protocol                                string // zero: SIP
}

// status is a device's, by its lines.
func status(lines []LineState) string {
	up := 0
	for _, l := range lines {
		if l.Status == Registered {
			up++
		}
	}
	switch {
	case up == 0:
		return UnRegistered
	case up < len(lines):
		return PartiallyRegistered
	}
	return Registered
}

// A truth is what the nodes know, as of the Site's happenings so far. The Cluster's lock
// guards it.
type truth struct {
	site   *mra.Site
	phones map[string]Phone
	own    map[string]mra.Handset
	index  map[string]int                // of the Site's phones
	seen   int                           // happenings taken in
	nodes  map[string]map[string]*device // by the node's FQDN and the device's name
	since  map[string]time.Time          // a node was started
	down   map[string]bool
	closed map[[2]string]time.Time // when a connection of a C to a node closed
}

// A device at a node may have two registrations.
type device struct {
	Record
	paths [3]registered
}

type registered struct{ lines, all int }

func newTruth(cfg *Config) *truth {
	t := &truth{site: cfg.Site, phones: cfg.Phones, own: map[string]mra.Handset{}, index: map[string]int{}, nodes: map[string]map[string]*device{}, since: map[string]time.Time{}, down: map[string]bool{}, closed: map[[2]string]time.Time{}}
	start := cfg.Now().Add(-30 * 24 * time.Hour)
	for _, fqdn := range cfg.Nodes {
		t.nodes[fqdn], t.since[fqdn] = map[string]*device{}, start
	}
	if t.site != nil {
		for i, h := range mra.Handsets(t.site) {
			t.own[h.Device], t.index[h.Device] = h, i
		}
	}
	for _, r := range cfg.Records {
		for fqdn, of := range t.nodes {
			if fqdn == r.Node || shortName(fqdn) == r.Node {
				of[r.Device] = &device{Record: r}
			}
		}
	}
	return t
}

// follow takes in what happened since it was last asked.
func (t *truth) follow() {
	if t.site == nil {
		return
	}
	news := t.site.HappenedSince(t.seen)
	t.seen += len(news)
	for _, h := range news {
		t.take(h)
	}
}

func (t *truth) take(h mra.Happening) {
	switch of := t.nodes[h.CUCM]; {
	case of == nil:
		return
	case h.What == mra.NodeFailed:
		t.down[h.CUCM] = true
		clear(of)
	case h.What == mra.NodeBack:
		delete(t.down, h.CUCM)
		t.since[h.CUCM] = h.Time
	case h.What == mra.TCPClosed:
		t.closed[[2]string{h.CUCM, h.C}] = h.Time
	case h.Device != "":
		t.change(of, h)
	}
}

// change is what a happening makes of a device at its node.
func (t *truth) change(of map[string]*device, h mra.Happening) {
	d := of[h.Device]
	if d == nil {
		d = &device{Record: Record{Node: h.CUCM, Device: h.Device}}
		of[h.Device] = d
	}
	was := d.Record
	path := &d.paths[h.Path]
	switch h.What {
	case mra.Registered, mra.RegisteredPlain, mra.RegisteredLine, mra.KeptAlive, mra.CameBack:
		if h.Lines == 0 {
			return // CUCM did not know the phone that one more line is of
		}
		*path, d.Reason = registered{h.Lines, h.All}, 0
		d.IP = t.address(h)
	case mra.Dropped:
		*path, d.Reason = registered{}, reasonKeepAlive
		if h.Time.Equal(t.closed[[2]string{h.CUCM, h.C}]) {
			d.Reason = reasonConnectivity
		}
	case mra.Unregistered:
		*path, d.Reason = registered{}, reasonUnregistered
	case mra.Refused:
		if h.By != h.CUCM {
			return // the node never heard of it
		}
		*path = registered{}
	}
	d.describe(t, h)
	if h.What == mra.Refused && d.Status == UnRegistered {
		d.Status = Rejected
	}
	if d.Status != was.Status || !slices.Equal(d.Lines, was.Lines) {
		d.Since = h.Time
	}
}

// address is what CUCM takes for the phone's.
func (t *truth) address(h mra.Happening) string {
	if t.phones[h.Device].OwnAddress {
		return t.own[h.Device].IP
	}
	return mra.PeerAddress(t.site, h.C)
}

// describe fills in what follows from the registrations.
func (d *device) describe(t *truth, h mra.Happening) {
	up := max(d.paths[1].lines, d.paths[2].lines)
	d.Lines = nil
	for i, n := range h.Numbers {
		l := LineState{n, UnRegistered}
		if i < up {
			l.Status = Registered
		}
		d.Lines = append(d.Lines, l)
	}
	d.Status = status(d.Lines)
	own, said := t.own[h.Device], t.phones[h.Device]
	d.Model, d.Load, d.User = own.Model, own.Load, h.User
	if d.Description, d.Product = said.Description, said.Product; d.Description == "" {
		d.Description = fmt.Sprintf("Phone %d", t.index[h.Device]+1) // as alarms in the traces have it
	}
}

// at are the records of a node, by name.
func (t *truth) at(fqdn string) []Record {
	var out []Record
	for _, d := range t.nodes[fqdn] {
		out = append(out, d.Record)
	}
	slices.SortFunc(out, func(a, b Record) int { return strings.Compare(a.Device, b.Device) })
	return out
}

// dirNumber tells a record's lines in one word each, as RISPort does.
func (r *Record) dirNumber() string {
	var out []string
	for _, l := range r.Lines {
		out = append(out, l.Number+"-"+l.Status)
	}
	return strings.Join(out, ",")
}

// product is the number of a record's product: the model's, if none is given.
func (r *Record) product() string {
	if r.Product != "" {
		return r.Product
	}
	n, _ := strconv.Atoi(r.Model)
	return strconv.Itoa(n)
}
