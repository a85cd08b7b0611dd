package main

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"rtmtgrab/fetch"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident/runner"
)

// progress shows how far a grab is: a bar for each host on a terminal, a line
// for each step elsewhere.
type progress struct {
	mu    sync.Mutex
	lines io.Writer
	bars  *mpb.Progress // nil: no terminal
	hosts map[string]*hostProgress
}

type hostProgress struct {
	said int64 // total that was said
	bar  *mpb.Bar
}

// newProgress shows it on to.
func newProgress(to io.Writer) *progress {
	p := &progress{lines: to, hosts: map[string]*hostProgress{}}
	if f, ok := to.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.bars = mpb.New(mpb.WithOutput(f), mpb.WithWidth(48))
		p.lines = p.bars
	}
	return p
}

// fetched says how much a host is about to give, then moves its bar.
func (p *progress) fetched(f fetch.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.hosts[f.Host]
	if h == nil {
		h = &hostProgress{said: -1}
		p.hosts[f.Host] = h
	}
	if f.Done == 0 && f.Total > 0 && h.said != f.Total {
		h.said = f.Total
		fmt.Fprintf(p.lines, "%s: copying %s\n", f.Host, human.Size(f.Total))
		if p.bars != nil && h.bar == nil {
			h.bar = p.bars.AddBar(f.Total, mpb.PrependDecorators(decor.Name(f.Host, decor.WCSyncSpaceR)),
				mpb.AppendDecorators(decor.CountersKibiByte("% .1f / % .1f"), decor.Name(" "), decor.AverageSpeed(decor.SizeB1024(0), "% .1f")))
		}
		if h.bar != nil {
			h.bar.SetTotal(f.Total, false)
		}
	}
	if h.bar != nil {
		h.bar.SetCurrent(f.Done)
	}
}

func (p *progress) event(e runner.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e.What {
	case runner.EventHeld:
		fmt.Fprintf(p.lines, "%s: files open\n", e.Host)
	case runner.EventPass:
		if e.Err != nil {
			fmt.Fprintf(p.lines, "%s: %v\n", e.Host, e.Err)
		}
	case runner.EventSealing:
		fmt.Fprintf(p.lines, "sealing, coverage %s\n", e.Coverage)
	}
}

// wait ends the bars.
func (p *progress) wait() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bars == nil {
		return
	}
	for _, h := range p.hosts {
		if h.bar != nil {
			h.bar.SetTotal(-1, true)
		}
	}
	p.bars.Wait()
}
