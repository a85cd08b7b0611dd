package evidence

import "strings"

// Bounds of an alert's texts, in characters, and of its lists. They are wider than what
// a reader of mails gives; what is over them is cut off.
const (
	maxField  = 300  // a name, a cluster, a node, an address, a folder
	maxReason = 1000 // why something was found, believed or refused
	maxList   = 100  // devices, recipients, notes, fields of From
)

// Bounded is the alert in texts of its own: none of them is longer than a bound, and
// none is a part of a longer text, which would be kept in memory for as long as the
// alert is.
func Bounded(a Alert) Alert {
	for _, s := range []*string{&a.Name, &a.Cluster, &a.Node, &a.TimeFrom, &a.File, &a.Subject, &a.Kind, &a.Mailbox, &a.Folder, &a.Sender, &a.Source} {
		*s = Printable(*s, maxField)
	}
	a.ID = strings.Clone(a.ID)
	a.Devices, a.Recipients = bounded(a.Devices, maxField), bounded(a.Recipients, maxField)
	a.Notes = bounded(a.Notes, maxReason)

	if a.From != nil {
		from := make(map[string]string, len(a.From))
		for field, where := range a.From {
			if len(from) < maxList {
				from[Printable(field, maxField)] = Printable(where, maxReason)
			}
		}
		a.From = from
	}
	if a.Auth != nil {
		auth := *a.Auth
		auth.How, auth.Why, auth.Sender = Printable(auth.How, maxField), Printable(auth.Why, maxReason), Printable(auth.Sender, maxField)
		a.Auth = &auth
	}
	if a.Relay != nil {
		relay := *a.Relay
		relay.Site, relay.Collector, relay.Seen = Printable(relay.Site, maxField), Printable(relay.Collector, maxField), BoundedTime(relay.Seen)
		a.Relay = &relay
	}
	return a
}

// bounded keeps nil apart from an empty list.
func bounded(list []string, limit int) []string {
	if list == nil {
		return nil
	}
	own := make([]string, min(len(list), maxList))
	for i := range own {
		own[i] = Printable(list[i], limit)
	}
	return own
}
