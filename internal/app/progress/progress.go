// Package progress shows how far a grab is: on a terminal a bar for each host, and one
// for their sum, with per cent, speed and the time that is left; elsewhere a line for each
// step.
//
// Its bars end when the grab is sealed or Close is called, whether or not what they
// counted came to its end. Nobody who tells a Display something waits for the terminal: it
// may be halted (Ctrl-S), and the logs go on being overwritten. It knows nothing of how
// logs are copied.
package progress

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8"
	"golang.org/x/term"

	"rtmtgrab/fetch"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident/runner"
)

// A screen is what a Display draws on. Its goroutine alone uses it.
type screen struct {
	to    io.Writer
	bars  *mpb.Progress // nil: no terminal, or the bars have ended
	hosts map[string]*host
	sum   *bar // nil: one host, or none

	causes map[string]string // by host: what was last said to have failed
}

type host struct {
	count
	said int64 // total that was said; -1: none
	bar  *bar
}

func newScreen(to io.Writer) *screen {
	d := &screen{to: to, hosts: map[string]*host{}, causes: map[string]string{}}
	if f, ok := to.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		d.bars = mpb.New(mpb.WithOutput(f), mpb.WithWidth(barWidth))
	}
	return d
}

// say writes a line above the bars.
func (d *screen) say(format string, args ...any) {
	to := d.to
	if d.bars != nil {
		to = d.bars
	}
	fmt.Fprintf(to, format+"\n", args...)
}

// fetched says how much a host is about to give, then moves its bar.
func (d *screen) fetched(f fetch.Progress, now func() time.Time, at time.Time) {
	h := d.hosts[f.Host]
	if h == nil {
		h = &host{said: -1}
		d.hosts[f.Host] = h
	}
	h.update(f, at)
	if f.Done == 0 && f.Total > 0 && h.said != f.Total {
		h.said = f.Total
		d.say("%s: copying %s", f.Host, human.Size(f.Total))
	}
	if d.bars == nil || h.total == 0 {
		return
	}
	if h.bar == nil {
		h.bar = newBar(d.bars, f.Host, now)
	}
	if d.sum == nil && d.shown() > 1 {
		d.sum = newBar(d.bars, "all hosts", now)
	}
	h.bar.show(h.count)
	if d.sum != nil {
		d.sum.show(d.total())
	}
}

// shown is how many hosts have a bar.
func (d *screen) shown() (n int) {
	for _, h := range d.hosts {
		if h.bar != nil {
			n++
		}
	}
	return n
}

// total is the sum over the hosts.
func (d *screen) total() (sum count) {
	for _, h := range d.hosts {
		sum.add(h.count)
	}
	return sum
}

// event says what a step came to.
func (d *screen) event(e runner.Event, now time.Time) {
	switch e.What {
	case runner.EventHeld:
		d.say("%s: files open", e.Host)
	case runner.EventPass:
		if h := d.hosts[e.Host]; h != nil {
			h.stop()
		}
		switch {
		case errors.Is(e.Err, runner.ErrStopped):
			d.say("%s: stopped by you; what was being copied is cut short", e.Host)
		case e.Err != nil:
			d.failed(e.Host, evidence.Unnamed(e.Host, human.OneLine(e.Err)))
		}
	case runner.EventFirstPass:
		if left := e.Window.Until.Sub(now); left >= time.Second {
			d.say("waiting %s for the end of the window", human.Span(left.Round(time.Second)))
		}
	case runner.EventFull:
		d.say("warning: no room for all of it: %s", human.OneLine(e.Err))
	case runner.EventSealing:
		d.endBars()
		d.say("sealing, coverage %s", e.Coverage)
	}
}

// failed says why an attempt at a host failed, again only if it is for another cause.
func (d *screen) failed(host, why string) {
	if d.causes[host] != why {
		d.causes[host] = why
		d.say("%s: %s", host, human.Local().Say(why))
	}
}

// endBars leaves the bars as they are: who copied less than was planned has no full one.
func (d *screen) endBars() {
	if d.bars == nil {
		return
	}
	for _, h := range d.hosts {
		if h.bar != nil {
			h.bar.Abort(false)
		}
	}
	if d.sum != nil {
		d.sum.Abort(false)
	}
	d.bars.Wait()
	d.bars = nil
}
