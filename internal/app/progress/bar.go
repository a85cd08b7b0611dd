package progress

import (
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"rtmtgrab/internal/human"
)

const barWidth = 24 // columns; what stands beside it needs some 55

// A bar shows a count on a terminal.
type bar struct {
	*mpb.Bar
	shown atomic.Pointer[count] // the goroutine that draws must not wait for a Display
}

// newBar draws a count whose total may grow, so the bar never ends by itself.
func newBar(bars *mpb.Progress, name string, now func() time.Time) *bar {
	b := &bar{}
	b.shown.Store(&count{})
	text := func(of func(count) string) decor.Decorator {
		return decor.Any(func(decor.Statistics) string { return of(*b.shown.Load()) }, decor.WCSyncSpace)
	}
	b.Bar = bars.AddBar(0,
		mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR), text(count.percent)),
		mpb.AppendDecorators(
			text(func(c count) string { return human.ShortSize(c.done) + " / " + human.ShortSize(c.total) }),
			text(func(c count) string { return c.flow(now()) })))
	return b
}

func (b *bar) show(c count) {
	b.shown.Store(&c)
	b.SetTotal(c.total, false)
	b.SetCurrent(c.done)
}
