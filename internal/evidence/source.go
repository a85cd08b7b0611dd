package evidence

import "cmp"

// IsMail reports whether the alert was read out of a mail.
func (a Alert) IsMail() bool { return a.Source == "" }

// Way says in words how the alert came: "mail", "PerfMon poll of cucm01", "webhook", "mail seen
// by dmz-a".
func (a Alert) Way() string {
	way := a.Source
	switch a.Source {
	case "":
		way = "mail"
	case SourcePoll:
		way = "PerfMon poll of " + cmp.Or(a.Node, "a node without a name")
	}
	if a.Relay != nil {
		way += " seen by " + Printable(a.Relay.Collector, 80)
	}
	return way
}

// FileEnding ends the names of files that hold what came, byte for byte.
func (a Alert) FileEnding() string {
	if a.IsMail() {
		return ".eml"
	}
	return ".json"
}
