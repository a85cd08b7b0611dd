package arch

import (
	"slices"
	"strings"
	"testing"
)

// layers are the rooms of the program from the top down: a package imports only what
// stands on lower lines.
var layers = [][]string{
	{"cmd/grab"},
	{"internal/app/demo", "internal/app/quarantine", "internal/app/remote"},
	{"internal/app/fleetview"},
	{"internal/collector", "internal/collector/winservice"},
	{"internal/app/checkup"},
	{"internal/app/inventory", "internal/app/setup", "internal/app/exporting", "internal/collector/notify", "internal/collector/rehearsal", "internal/collector/health", "internal/app/reporting", "internal/collector/fellow"},
	{"internal/app/delivery", "internal/app/handing", "internal/app/reset", "internal/app/retention", "internal/app/oneshot", "internal/app/progress", "internal/app/completion", "internal/app/hubcmd", "internal/app/usage"},
	{"internal/fleet/owner", "internal/fleet/share"},
	{"internal/wiring", "internal/collector/pages", "internal/collector/webhook", "internal/collector/poll"},
	{"internal/masking"},
	{"internal/analysis"},
	{"internal/advice", "internal/fleet/alerts"},
	{"internal/cucm/gather", "internal/diagnostics", "fetch", "internal/incident/runner", "mailwatch", "internal/export", "internal/report", "internal/collector/control", "internal/collector/gate", "internal/collector/incoming", "internal/collector/notify/channel", "internal/fleet/member", "internal/fleet/events", "internal/fleet/sight"},
	{"fetch/ring", "internal/incident/manifest", "internal/sources", "internal/prt/filing", "internal/drill", "internal/handover/sink/mail", "internal/handover"},
	{"fetch/logset", "internal/fleet/directory", "internal/fleet/logins", "internal/fleet/outbox", "internal/incident/triage", "internal/incident/material", "bundle", "internal/registration", "internal/proof", "internal/smtpout"},
	{"internal/registration/hear"},
	{"fetch/hostconn", "internal/registration/judge", "internal/handover/sink/cxd"},
	{"fetch/admission", "fetch/hostconn/flight", "fetch/hostconn/garbage", "fetch/hostconn/hostcmd", "fetch/hostconn/turns", "internal/incident", "mailwatch/alertmail", "internal/registration/phone", "internal/collector/health/status", "internal/handover/sink/https", "internal/handover/sink/s3", "internal/handover/sink/sftp"},
	{"bundle/custody", "bundle/mask/mapfile", "bundle/mask", "internal/snapshot", "bundle/seal", "internal/registration/cucmlog", "internal/registration/wire", "internal/sshdial", "internal/mailauth", "internal/oauth", "internal/handover/sink/web"},
	{"internal/cucm"},
	{"internal/cucm/soap"},
	{"internal/fleet/hubcheck"},
	{"internal/config/effective", "internal/config/schema", "internal/fleet/hubinit", "internal/fleet/hubserver"},
	{"internal/config"},
	{"internal/config/diagconf", "internal/config/fleetconf", "internal/fleet/ask"},
	{"bundle/mask/find", "internal/cucmtrace", "internal/registration/logs", "internal/config/secret", "internal/ledger", "internal/growth", "internal/nodehttp", "internal/handover/sink/folder", "internal/fleet/hub"},
	{"bundle/seal/envelope", "internal/config/prtconf", "internal/config/scalar", "internal/pin", "internal/httpproxy", "internal/prt", "internal/fleet/owner/claims", "bundle/mask/find/undo"},
	{"internal/atomicfile", "internal/confine", "internal/copyqueue", "internal/fleet", "internal/diskspace", "internal/expressway", "internal/loopback", "internal/mailheader", "internal/openhttp", "internal/redact", "internal/terminal", "internal/tlsfault", "internal/version", "internal/version/licenses"},
	{"internal/access", "internal/evidence", "internal/plaintext", "internal/handover/sink", "internal/human", "internal/beat", "internal/denied", "internal/leap", "internal/loglines"},
}

// gear are packages for tests and the demo, which may import what they test.
var gear = []string{"internal/arch", "internal/bench", "internal/chaos", "internal/lab", "internal/lab/apilab", "internal/lab/cucmlab", "internal/lab/mra", "internal/lab/prtlab", "internal/lab/rtmt", "internal/lab/scenario", "internal/lab/timeline", "internal/release/manual", "internal/release/oci", "internal/testdocs", "internal/testrace", "internal/testserver", "internal/testsite", "internal/incident/incidenttest", "internal/leap/leaptest", "fetch/internal/conntest", "fetch/internal/fetchtest", "fetch/internal/grabtest", "internal/release"}

func TestLayers(t *testing.T) {
	line := map[string]int{}
	for i, l := range layers {
		for _, pkg := range l {
			line[pkg] = i + 1
		}
	}
	for pkg, names := range imports(t) {
		if slices.Contains(gear, pkg) {
			continue
		}
		if line[pkg] == 0 {
			t.Errorf("%s stands on no line of layers: put it where what it imports is below it", pkg)
			continue
		}
		for _, name := range names {
			of, own := strings.CutPrefix(name, module+"/")
			if !own || slices.Contains(gear, of) {
				continue
			}
			if line[of] <= line[pkg] {
				t.Errorf("%s (line %d) imports %s (line %d): a package imports only what is on lower lines", pkg, line[pkg], of, line[of])
			}
		}
	}
}
