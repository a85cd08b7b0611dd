package status

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/human"
)

// Bounds beyond which there is a problem.
const (
	Stuck    = 3 * time.Minute // a mailbox's loop without a sign of life
	LowDisk  = 1 << 30         // bytes, where nothing is reserved
	LowDays  = 3.0
	ClockOff = time.Minute      // between this machine and a host
	ClockGap = time.Second      // between hosts of one site
	HeldIn   = time.Minute      // from an incident's beginning until its hosts' files are held, or they are known not to answer
	SealedIn = 15 * time.Minute // from the end of an incident's window and the patience after it

	alike = 10 // hosts are astray alike if they differ by no more than this part of what they are astray
)

// JudgeMailbox adds what is wrong with a mailbox; hint is for its Error.
func (r *Report) JudgeMailbox(m Mailbox, hint string) {
	p := Problem{Key: "mailbox/" + m.Name, Since: m.Since, Hint: hint, Blocks: true}
	switch quiet := r.Now.Sub(m.Turned); {
	case m.Broken:
		p.What = "mailbox " + m.Name + " is not watched, its configuration cannot work: " + m.Error
	case !m.Turned.IsZero() && quiet > Stuck:
		p.Key += "/stuck"
		p.Since = m.Turned
		p.What = fmt.Sprintf("mailbox %s: grab watch has been stuck for more than %s", m.Name, human.Span(Stuck))
		p.Hint = "is the store's disk slow or full? If it lasts restart grab watch (with WatchdogSec= systemd does it)"
	case m.Connected:
		return
	case m.Error == "":
		p.What = "mailbox " + m.Name + " is not connected yet"
		p.Hint = "grab watch has just begun with it: ask again in a minute"
	default:
		p.What = fmt.Sprintf("mailbox %s at %s is down: %s", m.Name, m.Server, m.Error)
	}
	r.Add(p)
}

// A Need is what an alert asks of a host.
type Need struct {
	Before, After time.Duration // of the window
	Every         time.Duration // of the ring's increments
}

// JudgeLogs adds what is wrong with a host's logs, its ring and its clock.
func (r *Report) JudgeLogs(h Host, n Need) {
	key, window := "host/"+h.Name, n.Before+n.After
	held := h.Ring != nil && r.judgeRing(h, n) && seconds(h.Ring.DepthS) >= n.Before
	for _, f := range h.Families {
		depth := seconds(f.DepthS)
		if f.Young && depth >= n.Before || depth >= 2*window || f.DepthS == 0 && !f.Proven.IsZero() || f.Error != "" || h.ProofError != "" {
			continue
		}
		p := Problem{Key: key + "/logs/" + f.Name, Blocks: depth < n.Before && !held,
			What: fmt.Sprintf("%s keeps %s of %s; an alert needs %s plus the mail's delay", h.Name, human.Span(depth), f.Name, human.Span(window)),
			Hint: "lower log levels that are not needed (Maintenance > Diagnostics), shorten window.before, or keep a rolling copy: ring.enabled"}
		switch {
		case held:
			p.Hint = "the ring holds " + human.Span(seconds(h.Ring.DepthS)) + ": no alert loses anything as long as grab watch feeds it. To be rid of this lower log levels that are not needed (Maintenance > Diagnostics), or shorten window.before"
		case h.Ring != nil:
			p.Hint = "the ring holds " + human.Span(seconds(h.Ring.DepthS)) + ", which is not enough: it fills while grab watch runs, up to ring.keep and ring.max_size"
		}
		if f.Young {
			p.Hint = "it never rotated, so it is new, or what was before was removed: it comes to reach further back by itself"
		}
		r.Add(p)
	}
	if off := clock(h); off.Abs() > ClockOff {
		r.Add(Problem{Key: key + "/clock", What: fmt.Sprintf("the clock of %s is %s", h.Name, astray(off)),
			Hint: "set NTP on the peer (System > Time) and on this machine; windows are corrected by the measured offset"})
	}
}

// judgeRing reports whether the ring is as it should be.
func (r *Report) judgeRing(h Host, n Need) bool {
	bound := 3*n.Every + time.Minute
	if r.Now.Sub(r.Started) < bound {
		return true // it has only begun
	}
	p := Problem{Key: "host/" + h.Name + "/ring", Since: h.Ring.Last,
		Hint: "it is fed over the host's session: see the host's other problems, and the log of grab watch"}
	switch {
	case h.Ring.Last.IsZero():
		p.What = "the ring of " + h.Name + " is empty"
	case r.Now.Sub(h.Ring.Last) > bound:
		p.What = "the ring of " + h.Name + " has received nothing for more than " + human.Span(bound)
	default:
		return true
	}
	r.Add(p)
	return false
}

// JudgeClocks compares the clocks of hosts. If all that were measured are astray
// alike, by far more than from each other, this machine's own is taken to be.
func (r *Report) JudgeClocks() {
	bySite := map[string][]Host{}
	var all []Host
	for _, h := range r.Hosts {
		if h.ClockMS == nil {
			continue
		}
		all = append(all, h)
		for _, s := range h.Sites {
			bySite[s] = append(bySite[s], h)
		}
	}
	for _, site := range sorted(bySite) {
		a, b := extremes(bySite[site])
		if gap := clock(b) - clock(a); gap > ClockGap {
			r.Add(Problem{Key: "site/" + site + "/clock",
				What: fmt.Sprintf("the clocks of %s and %s, of site %s, are %s apart", a.Name, b.Name, site, human.Span(gap)),
				Hint: "set the same NTP servers on all peers (System > Time); an Expressway raises alarm 25022 for this"})
		}
	}
	if len(all) < 2 {
		return
	}
	a, b := extremes(all)
	low, high := clock(a), clock(b)
	least := max(low, -high) // that they are astray; below zero: they are so in both directions
	if least < ClockGap || high-low > max(ClockGap, least/alike) {
		return
	}
	r.Add(Problem{Key: "clock", Blocks: low.Abs() > ClockOff && high.Abs() > ClockOff,
		What: fmt.Sprintf("the clock of this machine is wrong, if those of all %d hosts are right: to it they are %s", len(all), astray(low)),
		Hint: "set NTP on this machine (timedatectl, w32tm): windows are cut around the alert's time by its clock"})
}

func extremes(list []Host) (least, most Host) {
	by := func(a, b Host) int { return int(*a.ClockMS - *b.ClockMS) }
	return slices.MinFunc(list, by), slices.MaxFunc(list, by)
}

// clock is a host's offset, zero if it is not known.
func clock(h Host) time.Duration {
	if h.ClockMS == nil {
		return 0
	}
	return time.Duration(*h.ClockMS) * time.Millisecond
}

func astray(off time.Duration) string {
	if off < 0 {
		return human.Span(-off) + " behind"
	}
	return human.Span(off) + " ahead"
}

// JudgeDisk adds what is wrong with the store's disk.
func (r *Report) JudgeDisk() {
	p := Problem{Key: "disk", Hint: "make room below " + r.Store + ", or shorten keep.age"}
	switch d := r.Disk; {
	case d.FreeBytes < d.ReserveBytes:
		p.Blocks = true
		p.What = fmt.Sprintf("only %s are free for the store, and %s are reserved (keep.free): alerts are accepted and files kept open, but nothing is copied until there is room",
			human.Size(d.FreeBytes), human.Size(d.ReserveBytes))
	case d.ReserveBytes == 0 && d.FreeBytes < LowDisk:
		p.Blocks = true
		p.What = fmt.Sprintf("only %s are free for the store: one alert may need more", human.Size(d.FreeBytes))
	case d.DaysLeft > 0 && d.DaysLeft < LowDays:
		p.What = fmt.Sprintf("the store's disk will be full in %.1f days at the rate of the last week", d.DaysLeft)
	default:
		return
	}
	r.Add(p)
}

// JudgeAside adds that files of the store were damaged, and set aside.
func (r *Report) JudgeAside(files []string) {
	const shown = 5
	if len(files) == 0 {
		return
	}
	list := strings.Join(files[:min(len(files), shown)], ", ")
	if more := len(files) - shown; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	r.Add(Problem{Key: "damaged", What: "files of the store were damaged and set aside, and start again empty: " + list,
		Hint: "see the log of grab watch for what that means, look at the disk, and then remove them from " + r.Store})
}

// JudgeIncidents adds those that are open and fail, or wait too long. Hosts are waited for
// until patience after the end of a window.
func (r *Report) JudgeIncidents(patience time.Duration) {
	for _, in := range r.Incidents {
		key := "incident/" + in.Incident
		if in.Error != "" {
			r.Add(Problem{Key: key, What: "incident " + in.Incident + " cannot be finished: " + in.Error,
				Hint: "it is retried automatically; `grab retry " + in.Incident + "` does so at once"})
		}
		begun := latest(in.Since, r.Started)
		if len(in.Waiting) > 0 && r.Now.Sub(begun) > HeldIn {
			r.Add(Problem{Key: key + "/held", Since: begun, Blocks: true,
				What: fmt.Sprintf("incident %s waits for its hosts: the logs of %s are not open after %s, and may be overwritten", in.Incident, strings.Join(in.Waiting, ", "), human.Span(HeldIn)),
				Hint: "see what else is said of the hosts, and `grab check`"})
		}
		due := latest(in.Until, begun).Add(patience)
		late := !in.Until.IsZero() && r.Now.Sub(due) > SealedIn
		if late && in.Standing != "" && !in.Sealed {
			r.Add(Problem{Key: key + "/standing", Since: due,
				What: fmt.Sprintf("incident %s has no bundle more than %s after its time: %s", in.Incident, human.Span(SealedIn), in.Standing),
				Hint: "what was copied stays here; see to that collector (`grab hub status`): when it is stopped, or has been silent for a minute, another seals"})
		}
		if late && in.Standing == "" {
			r.Add(Problem{Key: key + "/late", Since: due, Blocks: true,
				What: fmt.Sprintf("incident %s has no bundle more than %s after its time", in.Incident, human.Span(SealedIn)),
				Hint: "it copies for long, or waits for room on the disk: see the log of grab watch; `grab retry " + in.Incident + "` tries at once"})
		}
	}
}

// JudgeUnrouted adds that alerts came which no site claims: nothing was grabbed for them.
// No site is the worse for it, as far as anybody knows, so it blocks none.
func (r *Report) JudgeUnrouted(zone *time.Location) {
	for _, u := range r.Unrouted {
		of, key := "of cluster "+u.Cluster, UnroutedKey+"/"+label(u.Cluster)
		switch {
		case u.Further:
			of, key = "of further clusters", UnroutedKey
		case u.Cluster == "" && u.Node == "":
			of, key = "without cluster and node", UnroutedKey+"/-"
		case u.Cluster == "":
			of, key = "of node "+u.Node, UnroutedKey+"/node/"+label(u.Node)
		}
		claims := "it"
		if u.Further {
			claims = "them"
		}
		what := human.Plural(u.Alerts, "alert") + " " + of + " came since " + clockTime(u.Since, r.Now, zone) + "; no site claims " + claims
		if u.Alerts == 1 {
			what = "an alert " + of + " came at " + clockTime(u.Since, r.Now, zone) + "; no site claims " + claims
		}
		if u.Meant != "" {
			what += "; did you mean " + u.Meant + "?"
		}
		r.Add(Problem{Key: key, Since: u.Since, What: what,
			Hint: "nothing was grabbed for " + them(u.Alerts) + ": add the name to clusters: or nodes: of its site, as the mail writes it, and `grab reload`; `grab list --alerts` shows " +
				them(u.Alerts) + ", `grab now --site SITE --at TIME` fetches what is still there"})
	}
}

func them(n int) string {
	if n == 1 {
		return "it"
	}
	return "them"
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// DaysLeft is for how many days the room suffices if perDay bytes come every day
// and a bundle goes when it is keep days old (zero: never). bundles are the bytes
// that are there, by age in days. Zero: for ever.
func DaysLeft(free int64, perDay float64, keep int, bundles map[int]int64) float64 {
	const least = 0.01
	switch {
	case perDay <= 0:
		return 0
	case keep <= 0:
		return max(float64(free)/perDay, least)
	}
	left := float64(free)
	for day := range keep { // then as much goes as comes
		next := left - perDay + float64(bundles[keep-day])
		if next < 0 {
			return max(float64(day)+left/(left-next), least)
		}
		left = next
	}
	return 0
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
