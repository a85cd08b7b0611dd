//go:build linux

package chaos

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"

	"rtmtgrab/internal/lab/rtmt"
)

// What is to become of an alert.
const (
	routed   = "routed"
	unrouted = "unrouted"
	expired  = "expired"
)

// letters is what is sent.
type letters struct {
	order  [][]byte          // as delivered; some twice
	alerts map[string]string // ID -> what is to become of it
}

// compose makes n mails. Their alerts come from ten nodes every 7 s, in order but
// for a few; one in forty has news, some are expired or unrouted, some are no alerts,
// and some are delivered a second time.
func compose(rng *rand.Rand, n int) letters {
	l := letters{alerts: map[string]string{}}
	back := time.Duration(n) * 7 * time.Second // of 10,000: 19 h
	first := time.Now().Add(-back)
	counts := [10]int{}
	variants := rtmt.Variants()
	for i := range n {
		node := rng.IntN(len(counts))
		if rng.IntN(40) == 0 {
			counts[node]++
		}
		at := first.Add(back * time.Duration(i) / time.Duration(n))
		if rng.IntN(30) == 0 {
			at = at.Add(-time.Duration(rng.IntN(600)) * time.Second)
		}
		o := rtmt.MailOptions{Time: at, Node: fmt.Sprintf("cucm%02d", node+1), Count: counts[node] + 1, MessageID: fmt.Sprintf("chaos.%d@cucm.example.com", i)}
		what := routed
		switch rng.IntN(50) {
		case 0:
			o.Cluster, what = "Elsewhere", unrouted
		case 1:
			o.Time, what = time.Now().Add(-3*24*time.Hour), expired
		case 2: // no alert at all
			l.order = append(l.order, fmt.Appendf(nil, "From: someone@example.com\r\nSubject: lunch\r\nMessage-ID: <noise.%d@x>\r\n\r\nat noon?\r\n", i))
			continue
		default:
			o.Variant = variants[rng.IntN(len(variants))]
			if o.Variant == rtmt.EmptyCluster { // the node alone routes it, which is not claimed
				o.Variant = rtmt.Plain
			}
		}
		raw := rtmt.Mail(o)
		l.order = append(l.order, raw)
		if rng.IntN(20) == 0 {
			l.order = append(l.order, raw)
		}
		l.alerts[alertID(o.MessageID)] = what
	}
	return l
}

// alertID is the SHA-256 of the Message-ID, as docs/rtmt-mail.md has it.
func alertID(message string) string {
	sum := sha256.Sum256([]byte("<" + message + ">"))
	return hex.EncodeToString(sum[:])
}
