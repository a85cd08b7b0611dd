package status

import (
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/human"
)

// BySchedule is Pause.By of quiet hours.
const BySchedule = "schedule"

// Site says whether an alert of one site would work.
type Site struct {
	Site    string    `json:"site"`
	Works   bool      `json:"works"` // false while it is paused, too
	Why     string    `json:"why"`   // it does not; "" if it does
	Since   time.Time `json:"since,omitzero"`
	Paused  *Pause    `json:"paused,omitempty"`
	Planned bool      `json:"planned,omitempty"` // its schedule alone keeps it from working: no failure

	Zone *time.Location `json:"-"` // for the times in Why; nil: UTC
}

func (s Site) works() bool { return s.Works }

// all reports whether every site is such.
func (r Report) all(such func(Site) bool) bool {
	return !slices.ContainsFunc(r.Sites, func(s Site) bool { return !such(s) })
}

// judgeSites says of each problem which sites it concerns, and of each site what its
// problems and pauses make of it.
func (r *Report) judgeSites() {
	hosts := map[string][]string{}
	for _, h := range r.Hosts {
		hosts[h.Name] = h.Sites
	}
	blocked := map[string][]Problem{}
	for i := range r.Problems {
		p := &r.Problems[i]
		if p.Sites == nil {
			p.Sites = r.concerns(p.Key, hosts)
		}
		if p.Blocks && len(p.Sites) == 0 {
			blocked[""] = append(blocked[""], *p)
		}
		for _, name := range p.Sites {
			if p.Blocks {
				blocked[name] = append(blocked[name], *p)
			}
		}
	}
	for i := range r.Sites {
		s := &r.Sites[i]
		s.Paused = r.pauseOf(s.Site)
		s.judge(slices.Concat(blocked[""], blocked[s.Site]), r.Now)
	}
}

// concerns are the sites of a problem by what its key names; nil: all of them.
func (r *Report) concerns(key string, hosts map[string][]string) (sites []string) {
	kind, rest, _ := strings.Cut(key, "/")
	name, _, _ := strings.Cut(rest, "/")
	switch kind {
	case "host":
		return hosts[name]
	case "site", "limit":
		return []string{name}
	case "incident":
		if i := slices.IndexFunc(r.Incidents, func(in Incident) bool { return in.Incident == name }); i >= 0 {
			return []string{r.Incidents[i].Site}
		}
	case "mailbox", "canary":
		for _, m := range r.Mailboxes {
			switch {
			case !below(rest, m.Name) && (kind == "mailbox" || !below(m.Name, rest)):
			case len(m.Sites) == 0:
				return nil
			default:
				sites = append(sites, m.Sites...)
			}
		}
		slices.Sort(sites)
		return slices.Compact(sites)
	}
	return nil
}

// below reports whether a path is top, or begins with it.
func below(path, top string) bool { return path == top || strings.HasPrefix(path, top+"/") }

// pauseOf is the pause that a site is in: one that was begun by hand before quiet hours,
// and of those the one that lasts longest.
func (r *Report) pauseOf(site string) (found *Pause) {
	for i := range r.Pauses {
		p := &r.Pauses[i]
		if p.Site != "" && !strings.EqualFold(p.Site, site) {
			continue
		}
		byHand, foundByHand := p.By != BySchedule, found != nil && found.By != BySchedule
		if found == nil || byHand && !foundByHand || byHand == foundByHand && p.Until.After(found.Until) {
			found = p
		}
	}
	return found
}

// judge says what the problems that block a site, and its pause, make of it.
func (s *Site) judge(blocks []Problem, now time.Time) {
	const shown = 2
	var why []string
	for _, p := range blocks {
		if s.Since.IsZero() || !p.Since.IsZero() && p.Since.Before(s.Since) {
			s.Since = p.Since
		}
		if len(why) < shown {
			why = append(why, p.short(now))
		}
	}
	s.Works = len(blocks) == 0 && s.Paused == nil
	switch more := len(blocks) - shown; {
	case s.Works:
		return
	case more > 0:
		why = append(why, human.Plural(more, "more problem"))
	}
	if p := s.Paused; p != nil && (len(blocks) == 0 || p.By != BySchedule) {
		why, s.Since = []string{p.words(now, s.Zone)}, p.From
	}
	s.Why = strings.Join(why, ", ")
	s.Planned = len(blocks) == 0 && s.Paused.By == BySchedule
}

// words is "paused until 08:15 EST, by the night shift: switch upgrade".
func (p Pause) words(now time.Time, zone *time.Location) string {
	s := "paused until " + clockTime(p.Until, now, zone) + ", by " + p.By
	if p.Reason != "" {
		s += ": " + p.Reason
	}
	return s
}

// shortWords say what a problem is by its kind and the end of its key; %s is the name
// between.
var shortWords = map[string]string{
	"mailbox": "mailbox % down", "mailbox/stuck": "mailbox % stuck", "mailbox/alerts": "alerts of mailbox % not kept",
	"host/login": "login to % refused", "host/key": "host key of % not the pinned one", "host/ban": "% silent, perhaps banned",
	"host/unreachable": "% unreachable", "host/sftp": "% lets nobody read its logs",
	"host/logs": "logs of % not readable", "host/stale": "nothing heard of the logs of %", "host/step": "clock of % leapt",
	"host/ahead": "clock of % ahead",
	"cucm/login": "login to CUCM % refused",
	"disk":       "the store's disk full", "store": "the store not writable", "clock": "the clock of this machine wrong",
	"canary": "canary of % missing", "heartbeat": "heartbeat % missing", "limit": "alerts.limit of % reached",
	"incident/held": "logs not open for incident %", "incident/late": "incident % not sealed",
}

// short is a problem in few words, with how long it lasts.
func (p Problem) short(now time.Time) string {
	kind, name, _ := strings.Cut(p.Key, "/")
	words := shortWords[kind]
	if i := strings.LastIndex(name, "/"); i >= 0 && shortWords[kind+name[i:]] != "" {
		words, name = shortWords[kind+name[i:]], name[:i]
	} else if kind != "mailbox" && strings.Contains(name, "/") {
		words = ""
	}
	lasts := ""
	if d := now.Sub(p.Since); !p.Since.IsZero() && d >= time.Second {
		lasts = " for " + human.Span(d)
	}
	if words != "" {
		return strings.Replace(words, "%", name, 1) + lasts
	}
	what := []rune(p.What)
	if len(what) > 120 {
		what = append(what[:120], []rune("...")...)
	}
	if lasts != "" {
		lasts = " (" + lasts[1:] + ")"
	}
	return string(what) + lasts
}

// Headline is the answer in one line: for how many sites an alert now would work, and
// why not for the others.
func (r Report) Headline() string {
	switch len(r.Sites) {
	case 0: // of an older watcher
		if r.Works {
			return "Yes, an alert now would work"
		}
		return "No"
	case 1:
		return r.Sites[0].answer()
	}
	yes := 0
	for _, s := range r.Sites {
		if s.Works {
			yes++
		}
	}
	switch nos := r.nos(yes == 0); yes {
	case len(r.Sites):
		return "Yes for all " + human.Plural(yes, "site")
	case 0:
		return strings.Join(nos, "; ")
	default:
		return "Yes for " + human.Plural(yes, "site") + "; " + strings.Join(nos, "; ")
	}
}

// answer is the headline where there is one site only.
func (s Site) answer() string {
	switch {
	case s.Works:
		return "Yes, an alert now would work"
	case s.Planned:
		return "No, as planned: " + s.Why
	}
	return "No: " + s.Why
}

// nos are the sites that do not work, those of one reason together.
func (r Report) nos(all bool) (parts []string) {
	const groups = 4
	by := map[string][]string{}
	var order []string
	for _, planned := range []bool{false, true} {
		for _, s := range r.Sites {
			if s.Works || s.Planned != planned {
				continue
			}
			if by[s.Why] == nil {
				order = append(order, s.Why)
			}
			by[s.Why] = append(by[s.Why], s.Site)
		}
	}
	if all && len(order) == 1 {
		return []string{"No for all " + human.Plural(len(r.Sites), "site") + ": " + order[0]}
	}
	more := 0
	for i, why := range order {
		if i >= groups {
			more += len(by[why])
			continue
		}
		parts = append(parts, "No for "+few(by[why])+": "+why)
	}
	if more > 0 {
		parts = append(parts, "No for "+human.Plural(more, "more site"))
	}
	return parts
}

// few names the first three.
func few(names []string) string {
	const shown = 3
	if more := len(names) - shown; more > 0 {
		return strings.Join(names[:shown], ", ") + " and " + human.Plural(more, "more site")
	}
	return strings.Join(names, ", ")
}
