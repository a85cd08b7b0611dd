package bundle

import (
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
)

// maxReasons bounds the reasons that are explained; the program knows fewer.
const maxReasons = 20

// A reason is why something is missing, in words, and where that is so.
type reason struct {
	Reason, Means, Next string
	Lines               []string // each span once, with its hosts and families
}

// Reasons are those for which parts are missing, each once. What is to come is none while the
// incident is open.
func (v view) Reasons() (list []reason) {
	var seen []string
	for _, h := range v.Hosts {
		for _, f := range h.Files {
			for _, s := range f.Missing {
				if (s.Reason != evidence.ReasonToCome || v.Sealed()) && !slices.Contains(seen, s.Reason) && len(seen) < maxReasons {
					seen = append(seen, s.Reason)
				}
			}
		}
	}
	for _, name := range seen {
		w := wordsOf(name)
		if v.Site == evidence.SiteAdhoc {
			w.next = unconfigured.Replace(w.next)
		}
		list = append(list, reason{name, w.means, w.next, v.lacking(name)})
	}
	return list
}

// Sealed: it is a bundle, and no open incident.
func (v view) Sealed() bool { return !v.Timing.Sealed.IsZero() }

// lacking are the spans that are missing for a reason.
func (v view) lacking(why string) (lines []string) {
	where := folded{}
	for _, h := range v.Hosts {
		for _, f := range h.Files {
			for _, s := range f.Missing {
				if s.Reason == why {
					where.add(v.Span(s.Since, s.Until)+", "+human.Exactly(s.Until.Sub(s.Since)), h.Host, f.Family)
				}
			}
		}
	}
	for _, f := range where.list {
		lines = append(lines, f.what+": "+f.where())
	}
	return lines
}

// Errors are the hosts' errors, each once with the hosts that have it.
func (v view) Errors() (lines []string) {
	where := folded{}
	for _, h := range v.Hosts {
		if h.Error != "" {
			where.add(printable(v.Say(evidence.Unnamed(h.Host, h.Error))), h.Host, "")
		}
	}
	for _, f := range where.list {
		lines = append(lines, f.where()+": "+f.what)
	}
	return lines
}

// ToCome is what an open incident waits for: until when, and on which hosts; "" if nothing is
// to come.
func (v view) ToCome() string {
	if v.Sealed() {
		return ""
	}
	until, where := time.Time{}, folded{}
	for _, h := range v.Hosts {
		for _, f := range h.Files {
			for _, s := range f.Missing {
				if s.Reason == evidence.ReasonToCome {
					until = evidence.Later(until, s.Until)
					where.add("", h.Host, f.Family)
				}
			}
		}
	}
	if until.IsZero() {
		return ""
	}
	return "until " + v.At(until) + ": " + where.list[0].where()
}

// folded says a thing once, however many hosts and families it is true of.
type folded struct{ list []*fold }

type fold struct {
	what     string
	hosts    []string
	families map[string][]string
}

func (l *folded) add(what, host, family string) {
	i := slices.IndexFunc(l.list, func(f *fold) bool { return f.what == what })
	if i < 0 {
		i = len(l.list)
		l.list = append(l.list, &fold{what: what, families: map[string][]string{}})
	}
	f := l.list[i]
	if !slices.Contains(f.hosts, host) {
		f.hosts = append(f.hosts, host)
	}
	if !slices.Contains(f.families[host], family) {
		f.families[host] = append(f.families[host], family)
	}
}

// where is "expc01, expe01 (network_log, messages); expe02 (messages)".
func (f *fold) where() string {
	var parts []string
	done := map[string]bool{}
	for _, h := range f.hosts {
		families := strings.Join(f.families[h], ", ")
		if done[families] {
			continue
		}
		done[families] = true
		same := slices.DeleteFunc(slices.Clone(f.hosts), func(o string) bool { return strings.Join(f.families[o], ", ") != families })
		part := strings.Join(same, ", ")
		if families != "" {
			part += " (" + families + ")"
		}
		parts = append(parts, part)
	}
	return printable(strings.Join(parts, "; "))
}
