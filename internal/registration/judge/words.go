package judge

import (
	"fmt"
	"time"

	"rtmtgrab/internal/registration/wire"
)

const clockLayout = "15:04:05.000 UTC"

// Clock is a time as claims name it, to the millisecond.
func Clock(at int64) string { return time.Unix(0, at).UTC().Format(clockLayout) }

// Seconds is a span of ns as claims name it.
func Seconds(ns int64) string { return fmt.Sprintf("%.1f s", float64(ns)/1e9) }

// Rounded is how far apart two clocks are, whichever is ahead.
func Rounded(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Abs().Seconds()) }

// ChangeWords say that a C came to use another connection.
func ChangeWords(w *wire.Wire, c *wire.PortChange) string {
	return fmt.Sprintf("from %s on %s used another connection to %s (local port %d instead of %d), with all its phones", Clock(c.At), w.Texts.Of(c.C), w.Texts.Of(c.Node), c.To, c.From)
}
