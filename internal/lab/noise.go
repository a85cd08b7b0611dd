package lab

import (
	"math/rand/v2"
	"strconv"
)

// noise makes the records of everything else that goes on at an Expressway. It
// never makes a REGISTER: those belong to the phones of a Site.
type noise struct {
	family string
	debug  bool
	ip     string
	peers  [4]string
	rng    *rand.Rand
	en     entry // reused: the result of next is valid until the next call
	b      []byte
	mark   []byte
	msg    sipNoise // the last message
}

func newNoise(family, level, role, ip string, seed uint64) *noise {
	n := &noise{family: family, debug: level == "DEBUG", ip: ip, rng: NewRand(seed)}
	n.peers = [4]string{"10.0.60.11", "10.0.60.12", "10.0.60.15", "10.0.60.16"} // neither CUCM nor another peer
	if role == "E" {
		n.peers = [4]string{"203.0.113.7", "203.0.113.21", "203.0.113.30", "203.0.113.31"}
	}
	return n
}

// next is the next record. Its text is reused by the call after.
func (n *noise) next() *entry {
	n.b, n.mark = n.b[:0], n.mark[:0]
	n.en = entry{proc: "tvcs:"}
	switch n.family {
	case NetworkLog:
		n.network()
	case Messages:
		n.event()
	default:
		n.developer()
	}
	n.en.text, n.en.marker = n.b, string(n.mark)
	return &n.en
}

// str appends text and numbers, a short way to write what follows.
func (n *noise) str(parts ...string) {
	for _, p := range parts {
		n.b = append(n.b, p...)
	}
}

func (n *noise) num(v int) { n.b = strconv.AppendInt(n.b, int64(v), 10) }

func (n *noise) pick(from ...string) string { return from[n.rng.IntN(len(from))] }

const hexDigits = "0123456789abcdef"

func (n *noise) hex(digits int) {
	for digits > 0 {
		v := n.rng.Uint64()
		for range min(digits, 16) {
			n.b = append(n.b, hexDigits[v&15])
			v >>= 4
		}
		digits -= 16
	}
}

// marked runs write and takes what it wrote for the record's marker.
func (n *noise) marked(write func()) {
	from := len(n.b)
	write()
	n.mark = append(n.mark[:0], n.b[from:]...)
}

func (n *noise) network() {
	n.en.module, n.en.level = "network.sip", "INFO"
	switch x := n.rng.IntN(20); {
	case n.debug && n.msg.waiting: // the body follows its line
		n.en.level = "DEBUG"
		n.endpoints()
		n.str(` Msg-Hash="`)
		n.marked(func() { n.b = strconv.AppendUint(n.b, n.msg.hash, 10) })
		n.str(`"`, "\n SIPMSG:\n")
		n.sip()
		n.msg.waiting = false
	case n.debug && x < 4:
		n.tcp()
	case x == 4:
		n.en.module, n.en.level = "network.tcp", "ERROR"
		n.str(`Dst-ip="`, n.pick(n.peers[:]...), `" Dst-port="5061" Detail="TCP Connection Failed" Connection-ID="`)
		n.marked(func() { n.hex(16) })
		n.str(`"`)
	default:
		n.msg = n.newMessage()
		n.sipLine()
	}
}

// A sipNoise is a message of the background, whose INFO and DEBUG records agree.
type sipNoise struct {
	waiting, sent, answer bool
	method                string
	hash                  uint64
	peer                  string
	port, cseq, number    int
	callID, from, to      string
}

func (n *noise) newMessage() sipNoise {
	hex := func(digits int) string {
		from := len(n.b)
		n.hex(digits)
		s := string(n.b[from:])
		n.b = n.b[:from]
		return s
	}
	m := sipNoise{waiting: true, sent: n.rng.IntN(2) == 0, answer: n.rng.IntN(2) == 0, method: n.pick("OPTIONS", "SUBSCRIBE", "NOTIFY", "INVITE", "BYE"),
		hash: n.rng.Uint64() | 1, peer: n.pick(n.peers[:]...), port: 30000 + n.rng.IntN(9000), cseq: 100 + n.rng.IntN(900), number: 7100 + n.rng.IntN(800),
		callID: hex(32), from: hex(16)}
	if m.answer {
		m.to = hex(16)
	}
	return m
}

func (n *noise) endpoints() {
	action, peer := "Received", "Src"
	if n.msg.sent {
		action, peer = "Sent", "Dst"
	}
	n.str(`Action="`, action, `" Local-ip="`, n.ip, `" Local-port="5061" `, peer, `-ip="`, n.msg.peer, `" `, peer, `-port="`)
	n.num(n.msg.port)
	n.str(`"`)
}

func (n *noise) sipLine() {
	m := &n.msg
	n.endpoints()
	verb := "Receive "
	if m.sent {
		verb = "Sending "
	}
	n.str(` Detail="`, verb)
	if m.answer {
		n.str("Response Code=200, ")
	} else {
		n.str("Request ")
	}
	n.str("Method=", m.method, ", CSeq=")
	n.num(m.cseq)
	n.str(", To=sip:")
	n.num(m.number)
	n.str("@example.com, Call-ID=", m.callID, "@", m.peer, ", From-Tag=", m.from, ", To-Tag=", m.to, ", Msg-Hash=")
	n.marked(func() { n.b = strconv.AppendUint(n.b, m.hash, 10) })
	if n.rng.IntN(2) == 0 {
		n.str(", Local-SessionID=, Remote-SessionID=")
	}
	n.str(`"`)
}

// sip appends the message with its bars, now and then in one of the odd forms.
func (n *noise) sip() {
	m, bar := &n.msg, " |"
	switch n.rng.IntN(40) {
	case 0:
		bar = "|"
	case 1:
		bar = "  |"
	}
	if m.answer {
		n.str(bar, "SIP/2.0 200 OK")
	} else {
		n.str(bar, m.method, " sip:")
		n.num(m.number)
		n.str("@example.com SIP/2.0")
	}
	n.str("\n Via: SIP/2.0/TLS ", m.peer, ":5061;egress-zone=DefaultZone;branch=z9hG4bK")
	n.hex(48)
	n.str(";rport\n Call-ID: ", m.callID, "@", m.peer, "\n CSeq: ")
	n.num(m.cseq)
	n.str(" ", m.method, "\n From: <sip:", m.peer, ">;tag=", m.from, "\n To: <sip:")
	n.num(m.number)
	n.str("@example.com>")
	if m.to != "" {
		n.str(";tag=", m.to)
	}
	n.str("\n Max-Forwards: 70\n User-Agent: TANDBERG/4137 (X14.0.3)\n Allow: INVITE,ACK,CANCEL,BYE,OPTIONS,NOTIFY,INFO,SUBSCRIBE\n Content-Length: ")
	if m.method != "INVITE" || m.answer {
		n.str("0\n \n", bar, "\n")
		return
	}
	n.sdp(bar)
}

// sdp appends the rest of a message from the value of Content-Length on.
func (n *noise) sdp(bar string) {
	lines := [...]string{"v=0", "o=tandberg 1 2 IN IP4 " + n.ip, "s=-", "c=IN IP4 " + n.ip, "t=0 0", "m=audio 36000 RTP/AVP 8 0 101", "a=crypto:***"}
	length, glued := 0, n.rng.IntN(8) == 0
	for _, l := range lines {
		length += len(l) + 2
	}
	if glued {
		length -= 2
	}
	n.num(length)
	n.str("\n Content-Type: application/sdp\n \n")
	for _, l := range lines {
		n.str(" ", l, "\n")
	}
	if glued {
		n.b[len(n.b)-1] = '|' // right after the body's last character
	} else {
		n.str(bar)
	}
	n.str("\n")
}

func (n *noise) tcp() {
	n.en.module, n.en.level = "network.tcp", "DEBUG"
	if n.rng.IntN(6) > 0 { // Src-ip may be missing
		n.str(`Src-ip="`, n.pick(n.peers[:]...), `" Src-port="`)
		n.num(25000 + n.rng.IntN(5000))
		n.str(`" `)
	}
	n.str(`Dst-ip="`, n.ip, `" Dst-port="5061"  Connection-ID="`) // two blanks occur
	n.marked(func() { n.hex(16) })
	n.str(`" Detail="`, n.pick(`TCP Connecting"`, `TCP Connection Established"`, `TCP Connection Closed" Reason="Got EOF on socket"`, `TCP Connection Closed" Reason="Idle countdown expired"`))
}

func (n *noise) event() {
	n.en.event, n.en.level = true, "1"
	switch n.rng.IntN(8) {
	case 0:
		n.en.proc = "httpd[8724]: web:"
		n.str(`Event="Admin Session Start" Service="WebAdmin" User="admin" Src-ip="10.0.10.8" Session="`)
		n.marked(func() { n.hex(32) })
		n.str(`" Level="1"`)
		return
	case 1:
		n.en.proc = "alarm:"
		n.str(`Event="Alarm Acknowledged" Id="40022" Detail="Cluster name not configured" Tag="`)
	default:
		n.str(`Event="`, n.pick("Call Attempted", "Call Connected", "Call Disconnected", "Search Attempted", "Search Completed", "Authentication Succeeded"),
			`" Service="SIP" Src-ip="`, n.pick(n.peers[:]...), `" Src-port="`)
		n.num(25000 + n.rng.IntN(5000))
		n.str(`" Src-alias-type="SIP" Src-alias="sip:`)
		n.num(7000 + n.rng.IntN(999))
		n.str(`@example.com" Dst-alias-type="SIP" Dst-alias="sip:o'brien[`)
		n.num(n.rng.IntN(99))
		n.str(`]@example.com" Call-serial-number="`)
	}
	n.marked(func() { n.hex(32) })
	n.str(`" Protocol="TLS" Auth="YES"  Level="1"`)
}

func (n *noise) developer() {
	n.en.level = n.pick("INFO", "INFO", "INFO", "WARN", "ERROR")
	if n.debug {
		n.en.level = n.pick("INFO", "DEBUG", "DEBUG", "DEBUG", "WARN", "ERROR")
	}
	switch n.rng.IntN(4) {
	case 0:
		n.en.proc, n.en.module = "traffic_server[18242]:", "developer.edgeconfigprovisioning"
		n.str(`Event="Received" Id="`)
		n.marked(func() { n.hex(32) })
		n.str(`" Detail="GET https://cucm01.example.com:6972/SEP`)
		n.hex(12)
		n.str(`.cnf.xml.sgn" TrackingID="" Status="200"`)
	case 1:
		n.en.proc, n.en.module = "XCP_JABBERD[20026]:", "developer.jabberd"
		n.str(`CodeLocation="debug.cpp(54)" Thread="1399`)
		n.marked(func() { n.hex(20) })
		n.str(`": router: route to <component id='jsmcp-1' name="jsm"> took `)
		n.num(n.rng.IntN(40))
		n.str(` ms`)
	default:
		n.en.module = "developer.sip.transport"
		n.str(`CodeLocation="ppcmains/sip/sipproxy/SipProxyTransport.cpp(` + `812)" Method="SipProxyTransport::onMessage" Thread="0x7f`)
		n.hex(10)
		n.str(`":  this="0x`)
		n.marked(func() { n.hex(16) })
		n.str(`" Type="N3ppc3sip9TransportE" Connected="`, n.pick("true", "false"), `" Zone="CEtls-cucm01.example.com" Waiting="`)
		n.num(n.rng.IntN(9))
		n.str(`"`)
	}
}
