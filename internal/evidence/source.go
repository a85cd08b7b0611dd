package evidence

import "cmp"

// IsMail reports whether the alert was read out of a mail.
func (a Alert) IsMail() bool { return a.Source == "" }

// Way says in words how the alert came: "mail", "PerfMon poll of cucm01", "webhook".
func (a Alert) Way() string {
	switch a.Source {
	case "":
		if a.Relay != nil {
			return "mail seen by " + a.Relay.Collector
		}
		return "mail"
	case SourcePoll:
		return "PerfMon poll of " + cmp.Or(a.Node, "a node without a name")
	}
	return a.Source
}

// FileEnding ends the names of files that hold what came, byte for byte.
func (a Alert) FileEnding() string {
	if a.IsMail() {
		return ".eml"
	}
	return ".json"
}
