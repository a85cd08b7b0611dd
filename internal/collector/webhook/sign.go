package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/human"
)

// The headers of a signed request.
const (
	TimestampHeader = "X-Grab-Timestamp" // seconds since 1970, of the sender's clock
	SignatureHeader = "X-Grab-Signature" // sha256=HEX
	scheme          = "sha256="
)

// Sign is the signature of a body that is sent at a time: HMAC-SHA256 over the timestamp
// as it is sent, a dot, and the body.
func Sign(secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return scheme + hex.EncodeToString(mac.Sum(nil))
}

// verify says why a request is not taken for its sender's, "" if it is.
func verify(header http.Header, body []byte, secret string, now time.Time, skew time.Duration) string {
	stamps, signatures := header.Values(TimestampHeader), header.Values(SignatureHeader)
	if len(stamps) != 1 || len(signatures) != 1 {
		return "not signed: send " + TimestampHeader + " and " + SignatureHeader + ", each once"
	}
	stamp := stamps[0]
	got := scheme + strings.ToLower(strings.TrimPrefix(strings.TrimSpace(signatures[0]), scheme))
	if !hmac.Equal([]byte(got), []byte(Sign(secret, stamp, body))) {
		return "the signature is wrong: it is HMAC-SHA256, with the secret of alerts.webhook, of the timestamp, a dot, and the body as it is sent"
	}
	n, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return TimestampHeader + " is not a number of seconds since 1970"
	}
	if off := now.Sub(time.Unix(n, 0)); off.Abs() > skew {
		which := "behind"
		if off < 0 {
			which = "ahead of"
		}
		return "the timestamp is " + human.Span(off.Abs().Truncate(time.Second)) + " " + which + " this machine's clock, more than alerts.webhook.skew: set NTP on both, and sign anew what is sent again"
	}
	return ""
}

// recent is which bodies were taken lately: what is sent again costs nothing, whoever sends
// it. It is safe for concurrent use.
type recent struct {
	mu   sync.Mutex
	till map[string]time.Time
}

// maxRecent bounds what is remembered; what is more the journal knows.
const maxRecent = 4096

func (r *recent) has(id string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return now.Before(r.till[id])
}

func (r *recent) add(id string, now time.Time, d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.till == nil {
		r.till = map[string]time.Time{}
	}
	if len(r.till) >= maxRecent {
		for id, till := range r.till {
			if !now.Before(till) {
				delete(r.till, id)
			}
		}
	}
	if len(r.till) < maxRecent {
		r.till[id] = now.Add(d)
	}
}
