package cucmlab

import (
	"net/http"
	"slices"
	"time"
)

// A Service is one of CUCM's SOAP services.
type Service string

// The services.
const (
	RISPort       Service = "RISPort"
	PerfMon       Service = "PerfMon"
	LogCollection Service = "LogCollection"
	GetFile       Service = "DimeGetFile"
	AXL           Service = "AXL"
)

// Faults are what goes wrong, by scenario. The zero value is a cluster that does well. Give
// maps and slices anew to change them: they are read while requests are answered.
type Faults struct {
	Cert  Cert // of all nodes
	TLS12 bool // no TLS 1.3

	Off    []Service // not activated: 404
	NoRole []Service // the accounts lack the role for them: 403
	Plain  bool      // 401 and 403 have no page

	Rate RateFault
	SOAP SOAPFault
	RIS  RISFault
	Perf PerfFault
	Logs LogFault
	AXL  AXLFault
	Line []Line // the first that fits a request counts
}

// RateFault is about the budgets.
type RateFault struct {
	RIS, PerfMon int // calls a minute; zero: 15 and 80; negative: none, others use them all up
	Style        RateStyle
}

// RateStyle is how a call too many is answered.
type RateStyle string

// The zero value is a SOAP fault with status 500.
const (
	RateOK   RateStyle = "200"  // a SOAP fault with status 200
	Rate503  RateStyle = "503"  // a SOAP fault with status 503
	RateHTML RateStyle = "html" // Tomcat's page with status 503
)

// SOAPFault is about the dress of answers.
type SOAPFault struct {
	Prefix    string // of elements; zero: ns1
	NoPrefix  bool   // the namespace is the default one
	Multipart bool   // list and select come as the first part of multipart/related
	Untyped   bool   // and that part names no type
	Charset   string // of the Content-Type, upper or lower case; zero: utf-8
}

// RISFault is about the answers of RISPort.
type RISFault struct {
	Most       int      // devices in an answer, whatever is asked for; zero: 1000
	Quiet      bool     // TotalDevicesFound and StateInfo tell what is returned, not what was found
	NotTotal   bool     // it is missing
	Unanswered []string // nodes that the asked one cannot reach: NodeNotResponding
	Records    []Record // that nodes have beside what is so: stale ones of a device that moved
	Nil        bool     // what has no value is an element with xsi:nil
	NoLines    bool     // LinesStatus is missing, as in old releases; DirNumber tells the same
}

// PerfFault is about the answers of PerfMon.
type PerfFault struct {
	Values  map[string]int64 // by counter, instead of the true ones
	Invalid []string         // counters with a CStatus that says so, and a value that is none
	Missing []string         // counters that are not there
	Amiss   bool             // a session is not known any more at the next call
}

// LogFault is about logs and files.
type LogFault struct {
	Dates    Dates
	Gone     []string // path patterns: listed, and not there when they are fetched
	Form     Form     // of files by DimeGetFile and GetOneFile
	Lag      int64    // a .gzo is listed with so many bytes less than it has when it is fetched
	Torn     int64    // a .gzo lacks its last bytes
	Odd      bool     // filename and AbsolutePath instead of name and absolutepath
	Extra    int64    // bytes of rubbish behind a file's contents, as if it had no end
	ByOffset bool     // dates are read by the offset of the zone, not by its name
	NoZone   bool     // getTimeZone is not known
	NoNames  bool     // the list of nodes has no services
}

// Dates are what selectLogFiles makes of the dates that it is asked for.
type Dates string

// The zero value lists what was written to in the span, or may have records of it.
const (
	DatesIgnored  Dates = "ignored"  // everything
	DatesModified Dates = "modified" // what was last written to within it, and nothing later
)

// Form is how a file comes.
type Form string

// The forms. The zero value is multipart/related with a quoted boundary.
const (
	FormUnquoted Form = "unquoted" // the boundary is not, though there is a = in it
	FormXOP      Form = "xop"
	FormBase64   Form = "base64" // in the envelope
	FormRaw      Form = "raw"
	FormDIME     Form = "dime"
)

// AXLFault is about AXL.
type AXLFault struct {
	Busy bool // 503: too many change notifications wait
	Deaf bool // it says yes and resets nothing
}

// A Line spoils the connections of some requests.
type Line struct {
	Service Service // zero: all
	Node    string  // zero: all
	Times   int     // so many requests; zero: all

	Gate     <-chan struct{} // nothing is sent until it is closed
	BodyGate <-chan struct{} // nothing of the body is
	DripHead time.Duration   // between two bytes of the head, which has no end
	DripBody time.Duration   // between two bytes of the body
	Cut      int64           // the connection is cut when the body has so many bytes
	TooLong  int64           // Content-Length is larger than the body by so much
	Status   int             // and Tomcat's page, instead of an answer; with a Body, of that
	Body     []byte          // instead of the answer's, with status 200 unless there is a Status
	Type     string          // of that Body
}

// line is what is wrong with the connection of a request, and counts it.
func lineFor(c *Cluster, s Service, n *Node) Line {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, l := range c.faults.Line {
		if l.Service != "" && l.Service != s || l.Node != "" && !n.is(l.Node) {
			continue
		}
		if l.Times > 0 {
			rest := slices.Clone(c.faults.Line)
			if rest[i].Times--; rest[i].Times == 0 {
				rest = slices.Delete(rest, i, i+1)
			}
			c.faults.Line = rest
		}
		return l
	}
	return Line{}
}

// limit is how many calls a minute a service takes.
func (f *Faults) limit(s Service) int {
	n, usual := f.Rate.RIS, risRate
	if s == PerfMon {
		n, usual = f.Rate.PerfMon, perfRate
	}
	if n == 0 {
		return usual
	}
	return n
}

// rateAnswer is that to a call too many.
func (f *Faults) rateAnswer(s Service, operation string) answer {
	what := map[Service][3]string{
		RISPort: {"Reatime", "realtime", operation}, // the spelling is CUCM's
		PerfMon: {"Perfmon", "perfmon", "PerfmonService"},
	}[s]
	text := "Exceeded allowed rate for " + what[0] + " information. Current allowed rate for " + what[1] + " information is " + number(max(f.limit(s), 0)) + " requests per minute." + what[2]
	a := soapFault(http.StatusInternalServerError, "Server.RateControl", "AxisFault: "+text)
	switch f.Rate.Style {
	case RateOK:
		a.status = http.StatusOK
	case Rate503:
		a.status = http.StatusServiceUnavailable
	case RateHTML:
		a = page(http.StatusServiceUnavailable, "The service is overloaded.")
	}
	return a
}
