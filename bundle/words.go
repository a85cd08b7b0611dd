package bundle

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
)

// printable makes foreign text fit for one line of ASCII.
func printable(s string) string { return asciiLine(s, 1000) }

func asciiLine(s string, limit int) string {
	return strings.Map(func(r rune) rune {
		if r > 0x7e {
			return '?'
		}
		return r
	}, evidence.Printable(s, limit))
}

// A reason in words: what it means and the next move.
type reasonWords struct{ means, next string }

var reasons = map[string]reasonWords{
	evidence.ReasonRotated: {
		"no log file on the host goes back this far: the records were overwritten before grab could open the file, or were never written.",
		"Grab sooner, or lower the log levels so that the logs reach further back; look for a remote syslog server or a diagnostic log of that time."},
	evidence.ReasonUnreachable: {
		"the host did not answer, or the connection was lost for good.",
		"Run `grab check HOST`, fix the connection, then `grab retry INCIDENT` before its logs rotate."},
	evidence.ReasonLogin: {
		"the host refused the login, or an earlier refusal blocks another attempt (the appliance bans addresses that try again).",
		"Correct user, key or password, run `grab check HOST`, then `grab retry INCIDENT`."},
	evidence.ReasonNoLogin: {
		"no login was tried: the key or the secret cannot be used on the collector, or the host does not offer this kind of login.",
		"Correct the key, the secret or the kind of login as the host's error says, run `grab check HOST`, then `grab retry INCIDENT`."},
	evidence.ReasonHostKey: {
		"the host key is not the pinned one, or none is pinned: another machine, or a new key.",
		"Compare the fingerprints out of band, pin the new key with `grab trust HOST` if it is right, then `grab retry INCIDENT`."},
	evidence.ReasonAbsent: {
		"the host has no log of this family, or not the folder.",
		"Check the folder and the families under logs: in the configuration with `grab check HOST`."},
	evidence.ReasonVanished: {
		"a file was listed and was gone before grab could open it: the logs rotate very fast.",
		"Lower the log levels or grab sooner; run `grab retry INCIDENT` at once, for parts may be in other files."},
	evidence.ReasonRead: {
		"part of the log could not be read, or has no records (a damaged disk, a truncated file).",
		"Run `grab retry INCIDENT`; if it happens again look at the host's disk and at the file by hand."},
	evidence.ReasonClock: {
		"the clocks or the time stamps in the logs contradict each other, so what was logged in this span is not known.",
		"Check NTP on the host and on the collector; read the log around this span by eye."},
	evidence.ReasonDisk: {
		"the collector's disk was full.",
		"Make room in the store, then `grab retry INCIDENT` before the host's logs rotate."},
	evidence.ReasonSlow: {
		"the host answered too slowly (below 16 KiB/s for a minute).",
		"Check the host's load and the network to it, then `grab retry INCIDENT` before its logs rotate."},
	evidence.ReasonTooLarge: {
		"the host wrote more in this window than limits.per_host allows: the part nearest the alert was copied.",
		"Raise limits.per_host and run `grab retry INCIDENT` before the host's logs rotate; find out what writes so much."},
	evidence.ReasonSilent: {
		"the log was read and has no record here, though by its own history it always has some; or the host's clock leapt in this window.",
		"Look at the host's disk, log levels and NTP; look for a remote syslog server that has the records."},
	evidence.ReasonToCome: {
		"the grab was stopped before it had all of this: while it copied, or before it looked at the host a last time, after the window had ended.",
		"Run `grab retry INCIDENT` before the host's logs rotate."},
}

// unconfigured turns the next move into that of somebody who has no configuration, and so
// neither a store nor a host that other commands know: all that he has is `grab now`.
var unconfigured = strings.NewReplacer(
	"pin the new key with `grab trust HOST` if it is right, then `grab retry INCIDENT`", "and name the right one with --fingerprint in another `grab now`",
	"Check the folder and the families under logs: in the configuration with `grab check HOST`", "Name the folder with --dir in another `grab now`",
	"Run `grab check HOST`, fix the connection, then `grab retry INCIDENT`", "Fix the connection, then run `grab now` again with --at",
	", run `grab check HOST`, then `grab retry INCIDENT`", ", then run `grab now` again with --at",
	"`grab retry INCIDENT`", "`grab now` again with --at")

func wordsOf(reason string) reasonWords {
	if w, ok := reasons[reason]; ok {
		return w
	}
	return reasonWords{"a reason this version of grab does not know.", "Read the manifest with a newer version."}
}

// orUnknown keeps the place of an empty field.
func orUnknown[S ~string](s S) string {
	if s == "" {
		return "unknown"
	}
	return printable(string(s))
}

// CoverageSentence sums up the hosts.
func (v view) CoverageSentence() string {
	window := v.Span(v.Asked.Since, v.Asked.Until)
	n := map[evidence.Coverage]int{}
	for _, h := range v.Hosts {
		n[h.Coverage]++
	}
	switch {
	case len(v.Hosts) == 0:
		return fmt.Sprintf("Coverage: lost. No host was asked for the window %s.", window)
	case v.Coverage == evidence.Complete:
		return fmt.Sprintf("Coverage: complete. Every log of %s is here for the whole window %s.", human.Plural(len(v.Hosts), "configured host"), window)
	case v.Coverage == evidence.Lost:
		return fmt.Sprintf("Coverage: lost. Nothing of the window %s was found on %s.", window, human.Plural(len(v.Hosts), "configured host"))
	}
	return fmt.Sprintf("Coverage: %s. Of %s, %d complete, %d partial, %d lost, for the window %s.",
		orUnknown(v.Coverage), human.Plural(len(v.Hosts), "configured host"), n[evidence.Complete], n[evidence.Partial], n[evidence.Lost], window)
}

// ClockAstray warns when all hosts' measured clocks are off the collector's by more than a minute, and
// alike: then the collector's may be wrong, and the window another one; "" if they are not, or there is
// but one.
func (v view) ClockAstray() string {
	var offs []time.Duration
	for i := range v.Hosts {
		if ms := v.Hosts[i].ClockOffsetMS; ms != nil {
			offs = append(offs, time.Duration(*ms)*time.Millisecond)
		}
	}
	if len(offs) < 2 {
		return ""
	}
	low, high := slices.Min(offs), slices.Max(offs)
	least, way, by := low, "ahead of", low
	if high < 0 {
		least, way, by = -high, "behind", -high
	}
	if least <= time.Minute || high-low > max(time.Second, least/10) {
		return ""
	}
	w := v.Asked.Shift(low)
	return fmt.Sprintf("WARNING: the clocks of all hosts are %s %s the collector's, so that may be the one that is wrong. What was copied is of %s by the hosts' clocks: if that is not when it happened, set NTP on the collector, then grab those minutes (grab now --at).",
		human.Exactly(by.Round(time.Second)), way, v.Span(w.Since.Round(time.Second), w.Until.Round(time.Second)))
}

// ClocksApart warns when hosts' measured clocks differ by more than a second;
// "" if they do not.
func (v view) ClocksApart() string {
	var slow, fast *evidence.Host
	for i := range v.Hosts {
		h := &v.Hosts[i]
		if h.ClockOffsetMS == nil {
			continue
		}
		if slow == nil || *h.ClockOffsetMS < *slow.ClockOffsetMS {
			slow = h
		}
		if fast == nil || *h.ClockOffsetMS > *fast.ClockOffsetMS {
			fast = h
		}
	}
	if slow == nil || *fast.ClockOffsetMS-*slow.ClockOffsetMS <= 1000 {
		return ""
	}
	return fmt.Sprintf("WARNING: the clocks of %s and %s differ by %s. Correct for that before comparing times of the two; check NTP.",
		printable(slow.Host), printable(fast.Host), human.Exactly(time.Duration(*fast.ClockOffsetMS-*slow.ClockOffsetMS)*time.Millisecond))
}
