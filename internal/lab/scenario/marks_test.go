package scenario

// Connections from a C to the primary CUCM.
const (
	toNode1      = `10\.0\.20\.11" Dst-port="5060"`
	closedByNode = toNode1 + `.*"TCP Connection Closed" Reason="Got EOF on socket"`
)

const contact = `(?m)^ Contact: .*`

// marks are what tells scenarios from the others in their logs, by scenario and
// host or host/family: regular expressions, after a ! for what is not there.
var marks = map[string]map[string][]string{
	"tcp-30":             {"expc01": {`10\.0\.20\.11" Dst-port="5060".*Detail="TCP Connection Closed" Reason="Got EOF on socket"`, contact + `;x-cisco-newreg\n Expires: 120\n`}},
	"late-one-line":      {"expc02": {contact + `;x-cisco-newreg`, `<optionsind>`, `!bulkregisterreq`}},
	"late-lines-unknown": {"expc02": {contact + `;x-cisco-newreg`, `!bulkregisterreq`, `!cisco-alarm`}},
	"refused-403":        {"expc02": {` \|SIP/2\.0 403 Forbidden\n`, `Warning: 399 cucm01 "`, `Retry-After: 30\n`, `cisco-alarm:24 .*Last=Phone-Reg-Rej`}},
	"refused-503":        {"expc02": {` \|SIP/2\.0 503 Service Unavailable\n`, `Server: TANDBERG/4137 \(X14\.0\.3\)`, `Retry-After: 30`}, "expe02": {`Response Code=503, Method=REGISTER`}},
	"refused-token":      {"expe02": {` \|SIP/2\.0 407 Proxy Authentication Required\n`, `Proxy-Authenticate: Bearer realm="expe02", error="invalid_token"`}},
	"late-challenged": {"expe01": {`Proxy-Authenticate: Bearer realm="expe01"\n`, `Proxy-Authorization: Bearer ey`, `\+u\.sip!userid\.ccm\.cisco\.com="asmith"`},
		"expe02": {`Proxy-Authenticate: Digest realm="expe02"`, `Proxy-Authorization: Digest username="bjones"`}, "expc01": {`WWW-Authenticate: Digest`, `!Proxy-Auth`}},
	"healthy-secondary":  {"expc01": {contact + `;expires=0;cisco-keep-alive\n`, `\n Expires: 0\n`}},
	"healthy-ha":         {"expe01": {`;reg-id=1`, `;reg-id=2`}, "expe02": {`;reg-id=1`, `;reg-id=2`}},
	"nat-rebinding":      {"expe02": {`Src-ip="198\.51\.100\.8" .*"TCP Connection Closed" Reason="Idle countdown expired"`}},
	"unregistered":       {"expc02": {contact + `\.com="36217";video;bfcp\n(?: .*\n)+? Expires: 0\n`}},
	"extension-mobility": {"expc02": {`To=sip:8032@`, `To=sip:7032@`, `userid\.ccm\.cisco\.com="asmith"`, `cisco-alarm:23 `}},
	"resets":             {"expc01": {`cisco-alarm:20 .*Last=Phone-Keypad`, `cisco-alarm:23 .*Last=Reset-Restart`}, "expc02": {`cisco-alarm:22 .*Last=Reset-Reset`}},
	"zone-down": {"expe01": {` \|SIP/2\.0 504 Server Time-out\n`, `Dst-port="7001".*"TCP Connection Closed"`}, "expc01": {`Dst-port="7001" Detail="TCP Connection Failed"`, `10\.0\.40\.5" Dst-port="7001".*"TCP Connection Closed"`},
		"expc01/messages": {`Event="External Server Communications Failure" .*Level="1" UTCTime="`}, "expe01/messages": {`Event="External Server Communications Failure"`}},
	"cucm-failover": {"expc01": {`Code=408, Method=REGISTER`, `Code=503, Method=REGISTER`, `Dst-ip="10\.0\.20\.11" Dst-port="5060" Detail="TCP Connection Failed"`, `REGISTER sip:cucm02\.example\.com SIP/2\.0\n(?: .*\n)+? Content-Type: multipart/mixed`}},
	"cucm-failback": {"expc01": {`cisco-alarm:18 .*Last=Failback`}},
	"peer-failover": {"expc02": {`SEP00EBD5D5D8C6`}, "expe02": {`cisco-alarm:10 Name=SEP00EBD5D5D8C6`}},

	"silent-408":              {"expc01": {`Code=408, Method=REGISTER`, toNode1 + `.*"TCP Connection Closed" Reason="Connection timed out"`, `!` + closedByNode}, "expe01": {`Code=408, Method=REGISTER`}},
	"silent-eof":              {"expc01": {`Code=408, Method=REGISTER`, closedByNode}},
	"silent-no-record":        {"expc01": {`Code=408, Method=REGISTER`, `!` + toNode1 + `.*"TCP Connection Closed"`}},
	"silent-504":              {"expc01": {` \|SIP/2\.0 504 Server Time-out\n`, `Server: TANDBERG`}},
	"silent-nothing":          {"expc01": {`!Response Code=(408|504)`, `!` + toNode1 + `.*"TCP Connection Closed"`}},
	"silent-other-cucm":       {"expc01": {`Dst-ip="10\.0\.20\.12" Dst-port="5060" Detail="Sending Request Method=REGISTER, CSeq=\d+, To=sip:7022@cucm01\.`}},
	"silent-refused":          {"expc01": {`Dst-ip="10\.0\.20\.11" Dst-port="5060" Detail="TCP Connection Failed"`, `Code=503`}},
	"zone-silent":             {"expc01": {`10\.0\.40\.5" Dst-port="7001".*"TCP Connection Closed"`, `!Code=408`}, "expe01": {`Code=408, Method=REGISTER`}, "expe01/messages": {`Event="External Server Communications Failure"`}},
	"zone-silent-no-record":   {"expc01": {`!Dst-port="7001".*"TCP Connection Closed"`}, "expe01/messages": {`!Event="External Server Communications Failure".*TraversalZone`}},
	"no-connection-secondary": {"expc01": {`Dst-ip="10\.0\.20\.12" Dst-port="5060" Detail="TCP Connection Failed"`}},
	"answer-multipart":        {"expc02": {` Content-Type: multipart/mixed;boundary=uniqueBoundary\n Content-Length: \d+\n \n --uniqueBoundary\n Content-Type: application/x-cisco-remotecc-response\+xml`}},
	"answer-no-body":          {"expc02": {contact + `;x-cisco-newreg\n Expires: 120\n Server: .*\n Content-Length: 0\n`}},
	"answer-fails":            {"expc02": {`<code>500</code>`}},
	"lines-listed":            {"expc02": {`<contact line="2" uri="sip:7033@`, `!Method=NOTIFY, CSeq=\d+, To=sip:7033@`}},
	"lines-notify":            {"expc02": {` \|NOTIFY sip:`, `To=sip:7033@`}, "expe02": {`Method=NOTIFY, CSeq=\d+, To=sip:7033@`}},
	"lines-unproved":          {"expc02": {`bulkregisterreq`, `!To=sip:7033@`}},
	"lines-registered":        {"expc02": {`Method=REGISTER, CSeq=\d+, To=sip:7033@`}},
	"one-line-bulk":           {"expc02": {`bulkregisterreq`, `!To=sip:7033@`}},
	"jabber-late":             {"expc01": {`devicename\.ccm\.cisco\.com="CSFASMITH";\+u\.sip!model\.ccm\.cisco\.com="503"`}},
	"date-1970":               {"expe02": {`Date: Thu, 01 Jan 1970`, `Date: Mon, 02 Mar 2026`}},
	"date-days":               {"expe02": {`Date: Fri, 27 Feb 2026`}},
	"first-record-low":        {"expc02": {`!cisco-alarm:25 Name=SEP00EBD5D5D8D7`, `CSeq: 10[12] REGISTER`}},
	"cut-bodies":              {"expc02": {` Contact: <sip:\n\d{4}-`}},
}
