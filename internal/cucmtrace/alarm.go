package cucmtrace

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"rtmtgrab/internal/evidence"
)

// A Kind is what an alarm says of a device.
type Kind string

// The kinds of alarms that bear on registrations.
const (
	Registered   Kind = "registered"
	Unregistered Kind = "unregistered"
	Partially    Kind = "partially_registered"
	Refused      Kind = "refused" // it tried to register and did not
	Resetting    Kind = "reset"   // CUCM resets or restarts it
)

// An Alarm is one of CUCM's about a device.
type Alarm struct {
	Name   string // as CUCM has it: EndPointUnregistered
	Kind   Kind
	Device string // upper case
	Reason int    // 0: none was said
	Last   string // signal that CUCM had last: SIPStationDPrimaryLineTimeout
	Node   string // as the alarm says
}

// kinds are the alarms that are read; what others there are stays text.
var kinds = map[string]Kind{
	"EndPointRegistered": Registered, "DeviceRegistered": Registered,
	"EndPointUnregistered": Unregistered, "DeviceUnregistered": Unregistered,
	"DevicePartiallyRegistered": Partially, "EndPointPartiallyRegistered": Partially,
	"EndPointTransientConnection": Refused, "DeviceTransientConnection": Refused, "EndPointRegistrationFailed": Refused,
	"EndPointResetInitiated": Resetting, "EndPointRestartInitiated": Resetting, "DeviceResetInitiated": Resetting, "DeviceRestartInitiated": Resetting,
}

// reasons are the words of CUCM's alarms for why a device unregistered.
var reasons = map[int]string{1: "Unknown", 6: "ConnectivityError", 8: "DeviceInitiatedReset", 9: "CallManagerReset", 10: "DeviceUnregistered",
	11: "MalformedRegisterMsg", 12: "SCCPDeviceThrottling", 13: "KeepAliveTimeout", 14: "ConfigurationMismatch", 15: "CallManagerRestart",
	16: "DuplicateRegistration", 17: "CallManagerApplyConfig", 18: "DeviceNoResponse", 19: "EMLoginLogout", 20: "EMCCLoginLogout",
	29: "DeviceSwitch", 30: "DeviceWipe", 31: "DeviceForced", 33: "LowBattery", 34: "ManualPowerOff"}

// Reasons that tell a cause.
const (
	Connectivity = 6
	KeepAlive    = 13
)

// ReasonWords are a reason's number, and its word where that is known.
func ReasonWords(n int) string {
	if w := reasons[n]; w != "" {
		return fmt.Sprintf("reason %d, %s", n, w)
	}
	return fmt.Sprintf("reason %d", n)
}

// Alarm is the alarm of a record of SDL or of the Event Viewer's Application log; false: it
// has none about a device's registration.
func (r *Record) Alarm() (Alarm, bool) {
	switch {
	case !r.Head:
		return Alarm{}, false
	case sdlStart(r.Text):
		return sdlAlarm(body(r.Text))
	}
	return syslogAlarm(r.Text)
}

// AlarmErr |AlarmClass: CallManager, AlarmName: EndPointUnregistered, … AlarmParameters: DeviceName:SEP…, …
func sdlAlarm(b []byte) (Alarm, bool) {
	if !bytes.HasPrefix(b, []byte("Alarm")) {
		return Alarm{}, false
	}
	name := field(b, "AlarmName:")
	kind, ok := kinds[name]
	_, params, found := bytes.Cut(b, []byte("AlarmParameters:"))
	if !ok || !found {
		return Alarm{}, false
	}
	return alarmOf(name, kind, func(key string) string { return field(append([]byte(","), params...), ","+key+":", ", "+key+":") })
}

// … %UC_CALLMANAGER-3-EndPointUnregistered: %[DeviceName=SEP…][Reason=13]…: An endpoint has unregistered
func syslogAlarm(b []byte) (Alarm, bool) {
	_, b, ok := bytes.Cut(b, []byte("_CALLMANAGER-"))
	if !ok {
		return Alarm{}, false
	}
	_, b, ok = bytes.Cut(b, []byte("-"))
	name, params, ok2 := bytes.Cut(b, []byte(":"))
	if !ok || !ok2 || len(name) > 100 {
		return Alarm{}, false
	}
	kind, ok := kinds[string(name)]
	if !ok {
		return Alarm{}, false
	}
	return alarmOf(string(name), kind, func(key string) string {
		_, v, ok := bytes.Cut(params, []byte("["+key+"="))
		end := bytes.IndexByte(v, ']')
		if !ok || end < 0 || end > 300 {
			return ""
		}
		return evidence.Printable(string(bytes.TrimSpace(v[:end])), 300)
	})
}

func alarmOf(name string, kind Kind, value func(key string) string) (Alarm, bool) {
	a := Alarm{Name: name, Kind: kind, Device: strings.ToUpper(value("DeviceName")), Last: value("LastSignalReceived"), Node: value("NodeID")}
	if n, err := strconv.Atoi(value("Reason")); err == nil && n > 0 && n < 1000 {
		a.Reason = n
	}
	return a, a.Device != ""
}
