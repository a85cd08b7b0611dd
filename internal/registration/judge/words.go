package judge

import (
	"fmt"
	"time"

	"rtmtgrab/internal/registration/wire"
)

const clockLayout = "15:04:05.000 UTC"

func Clock(at int64) string { return time.Unix(0, at).UTC().Format(clockLayout) }

func Seconds(ns int64) string { return fmt.Sprintf("%.1f s", float64(ns)/1e9) }

func Rounded(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Abs().Seconds()) }

func ChangeWords(w *wire.Wire, c *wire.PortChange) string {
	return fmt.Sprintf("from %s on %s used another connection to %s (local port %d instead of %d), with all its phones", Clock(c.At), w.Texts.Of(c.C), w.Texts.Of(c.Node), c.To, c.From)
}
