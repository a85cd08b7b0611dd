package tlsfault

import (
	"time"

	"rtmtgrab/internal/human"
)

// ExpiresSoon is how long before a certificate ends people are told.
const ExpiresSoon = 30 * 24 * time.Hour

// Expiring is how long a certificate is good for, in words: "expires in 29 days".
func Expiring(left time.Duration) string {
	if left <= 0 {
		return "has expired " + human.Ago(-left)
	}
	return "expires in " + human.Span(left.Round(time.Minute))
}
