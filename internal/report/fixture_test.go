package report

import (
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // the site's zone, on machines without a database

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration"
)

var (
	start  = time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC)
	window = evidence.NewWindow(start, start.Add(20*time.Minute))
	alert  = start.Add(15 * time.Minute)
)

// A world makes reports by hand, with the records that their proofs point to.
type world struct {
	r      *registration.Report
	texts  map[string][]byte // host, file, offset
	offset int64
	seq    int
	info   bool   // no bodies
	ticks  int    // keep-alives before something happens
	evil   string // hostile text for every field that comes from a log
}

func newWorld() *world {
	w := &world{texts: map[string][]byte{}, ticks: 6}
	count := 3
	w.r = &registration.Report{Records: 48211, BodiesLogged: "yes", Verdict: registration.VerdictHealthy, TimeZone: "America/New_York",
		Summary: "All phones kept their registration.", Notes: []string{}, Window: &window, Connections: []registration.Connection{},
		Alerts: []evidence.Alert{{ID: "a1", Name: "PartiallyRegisteredPhone", Node: "cucm01.example.com", Count: &count, Devices: []string{}, Time: alert, TimeFrom: "sentence"}}}
	for _, h := range []struct{ host, role string }{{"expc01", "C"}, {"expe01", "E"}} {
		first, last := start.Add(-2*time.Second), start.Add(20*time.Minute+time.Second)
		w.r.Files = append(w.r.Files, registration.File{Host: h.host, Role: h.role, Family: "network_log", File: "hosts/" + h.host + "/network_log.txt",
			Records: 24105, First: &first, Last: &last, Coverage: "complete"})
	}
	return w
}

// text gives the records that the world wrote.
func (w *world) text(p registration.Proof) ([]byte, error) {
	if b, ok := w.texts[fmt.Sprint(p.Host, p.File, p.Offset)]; ok {
		return b, nil
	}
	return nil, errors.New("no such record")
}

func (w *world) proof(host string, t time.Time, text, what string) registration.Proof {
	p := registration.Proof{Host: host, File: "hosts/" + host + "/network_log.txt", Offset: w.offset, Length: int64(len(text)), Time: t, What: what}
	w.texts[fmt.Sprint(p.Host, p.File, p.Offset)] = []byte(text)
	w.offset += int64(len(text)) + 977
	return p
}

// message is one message's INFO record and, if bodies are logged, its DEBUG record.
func (w *world) message(host string, t time.Time, sent bool, what string, p *registration.Phone, cseq uint32, full bool) []registration.Proof {
	action, verb := "Received", "Receive Request Method="
	if sent {
		action, verb = "Sent", "Sending Request Method="
	}
	first := "REGISTER sip:cucm01.example.com SIP/2.0"
	if status(what) > 0 {
		verb, first = strings.Replace(verb, "Request Method=", "Response Code=", 1), "SIP/2.0 "+what
	}
	w.seq++
	head := fmt.Sprintf("%s %s tvcs: UTCTime=%q Module=\"network.sip\" ", t.Add(time.Millisecond).In(time.FixedZone("", -5*3600)).Format("2006-01-02T15:04:05.000-07:00"), host, t.Format("2006-01-02 15:04:05,000"))
	id := p.CallIDs[0]
	info := head + fmt.Sprintf("Level=\"INFO\":  Action=%q Local-ip=\"10.0.30.2\" Local-port=\"5061\" Src-ip=\"10.0.40.9\" Src-port=\"25013\" Detail=\"%s%s, CSeq=%d, To=sip:%s@cucm01.example.com, Call-ID=%s, From-Tag=00ebd5d5d8c6035e, To-Tag=, Msg-Hash=%d\"\n",
		action, verb, strings.Fields(what)[0], cseq, p.Numbers[0], id, 17912736280473840983-uint64(w.seq))
	out := []registration.Proof{w.proof(host, t, info, "")}
	if w.info {
		return out
	}
	lines := []string{first, "Via: SIP/2.0/TLS 10.0.40.5:7001;egress-zone=MRAZone;branch=z9hG4bK" + fmt.Sprint(w.seq) + w.evil, "Call-ID: " + id, fmt.Sprintf("CSeq: %d REGISTER", cseq),
		fmt.Sprintf("Contact: <sip:%s@198.51.100.7:47177;transport=tls>;+u.sip!devicename.ccm.cisco.com=\"%s\";+u.sip!model.ccm.cisco.com=\"684\"", p.Numbers[0], p.Device),
		"From: <sip:" + p.Numbers[0] + "@cucm01.example.com>;tag=00ebd5d5d8c6035e", "To: <sip:" + p.Numbers[0] + "@cucm01.example.com>"}
	if status(what) == 0 {
		lines = append(lines, `Authorization: Digest username="`+p.Device+`",realm="ccmsipline",response="d41d8cd98f00b204SECRET",nonce="abc",`, `  opaque="SECRETFOLDED"`, "Expires: 3600", "User-Agent: Cisco-CP8845/12.8.1")
	} else {
		lines = append(lines, "Expires: 120", "Server: Cisco-CUCM14.0")
	}
	if full && status(what) == 0 {
		lines = append(lines, "Content-Type: multipart/mixed;boundary=uniqueBoundary", "Content-Length: 480", "", "--uniqueBoundary", "Content-Type: application/x-cisco-remotecc-request+xml", "", `<x-cisco-remotecc-request><bulkregisterreq><contact all="true"><register></register></contact></bulkregisterreq></x-cisco-remotecc-request>`, "--uniqueBoundary--")
	} else {
		lines = append(lines, "Content-Length: 0", "")
	}
	body := head + fmt.Sprintf("Level=\"DEBUG\":  Action=%q Msg-Hash=\"%d\"\n SIPMSG:\n |%s\n |\n\n", action, 17912736280473840983-uint64(w.seq), strings.Join(lines, "\n "))
	return append(out, w.proof(host, t, body, ""))
}

func ms(n float64) *float64 { return &n }

// register is one REGISTER over both peers with its answer, as CUCM has it after
// delay.
func (w *world) register(p *registration.Phone, t time.Time, kind string, cseq uint32, answer string, gap float64) *registration.Transaction {
	x := registration.Transaction{CallID: p.CallIDs[0], CUCM: "cucm01.example.com", CSeq: cseq, Kind: kind, At: t, Attempts: 1, Code: status(answer), Answer: answer,
		C: "expc01", E: "expe01"}
	if gap > 0 {
		due := t.Add(time.Duration((115 - gap) * float64(time.Second)))
		x.GapS, x.Due = ms(gap), &due
	}
	full := kind == registration.KindFull
	hop := func(after int, from, to, host, what string, sent bool, delay float64) {
		at := t.Add(time.Duration(after) * time.Millisecond)
		h := registration.Hop{Time: at, From: from, To: to, What: what, Proofs: w.message(host, at, sent, what, p, cseq, full)}
		if delay > 0 {
			h.DelayMS = ms(delay)
		}
		x.Hops = append(x.Hops, h)
	}
	hop(0, registration.AtPhone, "expe01", "expe01", "REGISTER", false, 0)
	hop(3, "expe01", "expc01", "expe01", "REGISTER", true, 3)
	hop(6, "expc01", registration.AtCUCM, "expc01", "REGISTER", true, 3)
	if x.Code > 0 {
		x.Expires = 120
		if x.Code >= 300 {
			x.Expires = 0
		}
		hop(14, registration.AtCUCM, "expc01", "expc01", "100 Trying", false, 8)
		hop(17, registration.AtCUCM, "expc01", "expc01", answer, false, 11)
		hop(19, "expc01", "expe01", "expc01", answer, true, 2)
		hop(22, "expe01", registration.AtPhone, "expe01", answer, true, 3)
	}
	p.Transactions = append(p.Transactions, x)
	return &p.Transactions[len(p.Transactions)-1]
}

func (w *world) phone(n int) *registration.Phone {
	mac := fmt.Sprintf("00EBD5D5%04X", 0xD8C6+n)
	p := registration.Phone{Device: "SEP" + mac, MAC: mac, Numbers: []string{fmt.Sprint(7022 + n), fmt.Sprint(8022 + n)}, Model: "Cisco IP Phone 8845", User: fmt.Sprintf("user%03d", n),
		Software: "sip8845_65.14-2-1", CallIDs: []string{strings.ToLower(mac[:8]) + "-" + strings.ToLower(mac[8:]) + fmt.Sprintf("%04x-3d372b84-5f6b0fd9@192.0.2.%d", n, n%250+1)},
		Verdict: registration.PhoneRegistered, Confidence: registration.Certain, Summary: "kept its registration: every keep-alive was on time.", Proofs: []registration.Proof{}}
	if w.evil != "" {
		p.Device, p.User, p.Model = w.evil+fmt.Sprint(n), w.evil, w.evil
		p.Numbers = []string{"=HYPERLINK(\"http://evil.example\")", w.evil}
		p.CallIDs = []string{w.evil + "@" + fmt.Sprint(n)}
	}
	w.r.Phones = append(w.r.Phones, p)
	return &w.r.Phones[len(w.r.Phones)-1]
}

// healthy keeps its registration all the time.
func (w *world) healthy(n int) *registration.Phone {
	p := w.phone(n)
	first := start.Add(time.Duration(n*7919%115000) * time.Millisecond)
	for i := range w.ticks + 4 {
		gap := 115.02
		if i == 0 {
			gap = 0
		}
		w.register(p, first.Add(time.Duration(i)*115020*time.Millisecond), registration.KindKeepAlive, uint32(1170+2*i), "200 OK", gap)
	}
	return p
}

// late goes partial by a late keep-alive.
func (w *world) late(n int) *registration.Phone {
	p := w.phone(n)
	first := start.Add(time.Duration(20+n) * time.Second)
	w.register(p, first, registration.KindFull, 1168, "200 OK", 0).NewReg = true
	for i := 1; i <= w.ticks; i++ {
		w.register(p, first.Add(time.Duration(i)*115*time.Second), registration.KindKeepAlive, uint32(1168+2*i), "200 OK", 115)
	}
	lost := first.Add(time.Duration(w.ticks)*115*time.Second + 135*time.Second)
	at := first.Add(time.Duration(w.ticks)*115*time.Second + 142400*time.Millisecond)
	t := w.register(p, at, registration.KindKeepAlive, 1184, "200 OK", 142.4)
	t.NewReg, t.LateByS = true, ms(27.4)
	proofs := []registration.Proof{w.proofOf(p, 2, "keep-alive sent on to CUCM, 27.4 s late"), w.proofOf(p, 4, "answered as a new registration")}
	for i := 1; i < 3; i++ {
		w.register(p, at.Add(time.Duration(i)*115*time.Second), registration.KindKeepAlive, uint32(1184+2*i), "200 OK", 115)
	}
	p.Verdict, p.Cause, p.Confidence = registration.VerdictPartial, registration.CauseLate, registration.Likely
	p.At, p.LostAt, p.LateByS, p.BeyondExpiresS, p.BeyondGraceS, p.LateAt = &at, &lost, ms(27.4), ms(22.4), ms(7.4), "before E"
	p.VerdictConfidence, p.CauseConfidence = registration.Certain, registration.Likely
	p.Summary = p.Device + " is partially registered since " + utcOf(at) + " UTC, because its keep-alive came 27.4 s late."
	p.Statements = []registration.Statement{{Text: "It came back at " + utcOf(at) + " UTC with one line: its keep-alive (CSeq 1184) was answered as a new registration by cucm01.example.com.", Confidence: registration.Certain},
		{Text: "It has more lines than one: CUCM answered a bulk register of it with 2 lines.", Confidence: registration.Certain},
		{Text: "The phone itself sent the keep-alive 27.4 s after it was due: Expressway-E received it late.", Confidence: registration.Likely}}
	p.Advice = "First collect the phone's problem report (PRT) and CUCM's traces of that time: a reset destroys them. Raise the Timer Register Delta to 20 in a copy of the SIP profile for MRA phones. Then reset the phone, so that all its lines register again."
	p.Proofs = proofs
	return p
}

// dropped goes partial because its TCP connection ended at t.
func (w *world) dropped(n int, closed time.Time) *registration.Phone {
	p := w.phone(n)
	at := closed.Add(time.Duration(3000+n*7919%100000) * time.Millisecond)
	first := at.Add(-5 * 115 * time.Second)
	w.register(p, first, registration.KindFull, 300, "200 OK", 0).NewReg = true
	for i := 1; i < 5; i++ {
		w.register(p, first.Add(time.Duration(i)*115*time.Second), registration.KindKeepAlive, uint32(300+2*i), "200 OK", 115)
	}
	w.register(p, at, registration.KindKeepAlive, 310, "200 OK", 115).NewReg = true
	p.Verdict, p.Cause, p.Confidence, p.At, p.LostAt = registration.VerdictPartial, registration.CauseTCP, registration.Likely, &at, &closed
	p.Confidence, p.VerdictConfidence, p.CauseConfidence = registration.Likely, registration.Certain, registration.Likely
	p.Summary = p.Device + " is partially registered since " + utcOf(at) + " UTC, because the TCP connection that carried it dropped."
	p.Statements = []registration.Statement{{Text: "It came back at " + utcOf(at) + " UTC with one line.", Confidence: registration.Certain},
		{Text: "The TCP connection 10.0.30.2:25013 to cucm01.example.com, which carried it, dropped at " + utcOf(closed) + " UTC: six keep-alives were sent over it in time and had no answer.", Confidence: registration.Likely}}
	p.Advice = "First collect CUCM's traces of that time. Look at firewalls between Expressway-C and CUCM, and at CUCM's events at that time. Then reset the phones."
	p.Proofs = []registration.Proof{w.proofOf(p, 4, "answered as a new registration")}
	return p
}

func (w *world) refused(n int) *registration.Phone {
	p := w.phone(n)
	for i := range 6 {
		w.register(p, start.Add(time.Duration(30+i*180)*time.Second), registration.KindFull, uint32(100+i), "403 Forbidden", 0)
	}
	p.Verdict, p.Cause, p.Confidence = registration.PhoneRefused, registration.CauseRefused, registration.Certain
	p.Summary = p.Device + " is refused by CUCM since 14:00:30 UTC (403 Forbidden)."
	p.Statements = []registration.Statement{{Text: p.Summary, Confidence: registration.Certain}}
	return p
}

func (w *world) connection(local string, closed time.Time, how string) *registration.Connection {
	opened := closed.Add(-40 * time.Minute)
	c := registration.Connection{C: "expc01", CUCM: "cucm01.example.com", Local: local, Opened: &opened, Closed: &closed, How: how, Devices: []string{}, Proofs: []registration.Proof{
		w.proof("expc01", closed, "2026-03-02T09:10:00.001-05:00 expc01 tvcs: UTCTime=\"2026-03-02 14:10:00,000\" Module=\"network.tcp\" Level=\"DEBUG\":  Src-ip=\"10.0.30.2\" Detail=\"TCP Connection Closed\" Reason=\"Got EOF on socket\"\n", "closed")}}
	w.r.Connections = append(w.r.Connections, c)
	return &w.r.Connections[len(w.r.Connections)-1]
}

// The reports of the tests.

func onePhone() *world { return onePhoneAfter(6) }

func onePhoneAfter(ticks int) *world {
	w := newWorld()
	w.ticks = ticks
	w.late(0)
	w.r.Phones[0].Named = true
	w.r.Verdict, w.r.Summary = registration.VerdictPartial, "SEP00EBD5D5D8C6 is partially registered since "+utcOf(*w.r.Phones[0].At)+" UTC, because its keep-alive came 27.4 s late (likely)"
	return w.grouped()
}

func fourPhones() *world {
	w := newWorld()
	w.late(0)
	w.refused(1)
	back := w.late(2)
	back.Verdict, back.Summary, back.Numbers = registration.PhoneCameBack, back.Device+" came back by keep-alive at "+utcOf(*back.At)+" UTC; it is partial if it has more lines than one.", []string{"7024"}
	back.Statements = append([]registration.Statement{{Text: back.Summary, Confidence: registration.CannotTell}}, back.Statements[2:]...)
	back.Advice = "Look in CUCM how many lines it has."
	w.healthy(3)
	t := &w.r.Phones[3].Transactions[4]
	t.Attempts, t.Challenge = 2, "digest"
	w.r.Verdict, w.r.Summary = registration.VerdictPartial, "One phone is partially registered, one came back by keep-alive, one is refused; one is well."
	w.r.Notes = []string{"The logs name expe02, which is not among these hosts: what moved there is not seen.", "The clocks of expc01 and expe01 differ by 0.4 s."}
	w.r.Files[1].Coverage, w.r.Unread = "partial", 2
	return w.grouped()
}

func dropped(affected, all int) *world {
	w := newWorld()
	closed := start.Add(10 * time.Minute)
	for i := range affected {
		w.dropped(i, closed)
	}
	for i := affected; i < all; i++ {
		w.healthy(i)
	}
	c := w.connection("10.0.30.2:25013", closed, "Got EOF on socket")
	for i := range affected {
		c.Devices = append(c.Devices, w.r.Phones[i].Device)
		w.r.Phones[i].Shares = []string{w.r.Phones[(i+1)%affected].Device}
	}
	w.grouped()
	w.r.Verdict, w.r.Summary = registration.VerdictPartial, fmt.Sprintf("%d phones went partial between %s and %s UTC after the connection expc01 -> cucm01 dropped at %s UTC (likely)",
		affected, utcOf(*w.r.Groups[0].First), utcOf(*w.r.Groups[0].Last), utcOf(closed))
	return w
}

func infoOnly(phones int) *world {
	w := newWorld()
	w.info = true
	for i := range phones {
		p := w.healthy(i)
		p.Device, p.Model, p.User, p.Software = "", "", "", ""
		p.Verdict, p.Confidence, p.Summary = registration.VerdictUnknown, registration.CannotTell, "sent every REGISTER on time; bodies were not logged, so it cannot be said what they registered."
		p.Numbers = p.Numbers[:1]
		for j := range p.Transactions {
			p.Transactions[j].Kind, p.Transactions[j].Expires = registration.KindRegister, 0
		}
	}
	w.r.Verdict, w.r.BodiesLogged = registration.VerdictUnknown, "no"
	w.r.Summary = "It cannot be said whether a phone is partially registered: SIP bodies were not logged."
	w.r.Notes = []string{"To have bodies logged, set network.sip and network.tcp to DEBUG under Maintenance > Diagnostics > Advanced > Support Log configuration."}
	return w
}

func healthySite(phones int) *world {
	w := newWorld()
	for i := range phones {
		w.healthy(i)
	}
	w.r.Alerts, w.r.TimeZone = nil, ""
	return w
}

func nothingFound() *world {
	w := newWorld()
	w.r.Verdict, w.r.Summary, w.r.Phones = registration.VerdictUnknown, "No partial MRA phone was seen here; the counter also counts on-premises phones.", []registration.Phone{}
	w.r.BodiesLogged = "unknown"
	return w
}

const evil = `"><script>document.title='pwned'</script><img src=x onerror="document.title='pwned'">'--></style></title>{{.}}` + "\x00\u202e=1+1"

func hostileWorld() *world {
	w := newWorld()
	w.ticks = 1
	w.evil = evil
	p := w.late(0)
	p.Software, p.Summary, p.Advice, p.LateAt, p.Shares = evil, evil, evil, evil, []string{evil}
	p.Verdict, p.Cause = "partial", evil
	p.Proofs[0].What, p.Proofs[0].File, p.Proofs[0].Host = evil, evil, evil
	t := &p.Transactions[3]
	t.CUCM, t.Answer, t.Kind, t.Challenge, t.Attempts, t.Hops[0].What, t.Hops[0].From = evil, evil, evil, evil, 2, evil, evil
	q := w.healthy(1)
	q.Verdict = evil
	c := w.connection(evil, alert, evil)
	c.C, c.CUCM, c.Devices = evil, evil, []string{evil, p.Device}
	p.Statements, p.Confidence = []registration.Statement{{Text: evil, Confidence: evil}, {Text: evil + "2", Confidence: registration.Likely}}, evil
	w.r.Groups = []registration.Group{{Verdict: evil, Cause: evil, Confidence: evil, C: evil, CUCM: evil, At: p.At, Devices: []string{p.Device, evil + "x"}, Summary: evil, Advice: evil, Proofs: p.Proofs}}
	w.r.Summary, w.r.Notes, w.r.BodiesLogged = evil, []string{evil}, evil
	w.r.Files[0].Host, w.r.Files[0].File, w.r.Files[0].Coverage = evil, evil, evil
	w.r.Alerts[0].Name, w.r.Alerts[0].Node = evil, evil
	return w
}

// proofOf is the body's record of one hop of the last transaction, with what it shows.
func (w *world) proofOf(p *registration.Phone, hop int, what string) registration.Proof {
	all := p.Transactions[len(p.Transactions)-1].Hops[hop].Proofs
	pr := all[len(all)-1]
	pr.What = what
	return pr
}
