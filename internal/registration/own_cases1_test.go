package registration

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
)

// An own generator of logs, independent of the laboratory: what is written here is
// written by hand, so that the truth is known and stands in each test's comment.

var bkZero = time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC)

const bkS = time.Second

// A bkHost is one Expressway with its log.
type bkHost struct {
	name, role, ip string
	info           func(at time.Duration) bool          // at INFO at that time; nil: never
	noTCP          bool                                 // network.tcp is not at DEBUG
	clock          func(at time.Duration) time.Duration // its clock minus the true one; nil: none
	measured       *time.Duration
	missing        [][2]time.Duration // declared, and taken out
	unknown        bool               // coverage is not known
	left           bool               // its log is not given
	drop           func(at time.Duration, text string) bool
	jitter         func() time.Duration // by how much later its records are written
	recs           []bkRec
}

type bkRec struct {
	at   time.Duration // true time
	w    time.Duration // when it was written
	text string
}

// A bkMsg is a SIP message.
type bkMsg struct {
	method         string
	code           int // 0: a request
	call, user, to string
	cseq           int
	branch         string
	contact        string // the whole header's value; empty: none
	expires        int    // -1: no header
	date           time.Time
	head           []string
	body           string
	requestURI     string
	from           string // user in From, where it is not that in To
	via            string // parameters of the Via
}

var bkCounter atomic.Uint64

// bkNext is a number that no other message has.
func bkNext() uint64 { return bkCounter.Add(7919) }

var bkPhrase = map[int]string{100: "Trying", 200: "OK", 401: "Unauthorized", 407: "Proxy Authentication Required", 403: "Forbidden", 404: "Not Found", 408: "Request Timeout",
	423: "Interval Too Brief", 500: "Internal Server Error", 503: "Service Unavailable", 504: "Server Time-out"}

func (h *bkHost) head(at time.Duration, module, level string) string {
	now := bkZero.Add(at)
	if h.clock != nil {
		now = now.Add(h.clock(at))
	}
	return fmt.Sprintf(`%s %s tvcs: UTCTime="%s" Module="%s" Level="%s":  `, now.Format("2006-01-02T15:04:05.000-07:00"), h.name, now.Format("2006-01-02 15:04:05,000"), module, level)
}

func (h *bkHost) rec(at time.Duration, text string) {
	if h.drop != nil && h.drop(at, text) {
		return
	}
	w := at
	if h.jitter != nil {
		w += h.jitter()
	}
	h.recs = append(h.recs, bkRec{at, w, text})
}

func (h *bkHost) sip(at time.Duration, sent bool, local int, peer string, port int, m bkMsg) {
	hash := bkNext()
	if m.method == "" {
		m.method = "REGISTER"
	}
	action, side, verb := "Received", "Src", "Receive "
	if sent {
		action, side, verb = "Sent", "Dst", "Sending "
	}
	if m.code == 0 {
		verb += "Request Method=" + m.method
	} else {
		verb += fmt.Sprintf("Response Code=%d, Method=%s", m.code, m.method)
	}
	ends := fmt.Sprintf(`Action="%s" Local-ip="%s" Local-port="%d" %s-ip="%s" %s-port="%d" `, action, h.ip, local, side, peer, side, port)
	h.rec(at, h.head(at, "network.sip", "INFO")+ends+fmt.Sprintf(`Detail="%s, CSeq=%d, To=sip:%s@%s, Call-ID=%s, From-Tag=a1, To-Tag=, Msg-Hash=%d"`, verb, m.cseq, m.user, m.to, m.call, hash)+"\n")
	if h.info != nil && h.info(at) {
		return
	}
	var b strings.Builder
	b.WriteString(h.head(at, "network.sip", "DEBUG") + ends + fmt.Sprintf("Msg-Hash=\"%d\"\n SIPMSG:\n |", hash))
	if m.code == 0 {
		uri := m.requestURI
		if uri == "" {
			uri = "sip:" + m.to
		}
		fmt.Fprintf(&b, "%s %s SIP/2.0\n", m.method, uri)
	} else {
		fmt.Fprintf(&b, "SIP/2.0 %d %s\n", m.code, bkPhrase[m.code])
	}
	fmt.Fprintf(&b, " Via: SIP/2.0/TCP %s%s;branch=%s\n Call-ID: %s\n CSeq: %d %s\n From: <sip:%s@%s>;tag=a1\n To: <sip:%s@%s>\n", h.ip, m.via, m.branch, m.call, m.cseq, m.method, pick(m.from, m.user), m.to, m.user, m.to)
	if m.contact != "" {
		fmt.Fprintf(&b, " Contact: %s\n", m.contact)
	}
	if m.expires >= 0 {
		fmt.Fprintf(&b, " Expires: %d\n", m.expires)
	}
	if !m.date.IsZero() {
		fmt.Fprintf(&b, " Date: %s\n", m.date.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"))
	}
	for _, l := range m.head {
		fmt.Fprintf(&b, " %s\n", l)
	}
	fmt.Fprintf(&b, " Content-Length: %d\n \n", len(m.body))
	if m.body != "" {
		for l := range strings.SplitSeq(strings.TrimSuffix(m.body, "\r\n"), "\r\n") {
			fmt.Fprintf(&b, " %s\n", l)
		}
	}
	b.WriteString(" |\n\n")
	h.rec(at, b.String())
}

func (h *bkHost) tcp(at time.Duration, from string, fp int, to string, tp int, what string) {
	if h.noTCP && !strings.Contains(what, "Failed") {
		return
	}
	h.rec(at, h.head(at, "network.tcp", "DEBUG")+fmt.Sprintf(`Src-ip="%s" Src-port="%d" Dst-ip="%s" Dst-port="%d" Detail=%s`, from, fp, to, tp, what)+"\n")
}

func (h *bkHost) event(at time.Duration, text string) {
	h.rec(at, strings.Split(h.head(at, "", ""), " UTCTime")[0]+" "+text+fmt.Sprintf(` Level="1" UTCTime="%s"`, bkZero.Add(at).Format("2006-01-02 15:04:05,000"))+"\n")
}

const (
	bkEOF  = `"TCP Connection Closed" Reason="Got EOF on socket"`
	bkIdle = `"TCP Connection Closed" Reason="Idle countdown expired"`
	bkOpen = `"TCP Connection Established"`
)

// A bkSite is some Expressways and a time for which their logs are asked.
type bkSite struct {
	hosts        []*bkHost
	since, until time.Duration
	cut          bool // what lies outside is not in the logs
	alerts       []evidence.Alert
}

func bkNew() *bkSite {
	return &bkSite{until: 20 * time.Minute, hosts: []*bkHost{{name: "expc01", role: "C", ip: "10.0.30.2"}, {name: "expe01", role: "E", ip: "10.0.40.5"}}}
}

func (s *bkSite) c() *bkHost { return s.hosts[0] }
func (s *bkSite) e() *bkHost { return s.hosts[1] }

func (s *bkSite) sources() ([]Source, Options) {
	var out []Source
	for _, h := range s.hosts {
		if h.left {
			continue
		}
		slices.SortStableFunc(h.recs, func(x, y bkRec) int { return cmp.Compare(x.w, y.w) })
		var b bytes.Buffer
		for _, r := range h.recs {
			gone := s.cut && (r.at < s.since || r.at >= s.until)
			for _, m := range h.missing {
				gone = gone || r.at >= m[0] && r.at < m[1]
			}
			if !gone {
				b.WriteString(r.text)
			}
		}
		text := b.Bytes()
		src := Source{Host: h.name, Role: h.role, Family: "network_log", File: "hosts/" + h.name + "/network_log.txt", MTime: bkZero.Add(s.until), ClockOffset: h.measured,
			Complete: len(h.missing) == 0 && !h.unknown, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }}
		for _, m := range h.missing {
			src.Missing = append(src.Missing, evidence.Span{Since: bkZero.Add(m[0]), Until: bkZero.Add(m[1]), Reason: evidence.ReasonRotated})
		}
		out = append(out, src)
	}
	return out, Options{Window: evidence.NewWindow(bkZero.Add(s.since), bkZero.Add(s.until)), Alerts: s.alerts}
}

func (s *bkSite) report(t testing.TB) *Report {
	t.Helper()
	src, o := s.sources()
	r, err := Analyze(t.Context(), src, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A bkPhone is one phone and the way it takes.
type bkPhone struct {
	s         *bkSite
	c, e      *bkHost
	dev, mac  string
	number    string
	call      string
	to, node  string // name and address of the CUCM
	cseq      int
	local     int // of C to CUCM
	tls       int // port of CUCM
	src       int // its port at E
	noDate    bool
	dateShift time.Duration
	expires   int // that CUCM grants
	cucmDate  func(at time.Duration) time.Duration
	noCDate   bool
	user      string // in its Contact; empty: one of its own
	zone      string // by which E sends its REGISTERs on, as its Via says; empty: it does not say
}

func (s *bkSite) phone(i int) *bkPhone {
	mac := fmt.Sprintf("00EBD5D5%04X", i)
	return &bkPhone{s: s, c: s.c(), e: s.e(), dev: "SEP" + mac, mac: mac, number: fmt.Sprint(7000 + i), call: bkCall(mac, 1), to: "cucm01.example.com", node: "10.0.20.11",
		cseq: 100, local: 25100, tls: 5060, src: 40000 + i, expires: 120}
}

func bkCall(mac string, n int) string {
	m := strings.ToLower(mac)
	return fmt.Sprintf("%s-%s%04x-%08x-5f6b0fd9@192.0.2.35", m[:8], m[8:], n, n*77777)
}

const (
	bkPart = "--u\r\nContent-Type: application/x-cisco-remotecc-request+xml\r\n\r\n<x-cisco-remotecc-request>\r\n"
	bkBulk = bkPart + "<bulkregisterreq>\r\n<contact all=\"true\">\r\n<register></register>\r\n</contact>\r\n</bulkregisterreq>\r\n</x-cisco-remotecc-request>\r\n--u--\r\n"
	bkOpts = bkPart + "<optionsind>\r\n<combine max=\"6\"></combine>\r\n</optionsind>\r\n</x-cisco-remotecc-request>\r\n--u--\r\n"
)

func bkRemotecc(code int) string {
	return fmt.Sprintf("<x-cisco-remotecc-response>\r\n<response>\r\n<code>%d</code>\r\n<reason></reason>\r\n</response>\r\n</x-cisco-remotecc-response>\r\n", code)
}

// A bkEx is one REGISTER with what becomes of it. Delays not set are some ms.
type bkEx struct {
	at                time.Duration // the phone sends it
	full, opts, unreg bool
	dE, inE, dEC, inC time.Duration // to E, in E, to C, in C
	ans, ansBack      time.Duration // CUCM's final answer after the request, way of the answer C to phone
	trying            bool          // CUCM's 100 comes at once
	lost              string        // "E", "EC", "CU", "UC": where it ends
	own               int           // C answers with that code 32 s after sending
	code              int           // 0: 200
	newreg            bool
	sameCSeq          bool
	auth              bool
	remotecc          int
	header            []string
	contactX          string
	expiresHeader     *int
	date              *time.Time
}

func pick[T comparable](v, or T) T {
	var zero T
	if v == zero {
		return or
	}
	return v
}
