package checkup

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/human"
)

const networkLog = "network_log" // the family that SIP is logged in

// judgeLogs says of each family whether it is there and reaches back far enough.
// window is how much an alert asks for.
func (v *visit) judgeLogs(d logset.Depths, dir string, window time.Duration, now time.Time, clock human.Clock) {
	if d.ClockErr == nil {
		now = now.Add(d.Clock)
	}
	for _, f := range d.Families {
		status, detail, hint := judgeFamily(f, dir, window, now, clock, v.host.Ring.Enabled)
		v.add(f.Family, status, detail, hint)
		if !f.Oldest.IsZero() {
			v.findings[len(v.findings)-1].KeepsS = int64(now.Sub(f.Oldest) / time.Second)
		}
	}
	for _, n := range d.Notes {
		v.add("logs", StatusWarn, n, "")
	}
}

func judgeFamily(f logset.Depth, dir string, window time.Duration, now time.Time, clock human.Clock, ring bool) (status, detail, hint string) {
	switch {
	case f.Files == 0 && f.Missed > 0:
		return StatusFail, fmt.Sprintf("%s in %s, none could be opened", human.Plural(f.Missed, "file"), dir), "let the user who logs in read them"
	case f.Files == 0:
		return StatusFail, "no file of this family in " + dir, "check logs.dir and logs.families: this log would be missing from every bundle"
	}
	detail = fmt.Sprintf("%s, %s", human.Plural(f.Files, "file"), human.Size(f.Bytes))
	if f.Gzip > 0 {
		detail += fmt.Sprintf(" (%d compressed)", f.Gzip)
	}
	if f.Missed > 0 {
		detail += fmt.Sprintf(", %d more could not be opened", f.Missed)
	}
	if f.Oldest.IsZero() {
		return StatusWarn, detail + ", no record found", "nothing is logged there, or this is not a log"
	}
	depth := now.Sub(f.Oldest)
	detail += fmt.Sprintf(", reaches back %s, to %s", human.Span(depth), clock.At(f.Oldest.Truncate(time.Second)))
	if f.PerMin > 0 {
		detail += fmt.Sprintf(", %s a minute", human.Size(f.PerMin))
	}
	if depth > window {
		detail += ", an alert now would lose its minutes from " + clock.OfDay(now.Add(depth-window).Truncate(time.Second)) + " on"
	}
	detail += ", last written " + human.Ago(max(now.Sub(f.Written), 0))
	lost, fix := "the start of its window would be lost", "shorten window.before, log less at DEBUG, or keep a rolling copy: ring.enabled"
	if ring {
		lost, fix = lost+", but for what the ring holds", "shorten window.before, or log less at DEBUG"
	}
	if f.Files == 1 {
		fix = "there is no rotated file yet: a young log will reach further back by itself; else " + fix
	}
	switch {
	case depth < window:
		return StatusWarn, detail, fmt.Sprintf("an alert needs %s plus the mail's delay: %s; %s", human.Span(window), lost, fix)
	case depth < 2*window:
		return StatusWarn, detail, fmt.Sprintf("an alert needs %s, and this is less than twice that: in a busy hour %s; %s", human.Span(window), lost, fix)
	}
	return StatusOK, detail, ""
}

const levelHint = "without bodies a report cannot tell whether a phone registered one line or all (bulk register), nor show Contact, Expires and Reason. " +
	"Set module network.sip to DEBUG on the peer: Maintenance > Diagnostics > Advanced > Support Log configuration and Network Log configuration; " +
	"the logs then rotate sooner. grab itself changes nothing on the peer"

// judgeLevel says whether SIP messages are logged in full.
func (v *visit) judgeLevel(d logset.Depths) {
	if !slices.ContainsFunc(d.Families, func(f logset.Depth) bool { return f.Family == networkLog && f.Files > 0 }) {
		return
	}
	switch d.BodiesLogged {
	case "yes":
		v.add("log_level", StatusOK, "SIP bodies are logged (network.sip at DEBUG)", "")
	case "no":
		v.add("log_level", StatusWarn, "SIP bodies are not logged: network.sip is at INFO", levelHint)
	case "mixed":
		v.add("log_level", StatusWarn, "SIP bodies are logged for part of the time: the level was changed", levelHint)
	default:
		v.add("log_level", StatusWarn, "no SIP message in the last 256 KiB of "+networkLog+": log level unknown", levelHint)
	}
}

// judgeClock compares the host's clock with this machine's.
func (v *visit) judgeClock(d logset.Depths) {
	if d.ClockErr != nil {
		why := "not measured: " + d.ClockErr.Error()
		if errors.Is(d.ClockErr, context.DeadlineExceeded) {
			why = "not measured: `date` did not answer in time"
		}
		v.add("clock", StatusWarn, why,
			"windows are cut up to 60 s wider for it. To measure it allow `date` (ssh.commands, and a key not restricted to SFTP); keep both clocks on NTP")
		return
	}
	where := "ahead of this machine"
	if d.Clock < 0 {
		where = "behind this machine"
	}
	detail := fmt.Sprintf("%s %s (+- %s)", human.Exactly(d.Clock.Abs()), where, human.Exactly(d.ClockDoubt))
	if d.Clock.Abs()-d.ClockDoubt > time.Second {
		v.add("clock", StatusWarn, detail, "windows are corrected by this, but logs of several hosts are hard to compare: check NTP on the peer (System > Time) and on this machine")
		return
	}
	v.add("clock", StatusOK, detail, "")
}

// unknownPeers names other Expressways that the logs mention and nobody has
// configured. A host that was not reached may be one of them.
func unknownPeers(cfg *config.Config, visits []visit) []Finding {
	known := map[string]bool{}
	all := true
	for i := range cfg.Sites {
		for _, h := range cfg.Sites[i].Hosts {
			name, _, _ := net.SplitHostPort(h.Address)
			known[plainAddress(name)] = true
		}
	}
	for _, v := range visits {
		all = all && v.looked
		for _, a := range v.depths.Own {
			known[a] = true
		}
	}
	var out []Finding
	for _, v := range visits {
		unknown := slices.DeleteFunc(slices.Clone(v.depths.Peers), func(a string) bool { return known[a] })
		if len(unknown) == 0 {
			continue
		}
		hint := "if it is an Expressway of this site add it under hosts:; until then its logs are in no bundle"
		if !all {
			hint += " (it may be one of those that were not reached)"
		}
		out = append(out, Finding{Host: v.host.Name, What: "peers", Status: StatusWarn, Detail: "its log names " + strings.Join(unknown, ", ") + " at the far end of a traversal zone, and hosts: does not have it", Hint: hint})
	}
	return out
}

// plainAddress is an IP address in its usual form, or the name as it is.
func plainAddress(s string) string {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap().String()
	}
	return s
}
