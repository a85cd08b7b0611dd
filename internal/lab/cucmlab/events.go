package cucmlab

import (
	"fmt"
	"strings"
	"time"

	"rtmtgrab/internal/lab/mra"
)

// amcPoll is how often RTMT's collector looks at the counters.
const amcPoll = 30 * time.Second

// events writes what happens into the nodes' syslogs and the alert log: the Event Viewer's
// files as rsyslog has them, plain, the newest without a number behind its name. The
// Cluster's lock guards it.
type events struct {
	truth     *truth
	cluster   string
	zone      *time.Location
	layout    string // of times in the alert log
	publisher string
	logs      map[string]map[string]*journal // by node and kind
	sequence  map[string]int
	polled    time.Time
	alerted   map[string]int
}

// The kinds of logs.
const (
	applicationLog = "CiscoSyslog"
	systemLog      = "messages"
	alertLog       = "AlertLog"
)

func newEvents(cfg *Config, t *truth) *events {
	e := &events{truth: t, cluster: cfg.Cluster, zone: cfg.Zone, layout: "01/02/2006 15:04:05.000", publisher: cfg.Nodes[0], logs: map[string]map[string]*journal{}, sequence: map[string]int{}, alerted: map[string]int{}}
	for _, fqdn := range cfg.Nodes {
		e.logs[fqdn] = map[string]*journal{
			applicationLog: e.syslogFile(cfg.Traces, EventApplication, applicationLog),
			systemLog:      e.syslogFile(cfg.Traces, EventSystem, systemLog),
		}
	}
	alerts := &journal{File: File{Log: AMC, Path: alertFolder}, rotation: cfg.Traces, plain: true, head: "Time Stamp,Alert Name,Node,Alert Message,Type,Description,Severity,PollValue,Action,Group ID\r\n"}
	alerts.name = func(int) string { return alerts.first.In(e.zone).Format("AlertLog_01_02_2006_15_04.csv") }
	e.logs[e.publisher][alertLog] = alerts
	return e
}

// syslogFile is a log whose newest file has no number.
func (e *events) syslogFile(r Rotation, log, name string) *journal {
	j := &journal{File: File{Log: log, System: true, Path: syslogFolder}, rotation: r, plain: true}
	j.rotates = func(age int) string {
		if age == 0 {
			return name
		}
		return fmt.Sprintf("%s.%d", name, age)
	}
	return j
}

// Files are what it has written on one node.
func (e *events) files(node string) []File {
	var out []File
	for _, j := range e.logs[node] {
		out = append(out, j.files()...)
	}
	return out
}

// take writes down one happening, after the truth took it in.
func (e *events) take(h mra.Happening) {
	e.poll(h.Time)
	switch h.What {
	case mra.NodeFailed:
		e.system(h.CUCM, h.Time, "servm[2117]: Cisco CallManager[DOWN] is not answering")
		e.application(h.CUCM, h.Time, 2, "UC_SERVICEMANAGER", "ServiceFailed", "The service has terminated", "ServiceName=Cisco CallManager", "AppID=Cisco Service Manager")
	case mra.NodeBack:
		e.system(h.CUCM, h.Time, "servm[2117]: Cisco CallManager[STARTED]")
	case mra.Registered, mra.RegisteredPlain:
		e.device(h, 6, "EndPointRegistered", "An endpoint has registered")
	case mra.CameBack:
		if h.Lines < h.All {
			e.device(h, 5, "DevicePartiallyRegistered", "A device is partially registered")
		}
	case mra.Dropped, mra.Unregistered:
		severity := 3
		if r := e.reason(h); r == reasonReset || r == reasonUnregistered {
			severity = 6
		}
		e.device(h, severity, "EndPointUnregistered", "An endpoint has unregistered")
	case mra.Refused:
		if h.By == h.CUCM {
			e.device(h, 4, "EndPointTransientConnection", "An endpoint attempted to register but did not complete registration")
		}
	}
}

func (e *events) reason(h mra.Happening) int {
	if d := e.truth.nodes[h.CUCM][h.Device]; d != nil {
		return d.Reason
	}
	return 0
}

// device is an alarm about one.
func (e *events) device(h mra.Happening, severity int, name, text string) {
	d := e.truth.nodes[h.CUCM][h.Device]
	if d == nil {
		return
	}
	params := []string{"DeviceName=" + h.Device, "IPAddress=" + d.IP, "Protocol=SIP", "DeviceType=" + d.Model, "Description=" + d.Description}
	if name == "EndPointUnregistered" {
		params = append(params, fmt.Sprintf("Reason=%d", d.Reason), "IPAddrAttributes=0", "LastSignalReceived=SIPRegisterInd")
	}
	e.application(h.CUCM, h.Time, severity, "UC_CALLMANAGER", name, text, append(params, "AppID=Cisco CallManager")...)
}

// application is a CiscoLog message in the application's syslog.
func (e *events) application(node string, at time.Time, severity int, facility, name, text string, params ...string) {
	j := e.logs[node][applicationLog]
	e.sequence[node]++
	params = append(params, "ClusterID="+e.cluster, "NodeID="+shortName(node))
	line := fmt.Sprintf("%s %s local7 %d : %d: %s: %s UTC :  %%%s-%d-%s: %%[%s]: %s\n", at.In(e.zone).Format("Jan _2 15:04:05"), shortName(node), severity, e.sequence[node], node,
		at.UTC().Format("Jan 02 2006 15:04:05.000"), facility, severity, name, strings.Join(params, "]["), text)
	j.write(at, []byte(line))
}

// system is a line of the system's syslog.
func (e *events) system(node string, at time.Time, text string) {
	e.logs[node][systemLog].write(at, fmt.Appendf(nil, "%s %s user 5 %s\n", at.In(e.zone).Format("Jan _2 15:04:05"), shortName(node), text))
}

// poll is RTMT's collector: at each turn up to the time now it looks at what was so then,
// and alerts about a counter that rose.
func (e *events) poll(now time.Time) {
	if e.polled.IsZero() {
		e.polled = now.Truncate(amcPoll)
	}
	for next := e.polled.Add(amcPoll); !next.After(now); next = next.Add(amcPoll) {
		e.polled = next
		for node := range e.logs {
			if next.Unix()%300 == 0 {
				e.system(node, next, "CROND[4711]: (root) CMD (/usr/local/bin/base_scripts/vacate_log_usage.sh)")
			}
			e.look(node, next)
		}
	}
}

// look is that at one node's counter.
func (e *events) look(node string, at time.Time) {
	n := 0
	for _, d := range e.truth.nodes[node] {
		if d.Status == PartiallyRegistered {
			n++
		}
	}
	rose := n > e.alerted[node]
	e.alerted[node] = n
	if !rose {
		return
	}
	text := fmt.Sprintf("Number of PartiallyRegisteredPhone over 0. The current value is %d on node %s", n, shortName(node))
	e.logs[e.publisher][alertLog].write(at, fmt.Appendf(nil, "%s,PartiallyRegisteredPhone,%s,\"%s\",perfmon,\"counter \\\\%s\\Cisco CallManager\\PartiallyRegisteredPhone > 0\",2,%d,Default,0\r\n",
		at.In(e.zone).Format(e.layout), shortName(node), text, shortName(node), n))
	e.application(e.publisher, at, 2, "UC_RTMT", "RTMT_ALERT", "RTMT Alert", "AlertName=PartiallyRegisteredPhone", "AlertDetail="+text, "AppID=Cisco AMC Service")
}
