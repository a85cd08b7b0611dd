package mra

import (
	"fmt"
	"strings"
	"time"
)

// wire is a message as it is sent: with CRLF, and the body as it is.
func (m *message) wire() string {
	head := *m
	head.body = ""
	lines := head.lines()
	for i, l := range lines {
		if strings.HasPrefix(l, "Content-Length: ") {
			lines[i] = fmt.Sprintf("Content-Length: %d", len(m.body))
		}
	}
	return strings.Join(lines, "\r\n") + "\r\n" + m.body
}

// received traces a SIP message that came to the node.
func (u *cucm) received(at time.Time, from string, port int, m *message) {
	t := u.trace
	if t == nil || u.down || t.cfg.NoSIP {
		return
	}
	text := m.wire()
	t.message++
	t.add(at, fmt.Sprintf("AppInfo  |SIPTcp - wait_SdlReadRsp: Incoming SIP TCP message from %s on port %d index %d with %d bytes:\n[%d,NET]\n%s",
		from, port, 100+port%800, len(text), t.message, text))
	if m.method == "REGISTER" && m.code == 0 {
		t.add(at.Add(200*time.Microsecond), signal("SIPRegisterInd", "wait", fmt.Sprintf("SIPStationInit(%d,100,75,1)", t.id), fmt.Sprintf("SIPHandler(%d,100,76,1)", t.id), t.id))
	}
}

// sent traces a SIP message that the node sent.
func (u *cucm) sent(at time.Time, to string, port int, m *message) {
	t := u.trace
	if t == nil || u.down || t.cfg.NoSIP {
		return
	}
	t.message++
	t.add(at, fmt.Sprintf("AppInfo  |SIPTcp - wait_SdlSPISignal: Outgoing SIP TCP message to %s on port %d index %d \n[%d,NET]\n%s",
		to, port, 100+port%800, t.message, m.wire()))
}

// signal is a signal from one process of CUCM to another, in the columns of the trace.
func signal(name, state, to, from string, node int) string {
	return fmt.Sprintf("SdlSig   |%-39s|%-31s|%-33s|%-33s|%-41s|[R:N-H:0,N:0,L:0,V:0,Z:0,D:0]", name, state, to, from, fmt.Sprintf("%d,100,150,1.%d^*^*", node, len(name)))
}

// noise is what a node traces without phones.
func (t *tracer) noise(at time.Time) {
	timer := fmt.Sprintf("SdlTimerService(%d,100,3,1)", t.id)
	switch n := t.rng.IntN(10); {
	case n < 6:
		t.add(at, signal("DbObjectCacheTimer", "initialized", fmt.Sprintf("Db(%d,100,213,1)", t.id), timer, t.id)+"  AppCorr: 0")
	case n < 8:
		t.add(at, signal("ReapOldTokenRegistrationsTimer", "wait", fmt.Sprintf("SIPStationInit(%d,100,75,1)", t.id), timer, t.id))
	case n < 9:
		t.add(at, fmt.Sprintf("SdlStat  |Period: 6s #Lines: %d #Bytes: %d Total Number of Buffers: 10000 Free LWM: 9955 Free LWM(total): 9537", 10+t.rng.IntN(90), 1000+t.rng.IntN(20000)))
	default:
		t.add(at, "AppInfo  |HttpConnection - checkConnQueue found no connData")
	}
	if t.rng.IntN(60) == 0 {
		stamp := t.stamp(at).Truncate(time.Second)
		t.addLog(at, stamp, System, SyslogDir+"messages", stamp.Format("Jan _2 15:04:05 ")+t.short+" systemd[1]: Started Session "+fmt.Sprint(t.rng.IntN(9000))+" of user root.\n")
	}
}

// An alarm is one of CUCM's about a device.
type alarm struct {
	name, severity, says string
	reason               int
	signal               string // the last one received
}

var (
	alarmRegistered   = alarm{name: "EndPointRegistered", severity: "Informational", says: "Endpoint registered"}
	alarmPartial      = alarm{name: "DevicePartiallyRegistered", severity: "Warning", says: "A device is partially registered"}
	alarmTimedOut     = alarm{"EndPointUnregistered", "Error", "An endpoint has unregistered", 13, "SIPStationDPrimaryLineTimeout"}
	alarmDisconnected = alarm{"EndPointUnregistered", "Error", "An endpoint has unregistered", 6, "SIPConnControlInd"}
	alarmLeft         = alarm{"EndPointUnregistered", "Informational", "An endpoint has unregistered", 10, "SIPRegisterInd"}
	alarmTransient    = alarm{"EndPointTransientConnection", "Error", "An endpoint attempted to register but did not complete registration", 1, "SIPRegisterInd"}
)

var alarmRows = map[string]struct {
	row   string
	digit int
}{"Informational": {"AlarmInf", 6}, "Warning": {"AlarmWrn", 4}, "Error": {"AlarmErr", 3}}

// raise traces an alarm about a phone, and writes it where the Event Viewer reads.
func (u *cucm) raise(at time.Time, p *phone, a alarm) {
	t := u.trace
	if t == nil || u.down {
		return
	}
	device := fmt.Sprintf("DeviceName:%s, IPAddress:%s, Protocol:SIP, DeviceType:%s, Description:Phone %d, ", p.device, p.c.IP(), p.model().number, p.index+1)
	reason := ""
	if a.reason > 0 {
		reason = fmt.Sprintf("Reason:%d, IPAddrAttributes:0, LastSignalReceived:%s, ", a.reason, a.signal)
	}
	end := fmt.Sprintf("AppID:Cisco CallManager, ClusterID:StandAloneCluster, NodeID:%s,", t.short)
	at = at.Add(time.Duration(200+t.rng.IntN(800)) * time.Microsecond)
	process := fmt.Sprintf("SIPStationD(%d)", 18000+p.index)
	t.add(at, fmt.Sprintf("AppInfo  |%s - %s %s", process, a.says, p.device))
	row := alarmRows[a.severity]
	t.add(at.Add(50*time.Microsecond), fmt.Sprintf("%s |AlarmClass: CallManager, AlarmName: %s, AlarmSeverity: %s, AlarmMessage: , AlarmDescription: %s, AlarmParameters: %s", row.row, a.name, a.severity, a.says, device+reason+end))
	fields := ""
	for _, kv := range strings.Split(strings.TrimSuffix(device+reason+end, ","), ", ") {
		k, v, _ := strings.Cut(kv, ":")
		fields += "[" + k + "=" + v + "]"
	}
	u.site.time.At(at, func(time.Time) { // its own stamp is UTC, to the millisecond
		stamp := t.stamp(at)
		t.addLog(at, stamp, Application, SyslogDir+"CiscoSyslog", fmt.Sprintf("%s %s local7 %d : %d: %s: %s UTC :  %%UC_CALLMANAGER-%d-%s: %%%s: %s\n",
			stamp.Format("Jan _2 15:04:05"), t.short, row.digit, t.counter, t.node, stamp.UTC().Format("Jan 02 2006 15:04:05.000"), row.digit, a.name, fields, a.says))
		if a.name == alarmPartial.name {
			t.addLog(at, stamp, AlertLog, AlertFolder+"AlertLog_"+stamp.Format("01_02_2006")+"_00_00.csv",
				fmt.Sprintf("%d,PartiallyRegisteredPhone,%s,Value increased.,Threshold,\"Partially registered phones, counted\",Warning,1,,CallManager\n", stamp.UnixMilli(), t.short))
		}
	})
}

const alertLogHead = "Time Stamp,Alert Name,Node Name,Alert Message,Type,Description,Severity,PollValue,Action,Group ID\n"
