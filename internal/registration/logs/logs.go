// Package logs reads from the logs of Expressways what bears on registrations: REGISTERs
// and their answers, records of TCP connections and events, and the numbers of phones
// (docs/expressway-logs.md). It tells which host is an Expressway-C and which an E, and
// how much of the window the logs cover.
//
// Times are int64, nanoseconds of Unix time: by the collector's clock where the host's
// offset was measured, else by the host's own. Neither the order of the sources nor that of
// records up to 5 s counts, and what stands in two files is kept once. It does not know what
// the messages mean together: that is package wire's.
package logs

import (
	"slices"

	"rtmtgrab/internal/evidence"
)

// Logs are what was read and what is known beside it: the peers, and how much of the
// window their logs cover. They do not change after Read, but that TakeTCP empties them of
// the records of connections.
type Logs struct {
	Window  evidence.Window // that the logs were asked for; empty: not known
	Peers   []string        // Expressways that the logs name and nobody configured
	Sources []Source        // by host and file
	Scans   []*Scan         // one of each source
	Texts   *Texts

	Hosts     []*Host // by role and name
	ByName    map[Text]*Host
	Own       map[End]string      // the hosts' own ends, with their names
	Strangers map[string][]string // addresses of peers without logs, by role: "C" or "E"

	Zones  Zones   // that REGISTERs passed
	More   More    // what was not kept, for it was too much
	Events []Event // that may explain a loss, by host and time
	Bodies string  // whether SIP messages were logged in full: yes, no, mixed, unknown
	Begin  int64   // where the window begins, or the logs do
	End    int64   // the last record of the peers that talk to CUCM, or of all
}

// findStrangers lists the peers that messages passed through and of which there is no
// log, by role and address.
func (l *Logs) findStrangers(msgs []*Message) {
	seen := map[End]bool{}
	for _, m := range msgs {
		role := ""
		switch l.Stage(m) {
		case OutOfE, IntoE:
			role = "C"
		case IntoC, OutOfC:
			role = "E"
		}
		if role == "" || seen[m.Far] {
			continue
		}
		seen[m.Far] = true
		addr := l.Texts.AddrPort(m.Far).Addr()
		if !addr.IsValid() || l.Own[m.Far] != "" || slices.Contains(l.Strangers[role], addr.String()) {
			continue
		}
		l.Strangers[role] = append(l.Strangers[role], addr.String())
	}
	for _, s := range l.Strangers {
		slices.Sort(s)
	}
}

// bodiesLogged says whether SIP messages were logged in full on the hosts.
func (l *Logs) bodiesLogged() string {
	out := ""
	for _, h := range l.Hosts {
		one := h.BodiesLogged()
		switch {
		case one == "unknown":
		case out == "":
			out = one
		case out != one:
			out = "mixed"
		}
	}
	if out == "" {
		return "unknown"
	}
	return out
}

// RegistrarRole is the role whose logs tell how phones are registered: C, or E where there are
// none of C.
func (l *Logs) RegistrarRole() string {
	if slices.ContainsFunc(l.OfRole("C"), func(h *Host) bool { return h.SIP+h.Bodies > 0 }) {
		return "C"
	}
	return "E"
}
