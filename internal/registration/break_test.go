package registration

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
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
	fmt.Fprintf(&b, " Via: SIP/2.0/TCP %s;branch=%s\n Call-ID: %s\n CSeq: %d %s\n From: <sip:%s@%s>;tag=a1\n To: <sip:%s@%s>\n", h.ip, m.branch, m.call, m.cseq, m.method, pick(m.from, m.user), m.to, m.user, m.to)
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
		slices.SortStableFunc(h.recs, func(x, y bkRec) int { return compare(x.w, y.w) })
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

// ex writes one REGISTER, and returns when C got the answer.
func (p *bkPhone) ex(x bkEx) time.Duration {
	const ms = time.Millisecond
	if !x.sameCSeq {
		p.cseq++
	}
	exp := 3600
	if x.unreg {
		exp = 0
	}
	if x.expiresHeader != nil {
		exp = *x.expiresHeader
	}
	contact := fmt.Sprintf(`<sip:u%s@192.0.2.35:5061;transport=tls>;+sip.instance="<urn:uuid:00000000-0000-0000-0000-%s>";+u.sip!devicename.ccm.cisco.com="%s";+u.sip!model.ccm.cisco.com="36217"%s`, p.mac, p.mac, p.dev, x.contactX)
	m := bkMsg{call: p.call, user: p.number, to: p.to, cseq: p.cseq, contact: contact, expires: exp}
	if !p.noDate {
		m.date = bkZero.Add(x.at + p.dateShift)
		if x.date != nil {
			m.date = *x.date
		}
	}
	m.head = append(m.head, x.header...)
	if x.full {
		m.head = append(m.head, `Reason: SIP;cause=200;text="cisco-alarm:25 Name=`+p.dev+` Load=x Last=Initialized"`, "Content-Type: multipart/mixed;boundary=u")
		m.body = bkBulk
	}
	if x.opts {
		m.head = append(m.head, "Content-Type: multipart/mixed;boundary=u")
		m.body = bkOpts
	}
	if x.auth {
		m.head = append(m.head, `Authorization: Digest username="u",realm="ccmsipline",uri="sip:x",response="1",nonce="2"`)
	}
	n := bkNext()
	br := func(hop string) string { return fmt.Sprintf("z9hG4bK%s%d", hop, n) }
	onP, onE, onC := br("p"), br("e"), br("c")
	at := func(b string) bkMsg { y := m; y.branch = b; return y }
	if x.lost == "E" {
		return 0
	}
	t := x.at + pick(x.dE, 15*ms)
	p.e.sip(t, false, 5061, "198.51.100.7", p.src, at(onP))
	t += pick(x.inE, 2*ms)
	p.e.sip(t, true, 7001, p.c.ip, 25013, at(onE))
	if x.lost == "EC" {
		return 0
	}
	t += pick(x.dEC, 4*ms)
	p.c.sip(t, false, 25013, p.e.ip, 7001, at(onE))
	t += pick(x.inC, 2*ms)
	p.c.sip(t, true, p.local, p.node, p.tls, at(onC))
	ans := func(code int, own bool) bkMsg {
		a := bkMsg{code: code, call: m.call, user: m.user, to: m.to, cseq: m.cseq, expires: -1}
		switch {
		case own:
			a.head = []string{"Server: TANDBERG/4137 (X14.0.3)"}
			return a
		case code == 100:
			return a
		}
		a.head = []string{"Server: Cisco-CUCM14.0"}
		if !p.noCDate {
			a.date = bkZero.Add(t)
			if p.cucmDate != nil {
				a.date = a.date.Add(p.cucmDate(t))
			}
		}
		switch code {
		case 200:
			if !x.unreg {
				a.contact, a.expires = contact, p.expires
				if x.newreg || x.full {
					a.contact += ";x-cisco-newreg"
				}
			}
			if x.full {
				a.head = append(a.head, "Content-Type: application/x-cisco-remotecc-response+xml")
				a.body = bkRemotecc(pick(x.remotecc, 200))
			}
		case 401:
			a.head = append(a.head, `WWW-Authenticate: Digest realm="ccmsipline",nonce="2",algorithm=MD5`)
		}
		return a
	}
	back := func(t time.Duration, a bkMsg) {
		a.branch = onE
		p.c.sip(t+ms, true, 25013, p.e.ip, 7001, a)
		t += pick(x.ansBack, 3*ms)
		p.e.sip(t+ms, false, 7001, p.c.ip, 25013, a)
		a.branch = onP
		p.e.sip(t+2*ms, true, 5061, "198.51.100.7", p.src, a)
	}
	if x.lost != "" {
		if x.own != 0 {
			back(t+32*bkS, ans(x.own, true))
		}
		return 0
	}
	if x.trying {
		a := ans(100, false)
		a.branch = onC
		p.c.sip(t+5*ms, false, p.local, p.node, p.tls, a)
	}
	t += pick(x.ans, 12*ms)
	a := ans(pick(x.code, 200), false)
	a.branch = onC
	p.c.sip(t, false, p.local, p.node, p.tls, a)
	back(t, a)
	return t
}

// keep sends keep-alives every so often from one time up to another, and returns when
// the last of them was sent.
func (p *bkPhone) keep(from, to, every time.Duration) time.Duration {
	last := from
	for at := from; at <= to; at += every {
		p.ex(bkEx{at: at})
		last = at
	}
	return last
}

// reboot gives the phone another Call-ID.
func (p *bkPhone) reboot(n int) { p.call, p.cseq = bkCall(p.mac, n), 100 }

// notify is a NOTIFY of CUCM to the phone for one of its numbers.
func (p *bkPhone) notify(at time.Duration, number string) {
	p.c.sip(at, false, p.local, p.node, p.tls, bkMsg{method: "NOTIFY", call: fmt.Sprintf("n%d@%s", bkNext(), p.node), user: number, to: p.to, cseq: 101, expires: -1, branch: "z9hG4bKn",
		requestURI: "sip:u" + p.mac + "@192.0.2.35:5061;transport=tls"})
}

func bkFind(t testing.TB, r *Report, dev string) Phone {
	t.Helper()
	for _, p := range r.Phones {
		if p.Device == dev {
			return p
		}
	}
	t.Fatalf("no phone %s: %s", dev, r.Summary)
	return Phone{}
}

func bkShow(r *Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", r.Verdict, r.Summary)
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "  note: %s\n", n)
	}
	for _, g := range r.Groups {
		fmt.Fprintf(&b, "  group: %s (%s) %s\n", g.Summary, g.Confidence, g.Advice)
	}
	for i, p := range r.Phones {
		if i > 8 {
			break
		}
		fmt.Fprintf(&b, "  %s %s/%s %s/%s late %v at %q\n", p.Device, p.Verdict, p.VerdictConfidence, p.Cause, p.CauseConfidence, deref(p.LateByS), p.LateAt)
		for _, s := range p.Statements {
			fmt.Fprintf(&b, "      [%s] %s\n", s.Confidence, s.Text)
		}
		if p.Advice != "" {
			fmt.Fprintf(&b, "      advice: %s\n", p.Advice)
		}
	}
	return b.String()
}

// bkSays finds a sentence about a phone with at least that confidence.
func bkSays(p Phone, confidence, what string) bool {
	for _, s := range p.Statements {
		if strings.Contains(s.Text, what) && (confidence == "" || lower(s.Confidence, confidence) == confidence) {
			return true
		}
	}
	return false
}

// bkFail fails with all that the report says.
func bkFail(t *testing.T, r *Report, format string, args ...any) {
	t.Helper()
	t.Errorf(format+"\n%s", append(args, bkShow(r))...)
}

// Truth: a phone with ONE line. A user logs in (Extension Mobility): it unregisters 7001,
// registers 8001 in full, later goes on as 8001 alone; a dropped connection makes its
// keep-alive a new registration, with its one line. The report says partial, certain:
// "the numbers 7001, 8001 were seen".
func TestBreakLoginOfOneLinePhone(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 240*bkS, 115*bkS)
	p.ex(bkEx{at: 300 * bkS, unreg: true})
	p.reboot(2)
	p.number = "8001"
	p.ex(bkEx{at: 310 * bkS, full: true})
	s.c().tcp(400*bkS, s.c().ip, p.local, p.node, 5060, bkEOF)
	p.local = 25101
	s.c().tcp(424*bkS, s.c().ip, p.local, p.node, 5060, bkOpen)
	p.ex(bkEx{at: 425 * bkS, newreg: true})
	p.keep(540*bkS, 1180*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Verdict == VerdictPartial && ph.VerdictConfidence == Certain {
		bkFail(t, r, "a phone with one line is called partial")
	}
}

// Truth: the same without an unregister: the administrator changed the number and reset
// the phone (a full REGISTER with the new number 20 s after the last keep-alive).
func TestBreakRenumberedOneLinePhone(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 240*bkS, 115*bkS)
	p.reboot(2)
	p.number = "7777"
	p.ex(bkEx{at: 255 * bkS, full: true})
	p.ex(bkEx{at: 430 * bkS, newreg: true})
	p.keep(545*bkS, 1180*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Verdict == VerdictPartial && ph.VerdictConfidence == Certain {
		bkFail(t, r, "a phone with one line is called partial")
	}
}

// Truth: the phone came back with one line of two at 14:06 and stays so; its last
// keep-alive before the logs end is answered 503 by C itself. The summary says "no
// phone was seen to go partial", and the verdict is not partial.
func TestBreakPartialThenRefused(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	p.keep(120*bkS, 240*bkS, 115*bkS)
	p.ex(bkEx{at: 390 * bkS, newreg: true})
	last := p.keep(505*bkS, 1080*bkS, 115*bkS)
	p.ex(bkEx{at: last + 115*bkS, lost: "CU", own: 503})
	s.until = last + 150*bkS
	r := s.report(t)
	if r.Verdict != VerdictPartial || strings.Contains(r.Summary, "no phone was seen to go partial") || strings.Contains(r.Summary, "none was seen to go partial") {
		bkFail(t, r, "a phone that came back with one line is passed over")
	}
}

// Truth: line 1 of a phone that registers its lines by separate REGISTERs is never kept
// alive after 14:02 (CUCM drops it at 14:04); line 2 goes on. The report says that the
// phone registered all its lines, certain, and healthy.
func TestBreakOneOfTwoSeparateLinesStops(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	q := *p
	q.call, q.number, q.cseq = bkCall(p.mac, 7), "7055", 100
	q.ex(bkEx{at: 5*bkS + 300*time.Millisecond, full: true})
	q.keep(120*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); r.Verdict == VerdictHealthy || ph.Verdict == PhoneRegistered && ph.VerdictConfidence == Certain {
		bkFail(t, r, "one of two lines is gone, and the phone is called registered")
	}
}

// Truth: a phone that registers its two lines one by one after a new registration; from
// 14:08 on CUCM refuses line 2 with 403, so that it has one line of two.
func TestBreakSideLineRefusedLater(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 240*bkS, 115*bkS)
	p.reboot(2)
	q := *p
	q.call, q.number = bkCall(p.mac, 7), "7055"
	p.ex(bkEx{at: 355 * bkS, newreg: true})
	q.ex(bkEx{at: 355*bkS + 300*time.Millisecond, newreg: true})
	p.keep(470*bkS, 1190*bkS, 115*bkS)
	for at := 470 * bkS; at < 1190*bkS; at += 115 * bkS {
		q.ex(bkEx{at: at + 300*time.Millisecond, code: 403})
	}
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); r.Verdict == VerdictHealthy || ph.Verdict == PhoneRegistered {
		bkFail(t, r, "line 2 is refused since 14:08")
	}
}

// Truth: after a new registration the phone registered line 2 by its own REGISTER 4 s
// later (newreg, 200) and keeps both alive: it has all its lines.
func TestBreakLinesOneByOneFourSeconds(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 240*bkS, 115*bkS)
	q := *p
	q.call, q.number, q.cseq = bkCall(p.mac, 7), "7055", 100
	p.ex(bkEx{at: 395 * bkS, newreg: true})
	q.ex(bkEx{at: 399 * bkS, newreg: true})
	p.keep(510*bkS, 1190*bkS, 115*bkS)
	q.keep(514*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Verdict == VerdictPartial && ph.VerdictConfidence == Certain {
		bkFail(t, r, "both lines are registered, and the phone is called partial, certain")
	}
}

// Truth: only C's log is there (or E logs at INFO). CUCM's clock is set forward by 60 s
// by NTP at 14:10; C's clock and the healthy phone go on as before. The report says that
// C's clock was set, and calls the REGISTER late.
func TestBreakCUCMClockSet(t *testing.T) {
	t.Parallel()
	s := bkNew()
	s.e().info = func(time.Duration) bool { return true }
	for i := range 4 {
		p := s.phone(i)
		p.cucmDate = func(at time.Duration) time.Duration {
			if at > 600*bkS {
				return -60 * bkS
			}
			return 0
		}
		p.ex(bkEx{at: time.Duration(5+7*i) * bkS, full: true})
		p.keep(time.Duration(120+7*i)*bkS, 1190*bkS, 115*bkS)
	}
	r := s.report(t)
	if r.Verdict != VerdictHealthy {
		bkFail(t, r, "all is well, and the verdict is %s", r.Verdict)
	}
	for _, n := range r.Notes {
		if strings.Contains(n, "clock of expc01 was set") {
			bkFail(t, r, "C's clock was not set, CUCM's was: %s", n)
		}
	}
	for _, p := range r.Phones {
		if bkSays(p, Certain, "came late") || p.LateByS != nil {
			bkFail(t, r, "nothing was late")
		}
	}
}

// Truth: C logs at INFO until 14:03; the phone's keep-alive of 14:08:40 is 280 s after the
// last 200, more than twice Expires. The report says, certain, "it came in time".
func TestBreakInTimeWithoutExpires(t *testing.T) {
	t.Parallel()
	s := bkNew()
	for _, h := range s.hosts {
		h.info = func(at time.Duration) bool { return at < 300*bkS }
	}
	p := s.phone(1)
	p.ex(bkEx{at: 240 * bkS, full: true})
	p.ex(bkEx{at: 520 * bkS, newreg: true})
	s.since, s.cut, s.until = 200*bkS, true, 560*bkS
	r := s.report(t)
	if bkSays(bkFind(t, r, p.dev), Certain, "in time") {
		bkFail(t, r, "280 s after the last success, and it came in time")
	}
}

// Truth: the phone's own cadence is 130 s, each keep-alive is 10 s beyond CUCM's Expires of
// 120 s (within the grace). The report says, certain, that they were sent on time.
func TestBreakOnTimeBeyondExpires(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(135*bkS, 1190*bkS, 130*bkS)
	r := s.report(t)
	if bkSays(bkFind(t, r, p.dev), Certain, "on time") {
		bkFail(t, r, "130 s with an Expires of 120 s is on time")
	}
}

// Truth: CUCM took the keep-alive of 14:06 at once, but its 200 was on its way to C for 40 s;
// CUCM counts 120 s from the REGISTER, the phone 115 s from the 200: the next one is
// 155 s after the one before, CUCM had dropped the phone. The report says, certain,
// "it came in time".
func TestBreakInTimeAfterSlowAnswer(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 115*bkS, ans: 40 * bkS})
	p.ex(bkEx{at: last + 270*bkS, newreg: true})
	p.keep(last+385*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if bkSays(bkFind(t, r, p.dev), Certain, "came in time") {
		bkFail(t, r, "155 s after the REGISTER that CUCM had taken before, and it came in time")
	}
}

// Truth: the phone itself sent its keep-alive 40 s late. Before that C closed its idle
// connection to CUCM, which harmed nobody: five other phones of the same connection went
// on over the next one without a new registration. The report blames the connection.
func TestBreakIdleCloseHarmless(t *testing.T) {
	t.Parallel()
	s := bkNew()
	var others []*bkPhone
	for i := range 5 {
		p := s.phone(10 + i)
		p.ex(bkEx{at: time.Duration(20+i) * bkS, full: true})
		p.keep(time.Duration(135+i)*bkS, 380*bkS, 115*bkS)
		others = append(others, p)
	}
	p := s.phone(1)
	p.ex(bkEx{at: 15 * bkS, full: true})
	p.notify(16*bkS, "7055")
	p.keep(130*bkS, 360*bkS, 115*bkS) // to 360
	s.c().tcp(440*bkS, s.c().ip, 25100, p.node, 5060, bkIdle)
	s.c().tcp(479*bkS, s.c().ip, 25101, p.node, 5060, bkOpen)
	p.local = 25101
	for i, o := range others {
		o.local = 25101
		o.keep(time.Duration(480+i)*bkS, 1190*bkS, 115*bkS)
	}
	p.ex(bkEx{at: 515 * bkS, newreg: true})
	p.keep(630*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseTCP {
		bkFail(t, r, "the connection is blamed, over which nobody else lost anything")
	}
}

// Truth: the phone sent its keep-alive 40 s late (E got nothing before); E–C was well. One of
// E's connections on the traversal port was closed as idle meanwhile, and other phones
// went through all the time. The report says that the traversal zone failed.
func TestBreakTraversalBlamedForLatePhone(t *testing.T) {
	t.Parallel()
	s := bkNew()
	o := s.phone(2)
	o.ex(bkEx{at: 20 * bkS, full: true})
	o.keep(135*bkS, 1190*bkS, 115*bkS)
	p := s.phone(1)
	p.ex(bkEx{at: 15 * bkS, full: true})
	p.notify(16*bkS, "7055")
	p.keep(130*bkS, 360*bkS, 115*bkS)
	s.c().tcp(440*bkS, s.c().ip, 25999, s.e().ip, 7001, bkIdle)
	p.ex(bkEx{at: 515 * bkS, newreg: true})
	p.keep(630*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseTraversal {
		bkFail(t, r, "the traversal zone is blamed for what the phone sent late")
	}
}

// Truth: the clock of E (at INFO) is set forward by 60 s at 14:10. One note says that the
// clocks shifted, another that "no clock was set: before and after the clocks agree".
func TestBreakStallAndStep(t *testing.T) {
	t.Parallel()
	s := bkNew()
	s.e().info = func(time.Duration) bool { return true }
	s.c().info = s.e().info
	s.e().clock = func(at time.Duration) time.Duration {
		if at > 800*bkS {
			return -60 * bkS
		}
		return 0
	}
	for i := range 6 {
		p := s.phone(i)
		p.ex(bkEx{at: time.Duration(5+7*i) * bkS, full: true})
		p.keep(time.Duration(120+7*i)*bkS, 1190*bkS, 115*bkS)
	}
	r := s.report(t)
	for _, n := range r.Notes {
		if strings.Contains(n, "A stall") {
			bkFail(t, r, "there was no stall: %s", n)
		}
	}
}

// Truth: CUCM first granted 120 s, then 180 s: the phone's cadence is 175 s for its last
// three keep-alives. Then it is late by 40 s. The report says 100 s late.
func TestBreakCadenceAfterExpiresChange(t *testing.T) {
	t.Parallel()
	s := bkNew()
	s.until = 30 * time.Minute
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 820*bkS, 115*bkS)
	p.expires = 180
	p.ex(bkEx{at: last + 115*bkS})
	last = p.keep(last+290*bkS, last+650*bkS, 175*bkS)
	p.ex(bkEx{at: last + 215*bkS, newreg: true})
	p.keep(last+390*bkS, 1790*bkS, 175*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.LateByS != nil && (*ph.LateByS < 38 || *ph.LateByS > 42) {
		bkFail(t, r, "late by 40 s, and %v s is said", *ph.LateByS)
	}
}

// Truth: the phone was late by 9 s before E, and C held it up by 40 s more. The report says,
// certain, "Expressway-C received it in time".
func TestBreakReceivedInTimeByC(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 124*bkS, inC: 40 * bkS, newreg: true})
	p.keep(last+280*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if bkSays(bkFind(t, r, p.dev), Certain, "received it in time") {
		bkFail(t, r, "C received it 4 s beyond Expires, and in time is said")
	}
}

// Truth: CUCM challenged the keep-alive (the ordinary 401, no credentials sent yet); the
// answer to that was on its way from E to C for 40 s. The report says that its
// credentials were refused.
func TestBreakChallengeIsNoRefusal(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 115*bkS, code: 401})
	p.ex(bkEx{at: last + 115*bkS + 200*time.Millisecond, dEC: 40 * bkS, auth: true, newreg: true})
	p.keep(last+280*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseAuth {
		bkFail(t, r, "no credentials were refused")
	}
}

// Truth: no log of C; E's log is known to lack 14:09 to 14:13, and in it the phone was reset
// (unregister, full REGISTER, same Call-ID). All lines are registered.
func TestBreakHoleOnEAlone(t *testing.T) {
	t.Parallel()
	s := bkNew()
	s.c().left = true
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 240*bkS, 115*bkS)
	p.number = "7001"
	p.ex(bkEx{at: 395 * bkS, newreg: true})
	p.ex(bkEx{at: 510 * bkS})
	p.ex(bkEx{at: 560 * bkS, unreg: true})
	p.ex(bkEx{at: 570 * bkS, full: true})
	p.keep(685*bkS, 1190*bkS, 115*bkS)
	s.e().missing = [][2]time.Duration{{540 * bkS, 680 * bkS}}
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Verdict != VerdictUnknown {
		bkFail(t, r, "a REGISTER may have stood in the hole, and %s is said", ph.Verdict)
	}
}

// Truth: the phone has two lines; CUCM's 200 to its full REGISTER has <code>500</code> in its
// body, which was not logged (the level was lowered that moment): one line registered.
// The report says that all its lines registered, certain, and healthy.
func TestBreakAnswerBodyNotLogged(t *testing.T) {
	t.Parallel()
	s := bkNew()
	for _, h := range s.hosts {
		h.info = func(at time.Duration) bool { return at >= 300*bkS+30*time.Millisecond && at < 310*bkS }
	}
	p := s.phone(1)
	p.ex(bkEx{at: 300 * bkS, full: true, remotecc: 500})
	p.keep(415*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); r.Verdict == VerdictHealthy || ph.Verdict == PhoneRegistered && ph.VerdictConfidence == Certain {
		bkFail(t, r, "what became of its lines was not logged")
	}
}

// Truth: the phone came back with one line; later it sends a REGISTER with a body that has no
// bulk part (options only), which registers that one line. It is partial.
func TestBreakBodyWithoutBulk(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	p.keep(120*bkS, 240*bkS, 115*bkS)
	p.ex(bkEx{at: 395 * bkS, newreg: true})
	p.ex(bkEx{at: 510 * bkS, opts: true})
	p.keep(625*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); r.Verdict == VerdictRecovered || ph.Verdict == VerdictRecovered {
		bkFail(t, r, "no bulk REGISTER, and it has registered all its lines")
	}
}

// Truth: the phone unregisters by expires=0 in its Contact, which counts more than the Expires
// header of 3600 (RFC 3261, 10.2.1.1), and is gone. The report says that it is registered.
func TestBreakUnregisterByContact(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	last := p.keep(120*bkS, 960*bkS, 115*bkS)
	exp := 3600
	p.ex(bkEx{at: last + 60*bkS, unreg: true, contactX: ";expires=0", expiresHeader: &exp})
	s.until = last + 90*bkS
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Verdict == PhoneRegistered {
		bkFail(t, r, "it unregistered, and registered is said")
	}
}

// Truth: a firewall dropped the connection in silence at 14:05:10. The phone's keep-alive of
// 14:07 got no answer, C closed the connection at 14:07:32. The group and the headline
// say that the connection dropped "at 14:07:00", where "by" is all that is known.
func TestBreakSilentDropTime(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 75 * bkS, full: true})
	p.notify(76*bkS, "7055")
	p.keep(190*bkS, 305*bkS, 115*bkS)
	p.ex(bkEx{at: 420 * bkS, lost: "CU", own: 408})
	s.c().tcp(452*bkS, s.c().ip, p.local, p.node, 5060, `"TCP Connection Closed" Reason="Connection timed out"`)
	p.local = 25101
	s.c().tcp(470*bkS, s.c().ip, p.local, p.node, 5060, bkOpen)
	p.ex(bkEx{at: 470 * bkS, newreg: true})
	p.keep(585*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	for _, g := range r.Groups {
		if strings.Contains(g.Summary, "At 14:07:00 UTC the connection expc01 -> cucm01.example.com dropped") {
			bkFail(t, r, "it dropped two minutes before that: %s", g.Summary)
		}
	}
}

// Truth: the phone came with a keep-alive 121 s after the last 200, 14 s before CUCM would drop
// it; CUCM had restarted its process in between (nothing shows that). The report says
// "a keep-alive that reached CUCM too late", likely.
func TestBreakLateWithinGrace(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 121*bkS, newreg: true})
	p.keep(last+240*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseLate && ph.CauseConfidence != CannotTell {
		bkFail(t, r, "1 s beyond Expires, 14 s within the grace, and lateness is the cause")
	}
}

// Truth: C has two connections to CUCM and spreads its phones over both at random; the phone
// used both before without harm. CUCM dropped it for another reason (reset of the node's
// registrations). The report says that the connection dropped, "had gone silent".
func TestBreakTwoConnections(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	for i, at := 0, 120*bkS; at < 700*bkS; i, at = i+1, at+115*bkS {
		p.local = 25100 + (i+1)%2
		p.ex(bkEx{at: at})
	}
	p.local = 25100
	p.ex(bkEx{at: 695 * bkS})
	p.local = 25101
	p.ex(bkEx{at: 810 * bkS, newreg: true})
	p.keep(925*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseTCP {
		bkFail(t, r, "no connection dropped, and it used both all the time")
	}
}

// Truth: the phone is partial at cluster A's node since 14:06, and registers with cluster B's
// node, too, whose registration is whole. The partial one must not vanish.
func TestBreakTwoClusters(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	q := *p
	q.to, q.node, q.call = "cucm-b.example.com", "10.0.21.11", bkCall(p.mac, 9)
	p.ex(bkEx{at: 5 * bkS, full: true})
	q.ex(bkEx{at: 8 * bkS, full: true})
	p.notify(6*bkS, "7055")
	q.keep(123*bkS, 1190*bkS, 115*bkS)
	p.keep(120*bkS, 240*bkS, 115*bkS)
	p.ex(bkEx{at: 395 * bkS, newreg: true})
	p.keep(510*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if r.Verdict != VerdictPartial {
		bkFail(t, r, "partial at one of two clusters, and %s is said", r.Verdict)
	}
}

// Truth: the phone's keep-alive of 14:08:20 reached CUCM 155 s after the one before; CUCM had
// dropped it and registered its one line anew, but that answer (with x-cisco-newreg) was
// lost on its way to C, which answers 408 itself. The phone's next keep-alive is
// answered as an ordinary one. The phone has one line of two. The report: registered,
// certain; healthy; "the next one kept the registration".
func TestBreakNewRegAnswerLost(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 155*bkS, lost: "UC", own: 408})
	p.ex(bkEx{at: last + 195*bkS})
	p.keep(last+310*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); r.Verdict == VerdictHealthy || ph.Verdict == PhoneRegistered && ph.VerdictConfidence == Certain {
		bkFail(t, r, "the unanswered REGISTER may have been taken for a new registration, as it was")
	}
}

// Truth: the same with a connection: it closed at 14:06:40 (EOF), CUCM dropped the phone;
// the answer to its next keep-alive, with x-cisco-newreg, was lost; the one after that
// is answered as an ordinary one. One line of two; said is healthy.
func TestBreakNewRegAnswerLostAfterEOF(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	s.c().tcp(400*bkS, s.c().ip, p.local, p.node, 5060, bkEOF)
	p.local = 25101
	s.c().tcp(last+115*bkS, s.c().ip, p.local, p.node, 5060, bkOpen)
	p.ex(bkEx{at: last + 115*bkS, lost: "UC", own: 408})
	p.ex(bkEx{at: last + 150*bkS})
	p.keep(last+265*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); r.Verdict == VerdictHealthy || ph.Verdict == PhoneRegistered && ph.VerdictConfidence == Certain {
		bkFail(t, r, "the unanswered REGISTER may have been taken for a new registration, as it was")
	}
}

// Truth: C's log (the only one) lacks 14:09:20 to 14:10, in which one keep-alive stood: the gap
// that it shows is 230 s. Of that gap it is said, certain, that the REGISTERs were "on
// time, none more than 230.0 s after the success before it".
func TestBreakOnTimeOverHole(t *testing.T) {
	t.Parallel()
	s := bkNew()
	s.e().left = true
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 1190*bkS, 115*bkS)
	s.c().missing = [][2]time.Duration{{560 * bkS, 600 * bkS}}
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); bkSays(ph, Certain, "none more than 230") {
		bkFail(t, r, "a gap of 230 s is called on time")
	}
}

// Truth: the log of E alone, which lacks 14:09:20 to 14:10 by its manifest. The phone is said to
// be registered, and "on time, none more than 230.0 s" certain, and no word of the hole.
func TestBreakHoleOnEAloneRegistered(t *testing.T) {
	t.Parallel()
	s := bkNew()
	s.c().left = true
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 1190*bkS, 115*bkS)
	s.e().missing = [][2]time.Duration{{560 * bkS, 600 * bkS}}
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Verdict != VerdictUnknown || bkSays(ph, Certain, "none more than 230") {
		bkFail(t, r, "a keep-alive stood in the hole, and %s is said", ph.Verdict)
	}
}

// Truth: at 14:06 C held up a keep-alive for 43 s, and the phone came back; a full REGISTER mended
// that. At 14:15:40 the phone itself was late by 26 s, and came back. at is 14:15:40, and
// late_by_s is that of 14:06; the words of the two are mixed.
func TestBreakLateByOfAnother(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 240*bkS, 115*bkS)
	p.ex(bkEx{at: last + 115*bkS, inC: 43 * bkS, newreg: true})
	p.reboot(2)
	p.ex(bkEx{at: last + 200*bkS, full: true})
	last = p.keep(last+315*bkS, 800*bkS, 115*bkS)
	came := last + 141*bkS
	p.ex(bkEx{at: came, newreg: true})
	p.reboot(3)
	p.ex(bkEx{at: came + 20*bkS, full: true})
	p.keep(came+135*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.At == nil || ph.LateByS == nil || ph.At.Sub(bkZero.Add(came)) < bkS && (*ph.LateByS < 24 || *ph.LateByS > 28) {
		bkFail(t, r, "late by 26 s at %v", ph.At)
	}
}

// Truth: the phone was 26 s late once, an hour ago as it were, and that did no harm (kept). Later it
// came back in time, because its connection closed. late_at is "before E" and late_by_s 26,
// with cause tcp_dropped or unknown and the at of the other REGISTER.
func TestBreakLateAtOfAnother(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 240*bkS, 115*bkS)
	p.ex(bkEx{at: last + 128*bkS})
	last = p.keep(last+243*bkS, 800*bkS, 115*bkS)
	p.ex(bkEx{at: last + 115*bkS, newreg: true})
	p.reboot(3)
	p.ex(bkEx{at: last + 150*bkS, full: true})
	p.keep(last+265*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.LateByS != nil || ph.LateAt == atPhone {
		bkFail(t, r, "what came back at %v was not late, and late by %v %q is said", ph.At, deref(ph.LateByS), ph.LateAt)
	}
}

// Truth: C's clock is set by +40 s at 14:13:20, E's by -20 s at 14:06:40; all phones are healthy and
// in time. Because both peers show a step (though at other times, by other amounts), both are
// taken for CUCM's own and forgotten: every phone's REGISTER "came late", certain, 40 s.
func TestBreakTwoClocksSet(t *testing.T) {
	t.Parallel()
	s := bkNew()
	set := func(h *bkHost, when, by time.Duration) {
		h.clock = func(at time.Duration) time.Duration {
			if at > when {
				return by
			}
			return 0
		}
	}
	set(s.c(), 800*bkS, 40*bkS)
	set(s.e(), 400*bkS, -20*bkS)
	for i := range 3 {
		p := s.phone(i)
		p.ex(bkEx{at: time.Duration(5+37*i) * bkS, full: true})
		p.keep(time.Duration(120+37*i)*bkS, 1150*bkS, 115*bkS)
	}
	r := s.report(t)
	for _, p := range r.Phones {
		if bkSays(p, Certain, "came late") || p.LateByS != nil {
			bkFail(t, r, "nothing was late")
			return
		}
	}
}

// Truth: a phone with two lines came back by keep-alive at 14:06 (partial), and was reset two minutes
// later. Its second number is not in the logs. The report: healthy, "1 phone, none of which
// went partial".
func TestBreakHealthyThoughCameBack(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	last := p.keep(120*bkS, 240*bkS, 115*bkS)
	p.ex(bkEx{at: last + 155*bkS, newreg: true})
	p.ex(bkEx{at: last + 270*bkS})
	p.reboot(2)
	p.ex(bkEx{at: last + 300*bkS, full: true})
	p.keep(last+415*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if r.Verdict == VerdictHealthy || strings.Contains(r.Summary, "none of which went partial") {
		bkFail(t, r, "it came back by keep-alive, and its number of lines is not known")
	}
}

// Truth: the clocks of C and E were set by +49 s and -32 s at 14:12. Ten minutes later the phone is
// late by itself, by 23 s. A note says that nothing is called late there; a statement, likely:
// "Expressway-C received it 81.0 s later than usual", and the traversal zone is to be looked at.
func TestBreakStepsThenLate(t *testing.T) {
	t.Parallel()
	s := bkNew()
	set := func(h *bkHost, when, by time.Duration) {
		h.clock = func(at time.Duration) time.Duration {
			if at > when {
				return by
			}
			return 0
		}
	}
	s.until = 25 * time.Minute
	set(s.c(), 720*bkS, 49*bkS)
	set(s.e(), 725*bkS, -32*bkS)
	q := s.phone(2)
	q.ex(bkEx{at: 15 * bkS, full: true})
	q.keep(130*bkS, 1490*bkS, 115*bkS)
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 1270*bkS, 115*bkS)
	p.ex(bkEx{at: last + 138*bkS, newreg: true})
	p.keep(last+253*bkS, 1490*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.LateAt == atEtoC || bkSays(ph, Likely, "later than usual") {
		bkFail(t, r, "the way from E to C took 4 ms, as ever")
	}
}

// Truth: E held the first keep-alive (in time) for 53 s; the phone sent another one 42 s
// later, which overtook it. The report says "late already before Expressway-E".
func TestBreakOvertakenInE(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 115*bkS, inE: 53 * bkS})
	p.ex(bkEx{at: last + 157*bkS, newreg: true})
	p.keep(last+272*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.LateAt == atPhone && ph.CauseConfidence != CannotTell {
		bkFail(t, r, "E had received the first one in time and kept it")
	}
}

// Truth: E–C held the first keep-alive for 43 s and the next one, sent 37 s later, for 6 s:
// both reach C at once, 158 s after the last success. Of the one that CUCM took for a new
// registration it is said, certain, "it came in time, -0.0 s after the success before it".
func TestBreakNegativeGap(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 115*bkS, dEC: 43 * bkS, ans: 14 * time.Millisecond})
	p.ex(bkEx{at: last + 152*bkS, dEC: 6*bkS + 5*time.Millisecond, ans: 5 * time.Millisecond, newreg: true})
	p.keep(last+272*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); bkSays(ph, Certain, "in time, -") {
		bkFail(t, r, "158 s after the last success, and in time is said")
	}
}

// Truth: an answer that came 40 s late; the phone had sent another REGISTER 35 s after the
// first, which CUCM, restarted meanwhile, took for a new registration. Said, certain:
// "it came in time, -5.0 s after the success before it".
func TestBreakNegativeGapLateAnswer(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 115*bkS, ans: 40 * bkS})
	p.ex(bkEx{at: last + 150*bkS, newreg: true})
	p.keep(last+265*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); bkSays(ph, Certain, "in time, -") {
		bkFail(t, r, "a negative time")
	}
}

// Truth: CUCM restarted at 14:06:40: its connection closed, C's new ones are refused (TCP
// Connection Failed, ERROR) until 14:08, and C answers the phone with 503 itself. The
// report says cause refused, "a refusal", and advises to read the Warning.
func TestBreakRestartCalledRefusal(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	s.c().tcp(400*bkS, s.c().ip, p.local, p.node, 5060, bkEOF)
	x := p.cseq
	p.ex(bkEx{at: last + 115*bkS, lost: "EC"})
	at, ms := last+115*bkS+21*time.Millisecond, time.Millisecond
	m := bkMsg{call: p.call, user: p.number, to: p.to, cseq: x + 1, expires: 3600, branch: "z9hG4bKx"}
	s.c().sip(at, false, 25013, s.e().ip, 7001, m)
	s.c().rec(at+ms, s.c().head(at+ms, "network.tcp", "ERROR")+`Src-ip="10.0.30.2" Src-port="25101" Dst-ip="10.0.20.11" Dst-port="5060" Detail="TCP Connection Failed"`+"\n")
	m.code, m.expires, m.head = 503, -1, []string{"Server: TANDBERG/4137 (X14.0.3)"}
	s.c().sip(at+2*ms, true, 25013, s.e().ip, 7001, m)
	s.e().sip(at+4*ms, false, 7001, s.c().ip, 25013, m)
	s.e().sip(at+5*ms, true, 5061, "198.51.100.7", p.src, m)
	p.local = 25102
	s.c().tcp(last+145*bkS, s.c().ip, p.local, p.node, 5060, bkOpen)
	p.ex(bkEx{at: last + 145*bkS, newreg: true})
	p.keep(last+260*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseRefused {
		bkFail(t, r, "CUCM's connections were refused, and a refusal of the phone is said")
	}
}

// Truth: CUCM challenged the keep-alive (the ordinary 401 to a request without credentials);
// the phone's answer came 25 s later (its network). The report: "its credentials were
// refused", likely, and advises to look at the user's login.
func TestBreakChallengeIsNoRefusalLater(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 115*bkS, code: 401})
	p.ex(bkEx{at: last + 140*bkS, auth: true, newreg: true})
	p.keep(last+280*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseAuth {
		bkFail(t, r, "no credentials were sent, and they are said to be refused")
	}
}

// Truth: the keep-alive was challenged in time; the same with credentials was on its way from
// E to C for 40 s and reached CUCM 155 s after the last success. Said, certain, of the
// REGISTER that was taken for a new registration: "it came in time, 115.0 s after".
func TestBreakInTimeByChallenge(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 115*bkS, code: 401})
	p.ex(bkEx{at: last + 115*bkS + 200*time.Millisecond, dEC: 40 * bkS, auth: true, newreg: true})
	p.keep(last+280*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); bkSays(ph, Certain, "came in time") {
		bkFail(t, r, "what was answered with newreg came 155 s after the success before")
	}
}

// Truth: the phone was 45 s late by itself; CUCM answered 423 to that late keep-alive, and a
// second later took another one for a new registration. Said is: cause refused.
func TestBreakLateThen423(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 160*bkS, code: 423})
	p.ex(bkEx{at: last + 161*bkS, newreg: true})
	p.keep(last+280*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseRefused {
		bkFail(t, r, "it was late by 45 s, and a refusal 45 s too late is the cause")
	}
}

// Truth: the connection closed (EOF, recorded) at 14:06:20 and CUCM dropped the phone; its next
// keep-alive, in time, is answered 500 once, the one 2 s later with newreg. Said is:
// cause refused.
func TestBreakEOFThen500(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	p.keep(120*bkS, 350*bkS, 115*bkS)
	s.c().tcp(380*bkS, s.c().ip, 25100, p.node, 5060, bkEOF)
	p.local = 25101
	p.ex(bkEx{at: 465 * bkS, code: 500})
	p.ex(bkEx{at: 467 * bkS, newreg: true})
	p.keep(582*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseRefused {
		bkFail(t, r, "the connection that carried it had closed before")
	}
}

// Truth: the phone's keep-alive came over another E, in time; C held it up for 45 s. The
// report says, certain, that C held it up, and the cause is "a change of the path".
func TestBreakMovedAndHeldInC(t *testing.T) {
	t.Parallel()
	s := bkNew()
	s.hosts = append(s.hosts, &bkHost{name: "expe02", role: "E", ip: "10.0.40.6"})
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.e = s.hosts[2]
	p.ex(bkEx{at: last + 115*bkS, inC: 45 * bkS, newreg: true})
	p.keep(last+280*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CausePath {
		bkFail(t, r, "C held it up, and the path is blamed")
	}
}

// Truth: the phone's unregister was lost between E and C; CUCM never saw it, and the phone is
// registered there until it expires. Said is: unregistered, certain, and healthy.
func TestBreakUnregisterLost(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 350*bkS, 115*bkS)
	p.ex(bkEx{at: 400 * bkS, unreg: true, lost: "EC"})
	s.until = 460 * bkS
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Verdict == PhoneUnregistered && ph.VerdictConfidence == Certain {
		bkFail(t, r, "CUCM never got the unregister")
	}
}

// Truth: the phone of its own accord sent a full REGISTER again (its network changed); CUCM
// had not dropped it. The report says "nothing in these logs explains why CUCM dropped it".
func TestBreakNobodyDroppedIt(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 360*bkS, 115*bkS)
	p.reboot(2)
	p.ex(bkEx{at: 400 * bkS, full: true})
	p.keep(515*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); bkSays(ph, "", "why CUCM dropped it") {
		bkFail(t, r, "CUCM did not drop it")
	}
}

// bkCost is what Analyze takes for a site.
func bkCost(t *testing.T, s *bkSite) (time.Duration, uint64) {
	t.Helper()
	src, o := s.sources()
	var m0, m1 runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m0)
	begin := time.Now()
	if _, err := Analyze(t.Context(), src, o); err != nil {
		t.Fatal(err)
	}
	took := time.Since(begin)
	runtime.ReadMemStats(&m1)
	return took, m1.TotalAlloc - m0.TotalAlloc
}

// bkAlone is a site of which only C logs.
func bkAlone() (*bkSite, *bkPhone) {
	s := bkNew()
	s.e().drop = func(time.Duration, string) bool { return true }
	p := s.phone(1)
	p.ex(bkEx{at: bkS, full: true})
	return s, p
}

// Memory and time must grow with the messages, not with their square: four times as many may
// take eight times as much here, and not more.
func TestBreakQuadratic(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name   string
		n      int
		memory bool
		write  func(n int) *bkSite
	}{
		// writeHops/timesOf keeps a lapse, with all its tries, of every failed REGISTER:
		// 16,000 refused REGISTERs of one phone took 4.3 GB, 2 GB of it live at once.
		{"refused", 1000, true, func(n int) *bkSite {
			s, p := bkAlone()
			for i := range n {
				p.ex(bkEx{at: 2*bkS + time.Duration(i)*60*ms, code: 403})
			}
			return s
		}},
		// shareOf names on each phone of a connection all others: 8,000 phones took 4 GB.
		{"shares", 800, true, func(n int) *bkSite {
			s, _ := bkAlone()
			for i := range n {
				s.phone(i).ex(bkEx{at: bkS + time.Duration(i)*ms, full: true})
			}
			s.c().tcp(60*bkS, s.c().ip, 25100, "10.0.20.11", 5060, bkEOF)
			for i := range n {
				p := s.phone(i)
				p.cseq, p.local = 101, 25101
				p.ex(bkEx{at: 116*bkS + time.Duration(i)*ms, newreg: true})
			}
			return s
		}},
		// hops/received looks at all later messages for each: one CSeq that loops.
		{"one CSeq", 600, false, func(n int) *bkSite {
			s, p := bkAlone()
			for i := range n {
				p.ex(bkEx{at: 2*bkS + time.Duration(i)*2*ms, sameCSeq: true})
			}
			return s
		}},
		// chainsOf sorts the chain anew for each Call-ID.
		{"Call-IDs", 3000, false, func(n int) *bkSite {
			s, p := bkAlone()
			for i := range n {
				p.call = bkCall(p.mac, i)
				p.ex(bkEx{at: 2*bkS + time.Duration(i)*80*ms, full: true})
			}
			return s
		}},
		// cadence looks back as far as it takes to find regular gaps.
		{"full", 5000, false, func(n int) *bkSite {
			s, p := bkAlone()
			for i := range n {
				p.ex(bkEx{at: 2*bkS + time.Duration(i)*50*ms, full: true})
			}
			return s
		}},
		// absorbed compares with all of the same hash within five seconds.
		{"one hash", 1500, false, func(n int) *bkSite {
			s, p := bkAlone()
			for range n {
				p.ex(bkEx{at: 2 * bkS})
			}
			for i := range s.c().recs {
				x := &s.c().recs[i].text
				*x = bkHashes.ReplaceAllString(*x, "Msg-Hash=${1}5")
			}
			return s
		}},
	} {
		if !c.memory && os.Getenv("BREAK_LONG") == "" {
			continue // these take half a minute
		}
		small, m := bkCost(t, c.write(c.n))
		big, m4 := bkCost(t, c.write(4*c.n))
		t.Logf("%s: %d take %v and %d MiB, %d take %v and %d MiB", c.name, c.n, small, m>>20, 4*c.n, big, m4>>20)
		if c.memory && m4 > 8*m || !c.memory && big > 8*small && big > 300*ms {
			t.Errorf("%s: %d take %v and %d MiB, four times as many %v and %d MiB", c.name, c.n, small, m>>20, big, m4>>20)
		}
	}
}

var bkHashes = regexp.MustCompile(`Msg-Hash=("?)[0-9]+`)

// Truth: a phone with one line, 7001, calls 9123; within that call it sends a NOTIFY (KPML: a
// digit was pressed) under its own Call-ID, To the other party. Later its connection drops
// and it comes back, with its one line. Said is partial, certain: "7001, 9123 were seen".
func TestBreakNumberOfOtherParty(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 240*bkS, 115*bkS)
	m := bkMsg{method: "NOTIFY", call: bkCall(p.mac, 99), from: p.number, user: "9123", to: p.to, cseq: 1001, expires: -1, branch: "z9hG4bKk", requestURI: "sip:10.0.20.11:5060;transport=tcp", head: []string{"Event: kpml"}}
	s.c().sip(300*bkS, false, 25013, s.e().ip, 7001, m)
	s.c().sip(300*bkS+time.Millisecond, true, p.local, p.node, 5060, m)
	s.c().tcp(340*bkS, s.c().ip, p.local, p.node, 5060, bkEOF)
	p.local = 25101
	p.ex(bkEx{at: 350 * bkS, newreg: true})
	p.keep(465*bkS, 1180*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Verdict == VerdictPartial && ph.VerdictConfidence == Certain {
		bkFail(t, r, "it has one line; 9123 is whom it called")
	}
}

// Truth: the same with the SUBSCRIBE (KPML) that CUCM sends within that call.
func TestBreakNumberOfOtherPartySubscribe(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 240*bkS, 115*bkS)
	m := bkMsg{method: "SUBSCRIBE", call: bkCall(p.mac, 99), from: "9123", user: p.number, to: p.to, cseq: 101, expires: 7200, branch: "z9hG4bKk", contact: "<sip:10.0.20.11:5060;transport=tcp>",
		requestURI: "sip:u" + p.mac + "@192.0.2.35:5061", head: []string{"Event: kpml"}}
	s.c().sip(300*bkS, false, p.local, p.node, 5060, m)
	s.c().sip(300*bkS+time.Millisecond, true, 25013, s.e().ip, 7001, m)
	p.ex(bkEx{at: 400 * bkS, newreg: true})
	p.keep(515*bkS, 1180*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Verdict == VerdictPartial && ph.VerdictConfidence == Certain {
		bkFail(t, r, "it has one line; 9123 is whom it called")
	}
}

// Truth: the phone was late by 54 s before E; CUCM's answer to that was 20 s on its way. The report
// says "held up between Expressway-C and CUCM", though E had received it 39 s too late.
func TestBreakSlowAnswerTakesBlame(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 169*bkS, ans: 20 * bkS, newreg: true})
	p.keep(last+310*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.LateAt == atCtoU {
		bkFail(t, r, "it was 54 s late when E got it")
	}
}

// Truth: the phone came back by keep-alive, and keeps its secondary CUCM alive (Expires: 0, cisco-keep-alive). C and E log at INFO
// for three minutes, so that of these secondary keep-alives the bodies are not logged.
// The report says, certain, "it holds 2 registrations at a time".
func TestBreakSecondaryPartlyAtInfo(t *testing.T) {
	t.Parallel()
	s := bkNew()
	for _, h := range s.hosts {
		h.info = func(at time.Duration) bool { return at > 300*bkS && at < 500*bkS }
	}
	p := s.phone(1)
	q := *p
	q.to, q.node, q.call = "cucm02.example.com", "10.0.20.12", bkCall(p.mac, 9)
	p.ex(bkEx{at: 5 * bkS, full: true})
	zero := 0
	for at := 120 * bkS; at < 1190*bkS; at += 115 * bkS {
		p.ex(bkEx{at: at, newreg: at == 695*bkS})
		q.ex(bkEx{at: at + 20*time.Millisecond, unreg: true, expiresHeader: &zero, contactX: ";expires=0;cisco-keep-alive"})
	}
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); bkSays(ph, Certain, "holds 2 registrations") {
		bkFail(t, r, "one of them is the secondary's keep-alive")
	}
}

// Truth: the phone was 40 s late by itself, and its clock was set back by 38 s (NTP) meanwhile. That
// is its last REGISTER in the logs. Said, likely: "the phone had sent it in time, by its Date".
func TestBreakDateSetBack(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.dateShift = -38 * bkS
	p.ex(bkEx{at: last + 155*bkS, newreg: true})
	s.until = last + 160*bkS
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); bkSays(ph, Likely, "had sent it in time") {
		bkFail(t, r, "the phone sent it 40 s late, its Date header jumped")
	}
}

// Truth: C held the first keep-alive (in time) for 53 s; the next one, sent 42 s later, overtook it
// in C. Said is "late already before Expressway-E", and Timer Register Delta is advised.
func TestBreakOvertakenInC(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 115*bkS, inC: 53 * bkS})
	p.ex(bkEx{at: last + 157*bkS, newreg: true})
	p.keep(last+272*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.LateAt == atPhone && ph.CauseConfidence != CannotTell || strings.Contains(ph.Advice, "Timer Register Delta") {
		bkFail(t, r, "C had received the first one in time and kept it")
	}
}

// Truth: the logs end 60 s after a silent drop: three phones of the connection came back by
// keep-alive over a new one; the fourth has not sent anything since. It is registered,
// certain, though all others of its connection were dropped.
func TestBreakFourthOfConnection(t *testing.T) {
	t.Parallel()
	s := bkNew()
	for i := range 4 {
		p := s.phone(i)
		at := time.Duration(5+10*i) * bkS
		p.ex(bkEx{at: at, full: true})
		p.keep(at+115*bkS, 900*bkS, 115*bkS)
	}
	for i := range 3 {
		p := s.phone(i)
		p.cseq, p.local = 200, 25101
		at := time.Duration(5+10*i)*bkS + 8*115*bkS
		if i == 0 {
			p.local = 25100
			p.ex(bkEx{at: at, lost: "CU", own: 408})
			p.local = 25101
			p.ex(bkEx{at: at + 33*bkS, newreg: true})
			continue
		}
		p.ex(bkEx{at: at, newreg: true})
	}
	s.until = 959 * bkS
	s.cut = true
	r := s.report(t)
	if ph := bkFind(t, r, s.phone(3).dev); ph.Verdict == PhoneRegistered && ph.VerdictConfidence == Certain {
		bkFail(t, r, "its connection is gone like that of the others")
	}
}

// Truth: the phone crashed 30 s after its registration and came up again 10 s later with the same
// Call-ID and CSeq (another Via branch, after a final answer: no retransmission); then it
// kept alive in time. The two REGISTERs are taken for one; said, certain, is "came late".
func TestBreakCallIDAndCSeqReused(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.cseq = 100
	p.ex(bkEx{at: 45 * bkS, full: true})
	p.keep(160*bkS, 1180*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); bkSays(ph, Certain, "came late") || ph.LateByS != nil {
		bkFail(t, r, "it was never late")
	}
}

// Truth: the same, but the second REGISTER, with the CSeq of the full one 55 s before, is a keep-alive that
// CUCM took for a new registration: the phone (two lines) is partial. Said is healthy.
func TestBreakCSeqReusedHidesPartial(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	p.cseq = 100
	p.ex(bkEx{at: 60 * bkS, newreg: true})
	p.keep(175*bkS, 1180*bkS, 115*bkS)
	r := s.report(t)
	if r.Verdict == VerdictHealthy {
		bkFail(t, r, "it came back with one line of two")
	}
}

// Truth: the phone sent a keep-alive 5 s after its full REGISTER (its network changed), and was
// late by 25 s with the next one. Its cadence is not 5 s; said, certain, is "135.0 s beyond
// the phone's own cadence of 5.0 s", and late_by_s is 135.
func TestBreakCadenceOfFiveSeconds(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	p.ex(bkEx{at: 10 * bkS})
	p.ex(bkEx{at: 150 * bkS, newreg: true})
	p.keep(265*bkS, 1180*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.LateByS != nil && *ph.LateByS > 30 {
		bkFail(t, r, "late by 25 s, and %v s is said", *ph.LateByS)
	}
}

// Truth: a firewall dropped the connection at 14:07 in silence. Another phone's keep-alive over it got
// no answer, and C opened a new one. The phone's keep-alive, held up by 8 s between E and C
// (3 s beyond Expires, 12 s within the grace), went over the new one. Said is: cause late.
func TestBreakSilentKnownFromOthers(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p, q := s.phone(1), s.phone(2)
	p.ex(bkEx{at: 20 * bkS, full: true})
	p.notify(21*bkS, "7055")
	q.ex(bkEx{at: 5 * bkS, full: true})
	q.keep(120*bkS, 350*bkS, 115*bkS)
	p.keep(135*bkS, 365*bkS, 115*bkS)
	q.ex(bkEx{at: 465 * bkS, lost: "CU", own: 408})
	p.local, q.local = 25101, 25101
	p.ex(bkEx{at: 480 * bkS, dEC: 8 * bkS, newreg: true})
	q.ex(bkEx{at: 500 * bkS, newreg: true})
	p.keep(600*bkS, 1180*bkS, 115*bkS)
	q.keep(615*bkS, 1180*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseLate {
		bkFail(t, r, "its connection had gone silent, as the other phone shows")
	}
}

// Truth: a healthy phone; of these logs it is not known whether they are whole, and one keep-alive is
// not in them. Said, certain, is "its REGISTER came late".
func TestBreakLateOfUnknownLogs(t *testing.T) {
	t.Parallel()
	s := bkNew()
	for _, h := range s.hosts {
		h.unknown = true
		h.drop = func(at time.Duration, _ string) bool { return at > 560*bkS && at < 600*bkS }
	}
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); bkSays(ph, Certain, "came late") || ph.LateByS != nil {
		bkFail(t, r, "it was in time, and late is said of a keep-alive that stands after a gap in the logs")
	}
}

// Truth: the phone was reset: it unregistered, and since then its full REGISTERs get no answer from CUCM
// for twelve minutes. The phone is out of service and tries. Said is: unregistered, certain,
// "has not registered again", healthy, and "nothing needs mending".
func TestBreakUnregisteredAndTrying(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 240*bkS, 115*bkS)
	p.ex(bkEx{at: 300 * bkS, unreg: true})
	p.reboot(2)
	for at := 330 * bkS; at < 1100*bkS; at += 60 * bkS {
		p.ex(bkEx{at: at, full: true, lost: "CU"})
	}
	s.c().event(1190*bkS, `tvcs: Event="System Start"`)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); r.Verdict == VerdictHealthy || strings.Contains(ph.Advice, "Nothing needs mending") {
		bkFail(t, r, "it has tried to register in vain since 14:05:30")
	}
}

// Truth: from 14:05 on the phone's keep-alives got no answer; only at 14:12 CUCM answered, with 403.
// Said, certain, is "is refused since 14:05".
func TestBreakRefusedSince(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 240*bkS, 115*bkS)
	for at := 350 * bkS; at < 720*bkS; at += 60 * bkS {
		p.ex(bkEx{at: at, lost: "CU"})
	}
	p.ex(bkEx{at: 740 * bkS, code: 403})
	p.ex(bkEx{at: 800 * bkS, code: 403})
	s.until = 830 * bkS
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); bkSays(ph, Certain, "refused since 14:05") {
		bkFail(t, r, "it is refused since 14:12:20")
	}
}

// Truth: CUCM challenged a keep-alive (401, ordinarily), and the phone went off the network before
// it could answer. Said is: refused, certain; "its credentials are not accepted", and advice
// to look at the user's login.
func TestBreakChallengedAndGone(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p, q := s.phone(1), s.phone(2)
	q.ex(bkEx{at: 9 * bkS, full: true})
	q.keep(124*bkS, 1190*bkS, 115*bkS)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.keep(120*bkS, 350*bkS, 115*bkS)
	p.ex(bkEx{at: 465 * bkS, code: 401})
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Verdict == PhoneRefused && ph.VerdictConfidence == Certain || ph.Cause == CauseAuth {
		bkFail(t, r, "no credentials were sent, none were refused")
	}
}

// Truth: the phone changed its address: one REGISTER removes the old Contact (expires=0) and adds the
// new one (expires=3600); there is no Expires header. It is registered. Said is: unregistered.
func TestBreakTwoContacts(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	last := p.keep(120*bkS, 960*bkS, 115*bkS)
	none := -1
	p.ex(bkEx{at: last + 60*bkS, expiresHeader: &none, contactX: `;expires=0,<sip:new@192.0.2.36:5061;transport=tls>;expires=3600`})
	s.until = last + 90*bkS
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Verdict == PhoneUnregistered {
		bkFail(t, r, "it is registered")
	}
}

// Truth: the unregister of a reset was refused with 403 and did nothing; ten minutes later CUCM dropped
// the phone, which was late by 40 s. Said, certain: cause reset_or_login.
func TestBreakRefusedUnregister(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	last := p.keep(120*bkS, 360*bkS, 115*bkS)
	p.ex(bkEx{at: last + 20*bkS, unreg: true, code: 403})
	p.ex(bkEx{at: last + 155*bkS, newreg: true})
	p.keep(last+270*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseResetOrLogin && ph.CauseConfidence == Certain {
		bkFail(t, r, "the unregister was refused")
	}
}

// Truth: the connection from C to CUCM closed (EOF, recorded) at 14:07:10 and took the phone with it; its
// next keep-alive went through E and C in time, without delay. Meanwhile some connection on the
// traversal port was closed as idle. Said is: traversal_down, likely.
func TestBreakTraversalBeforeTCP(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 15 * bkS, full: true})
	p.notify(16*bkS, "7055")
	p.keep(130*bkS, 360*bkS, 115*bkS)
	s.c().tcp(425*bkS, s.c().ip, 25999, s.e().ip, 7001, bkIdle)
	s.c().tcp(430*bkS, s.c().ip, p.local, p.node, 5060, bkEOF)
	p.local = 25101
	s.c().tcp(475*bkS, s.c().ip, p.local, p.node, 5060, bkOpen)
	p.ex(bkEx{at: 475 * bkS, newreg: true})
	p.keep(590*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseTraversal {
		bkFail(t, r, "its REGISTER passed from E to C as ever, and the connection to CUCM had closed")
	}
}

// Truth: the same, and instead of the idle close the phone's keep-alive came over another E, in time.
// Said is: path_changed, likely, though the connection that carried it closed before.
func TestBreakPathBeforeTCP(t *testing.T) {
	t.Parallel()
	s := bkNew()
	s.hosts = append(s.hosts, &bkHost{name: "expe02", role: "E", ip: "10.0.40.6"})
	p := s.phone(1)
	p.ex(bkEx{at: 15 * bkS, full: true})
	p.notify(16*bkS, "7055")
	p.keep(130*bkS, 360*bkS, 115*bkS)
	s.c().tcp(430*bkS, s.c().ip, p.local, p.node, 5060, bkEOF)
	p.local, p.e = 25101, s.hosts[2]
	s.c().tcp(475*bkS, s.c().ip, p.local, p.node, 5060, bkOpen)
	p.ex(bkEx{at: 475 * bkS, newreg: true})
	p.keep(590*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CausePath {
		bkFail(t, r, "it came in time, and the connection that had carried it to CUCM had closed")
	}
}

// Truth: the phone sent its keep-alive 40 s late by itself. E's Event Log tells of another zone, that of a
// partner, which failed. Said is: "the traversal zone failed".
func TestBreakOtherZoneFailed(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 15 * bkS, full: true})
	p.notify(16*bkS, "7055")
	p.keep(130*bkS, 360*bkS, 115*bkS)
	s.e().event(430*bkS, `tvcs: Event="External Server Communications Failure" Reason="no response" Service="NeighbourGatekeeper" Detail="name:PartnerZone"`)
	p.ex(bkEx{at: 515 * bkS, newreg: true})
	p.keep(630*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause == CauseTraversal {
		bkFail(t, r, "that was another zone, and E itself received the REGISTER late")
	}
}

// Truth: CUCM dropped the phone at 14:06:00 with its connection (EOF, no other sign). Its next keep-alive is in
// time; CUCM sent 100 at once and its 200 with newreg 20 s later. Said is nothing worse than the
// connection; what must not be said is that it is late or that C or the phone held it up.
func TestBreakEOFAndSlow200(t *testing.T) {
	t.Parallel()
	s := bkNew()
	p := s.phone(1)
	p.ex(bkEx{at: 15 * bkS, full: true})
	p.notify(16*bkS, "7055")
	p.keep(130*bkS, 360*bkS, 115*bkS)
	s.c().tcp(430*bkS, s.c().ip, p.local, p.node, 5060, bkEOF)
	p.local = 25101
	p.ex(bkEx{at: 475 * bkS, trying: true, ans: 20 * bkS, newreg: true})
	p.keep(630*bkS, 1190*bkS, 115*bkS)
	r := s.report(t)
	if ph := bkFind(t, r, p.dev); ph.Cause != CauseTCP || ph.LateByS != nil {
		bkFail(t, r, "cause %s", ph.Cause)
	}
}

// Truth: an alert names nobody; the phone came back with one line of two, then C answered 503 once at the
// very end. A note says "No partial MRA phone was seen here, though there was an alert".
func TestBreakAlertNoteWhenRefused(t *testing.T) {
	t.Parallel()
	s := bkNew()
	s.alerts = []evidence.Alert{{ID: "1", Name: "PartiallyRegisteredPhone", Time: bkZero.Add(400 * bkS), Devices: []string{}}}
	p := s.phone(1)
	p.ex(bkEx{at: 5 * bkS, full: true})
	p.notify(6*bkS, "7055")
	p.keep(120*bkS, 240*bkS, 115*bkS)
	p.ex(bkEx{at: 390 * bkS, newreg: true})
	last := p.keep(505*bkS, 1080*bkS, 115*bkS)
	p.ex(bkEx{at: last + 115*bkS, lost: "CU", own: 503})
	s.until = last + 150*bkS
	r := s.report(t)
	for _, n := range r.Notes {
		if strings.Contains(n, "No partial MRA phone was seen here") {
			bkFail(t, r, "it went partial at 14:06:30, which the report knows: %s", n)
		}
	}
}
