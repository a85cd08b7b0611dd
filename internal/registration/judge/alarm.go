package judge

import (
	"fmt"
	"strings"

	"rtmtgrab/internal/registration/phone"
	"rtmtgrab/internal/registration/wire"
)

// alarms are what a phone says was wrong before it registered in full: cisco-alarm
// (docs/partial-registration.md). That it had been registered, 25, tells nothing.
var alarms = map[int16]string{
	10: "TCPtimedOut", 12: "TCPucmResetConnection", 13: "TCPucmAbortedConnection", 14: "TCPucmClosedConnection", 15: "SCCPKeepAliveFailure",
	16: "TCPdeviceLostIPAddress", 17: "TCPDeviceRegistrationTimedOut", 18: "TCPclosedConnectHighPriorityUcm", 20: "TCPclosedUserInitiatedReset",
	22: "TCPclosedUcmInitiatedReset", 23: "TCPclosedUcmInitiatedRestart", 24: "TCPClosedRegistrationReject", 26: "TCPclosedVlanChange", 30: "AlarmWipe",
	31: "FileAuthFail", 32: "PowerSavePlus", 33: "BatteryDrainPowerOff", 41: "DHCPTimeout", 100: "ConfigVersionMismatch", 101: "ConfigFileVersionMismatch",
	104: "ApplyConfig", 105: "DeviceRestart", 106: "TCPsecureConnectionFailed", 107: "DeviceReset", 108: "VpnConnectionLost", 109: "IPAddressChanged",
	111: "ApplicationRequestedDestroy", 113: "SocketError", 200: "ClientApplicationClosed", 201: "OSStandby", 202: "OSHibernate", 203: "OSShutdown",
	204: "ClientApplicationAbort", 205: "NoCleanupTime", 206: "SwitchToDeskphone", 207: "SwitchToSoftphone", 208: "NetworkChanged", 209: "ExceededRegCount", 210: "ExceededLoginCount",
}

func alarmName(n int16) string {
	return strings.TrimSuffix(fmt.Sprintf("cisco-alarm %d %s", n, alarms[n]), " ")
}

// whyAnew is why a phone registered in full where nothing tells.
const whyAnew = "why it registered anew is not in these logs"

// asItSays adds to a reason that is not known what the phone itself says that was wrong. Its own
// network is the cause where no REGISTER of it was seen to stop on its way.
func (r Reason) asItSays(l phone.Lapse) Reason {
	m := l.To.Alarmed()
	if m == nil || l.To.Kind != wire.KindFull || alarms[m.Alarm] == "" {
		return r
	}
	says := alarmName(m.Alarm)
	r.Proofs = append(r.Proofs, m.Shows(says))
	switch m.Alarm {
	case 16, 26, 41, 108, 109, 208:
		if r.Where == Nowhere && len(l.Failed()) == 0 {
			return Reason{Cause: CausePath, Confidence: Likely, Where: BeforeE, Why: "the phone says that its own network was lost or had changed: " + says, Proofs: r.Proofs}
		}
	}
	if r.Why == whyAnew {
		r.Why = "it registered anew, and says of the time before: " + says
	} else {
		r.Why += "; the phone says: " + says
	}
	return r
}
