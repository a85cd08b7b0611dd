package bundle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
)

// alertLines is the most alerts that README.txt and Describe list one by one.
const alertLines = 20

func (r *readme) alerts() {
	if len(r.m.Alerts) == 0 {
		return
	}
	r.p.title("Alerts")
	for _, a := range firstAlerts(r.m.Alerts) {
		r.p.item(alertLine(a, r.clock))
	}
	if n := len(r.m.Alerts) - alertLines; n > 0 {
		r.p.item(fmt.Sprintf("and %d more, in manifest.json", n))
	}
	r.p.blank()
}

func firstAlerts(alerts []evidence.Alert) []evidence.Alert {
	sorted := slices.SortedStableFunc(slices.Values(alerts), func(a, b evidence.Alert) int { return a.Time.Compare(b.Time) })
	return sorted[:min(len(sorted), alertLines)]
}

func alertLine(a evidence.Alert, c clock) string {
	s := fmt.Sprintf("%s: %s, node %s, cluster %s", c.at(a.Time), orUnknown(a.Name), orUnknown(a.Node), orUnknown(a.Cluster))
	if a.Count != nil {
		s += fmt.Sprintf(", counter at %d", *a.Count)
	}
	if len(a.Devices) > 0 {
		s += ", devices " + printable(strings.Join(a.Devices, " "))
	}
	s += ", time from " + orUnknown(cmp.Or(a.From["time"], a.TimeFrom))
	if a.Truncated {
		s += ", mail cut off at 1 MiB"
	}
	return s
}

// margin is what is worth having of other traces around the window.
const margin = 5 * time.Minute

// elsewhere lists what is not in the bundle and wraps too.
func (r *readme) elsewhere() {
	nodes := nodesOf(r.m.Alerts)
	of := "the CUCM nodes that the phones register with"
	if len(nodes) > 0 {
		of = printable(strings.Join(nodes, ", "))
	}
	phones := "the phones concerned (the alert counts phones, it names none)"
	if names := phonesOf(r.m); len(names) > 0 {
		phones = printable(strings.Join(names, ", "))
	}
	r.p.title("Collect these elsewhere, now, before they wrap")
	r.p.para("", "For the time "+r.span(r.m.Asked.Since.Add(-margin), r.m.Asked.Until.Add(margin))+":")
	r.p.item(fmt.Sprintf("CUCM traces of %s: Cisco CallManager, SDL and SDI (RTMT: Trace & Log Central > Collect Files)", of))
	r.p.item("Event Viewer System and Application logs of the same nodes (on the next page of the same wizard)")
	r.p.item(fmt.Sprintf("the problem report (PRT) of %s: from the phone's web page under Console Logs, or Generate PRT on its page in CUCM", phones))
	r.p.blank()
	r.p.para("", "Take the PRT before the phone is reset: a reset cures a partial registration and ends the evidence.")
}

func nodesOf(alerts []evidence.Alert) []string {
	var nodes []string
	for _, a := range alerts {
		if a.Node != "" && !slices.Contains(nodes, a.Node) {
			nodes = append(nodes, a.Node)
		}
	}
	return nodes
}

func phonesOf(m evidence.Manifest) []string {
	names := slices.Clone(m.PhonesNamed)
	for _, a := range m.Alerts {
		names = append(names, a.Devices...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (r *readme) contents() {
	r.p.title("What is in the folder")
	for _, line := range []string{
		"manifest.json: all of the above and more, for programs",
		"alerts/*.eml: the mails as they came",
		"hosts/<host>/<family>.txt: the logs, byte for byte; rotated files are joined in time order",
		"report/: what the REGISTER messages show, if a report was made; and sip.pcapng, if it was asked for",
		"manifest-sha256.txt: the SHA-256 of every other file",
	} {
		r.p.item(line)
	}
	r.p.blank()
	r.p.para("", "To open the SIP messages in Wireshark, tshark or sngrep, as far as bodies were logged:")
	r.p.line("    grab export --pcapng sip.pcapng " + Name(r.m) + ".zip")
	r.p.blank()
}

func (r *readme) verifying() {
	r.p.title("How to verify")
	r.p.item("the archive, with grab: grab verify " + Name(r.m) + ".zip (or .tar.zst)")
	r.p.item("the folder, Linux, macOS: sha256sum -c manifest-sha256.txt (or shasum -a 256 -c)")
	r.p.item("one file, Windows: certutil -hashfile README.txt SHA256")
	r.p.item("the folder, PowerShell:")
	r.p.line("    gc manifest-sha256.txt | % { $h, $f = $_ -split '  ', 2")
	r.p.line("      if ((Get-FileHash -LiteralPath $f).Hash -ne $h) { \"changed: $f\" } }")
	r.p.blank()
	r.p.para("", "These sums show damage. They do not prove who made the bundle.")
	if r.m.Grab != "" {
		r.p.line("Made by grab " + asciiLine(r.m.Grab, 60) + ".")
	}
}
