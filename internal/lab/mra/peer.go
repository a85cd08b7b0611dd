package mra

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/timeline"
)

// A peer is an Expressway as a Site drives it: what it logs of the messages and
// connections that pass, whether it does, and how it is connected. The timeline's runner owns it.
type peer struct {
	*lab.Expressway
	time   *timeline.Timeline
	rng    *rand.Rand
	silent bool                 // stopped, or the logs have not begun: of the network nothing is logged
	frozen bool                 // stands still: nothing of the background is logged
	stalls map[string]time.Time // by where it is: until then nothing passes

	zone *zone // of an Expressway-E

	// Of an Expressway-C, by the node that is wanted:
	links   map[*cucm]*link
	instead map[*cucm]*cucm // the node that is reached there
}

// logSIP logs one message that the peer sent or received at the real time at: the
// INFO record, and at DEBUG the body with the same Msg-Hash.
func (e *peer) logSIP(at time.Time, sent bool, localPort int, farIP string, farPort int, m *message) {
	action, far := "Received", "Src"
	if sent {
		action, far = "Sent", "Dst"
	}
	hash := e.rng.Uint64() | 1
	mark := strconv.FormatUint(hash, 10)
	ends := fmt.Sprintf(`Action="%s" Local-ip="%s" Local-port="%d" %s-ip="%s" %s-port="%d" `, action, e.IP(), localPort, far, farIP, far, farPort)
	e.log(at, "network.sip", "INFO", mark, ends+`Detail="`+m.detail(sent, hash)+`"`)
	if e.Logs().Level == "DEBUG" {
		e.log(at, "network.sip", "DEBUG", mark, ends+`Msg-Hash="`+mark+`"`+m.dump())
	}
}

// logConnection is a record of network.tcp, which only DEBUG shows.
func (e *peer) logConnection(at time.Time, from string, fromPort int, to string, toPort int, detail string) {
	if e.Logs().Level != "DEBUG" {
		return
	}
	mark := e.mark()
	e.log(at, "network.tcp", "DEBUG", mark, fmt.Sprintf(`Src-ip="%s" Src-port="%d" Dst-ip="%s" Dst-port="%d" Connection-ID="%s" Detail=%s`,
		from, fromPort, to, toPort, mark, detail))
}

// logFailed is the record of a connection that did not come about.
func (e *peer) logFailed(at time.Time, to string, port int) {
	mark := e.mark()
	e.log(at, "network.tcp", "ERROR", mark, fmt.Sprintf(`Dst-ip="%s" Dst-port="%d" Detail="TCP Connection Failed" Connection-ID="%s"`, to, port, mark))
}

// log has a record of what happened at the time at written a moment later: so the
// lines are not in the order of their UTCTimes.
func (e *peer) log(at time.Time, module, level, mark, text string) {
	if !e.keeps(lab.NetworkLog) {
		return
	}
	written := at
	if d := e.Logs().Disorder; d > 0 {
		written = at.Add(time.Duration(e.rng.Int64N(int64(d) + 1)))
	}
	e.time.At(written, func(now time.Time) {
		if !e.silent {
			e.AddNetwork(at, now, module, level, mark, text)
		}
	})
}

// logEvent is an Event record, which stands in the Event Log.
func (e *peer) logEvent(at time.Time, text string) {
	if !e.keeps(lab.Messages) {
		return
	}
	mark := e.mark()
	e.time.At(at, func(now time.Time) { e.AddEvent(at, now, mark, text+` Connection-ID="`+mark+`" Level="1"`) })
}

func (e *peer) keeps(family string) bool { return slices.Contains(e.Logs().Families, family) }

func (e *peer) mark() string { return strconv.FormatUint(e.rng.Uint64()|1<<63, 16) }
