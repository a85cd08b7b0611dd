package checkup

import (
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/sshdial"
)

// What cannot be made on a loopback address: packets that are dropped.
func TestHintOfABan(t *testing.T) {
	e := &sshdial.Error{Kind: sshdial.KindTimeout, Stage: sshdial.StageConnect, Host: "expc01"}
	if h := unreachedHint(e); !strings.Contains(h, "no answer:") || strings.Contains(h, "ban is likely") || !strings.Contains(h, exemptions) {
		t.Error(h)
	}
	e.Refusal = &sshdial.Attempt{Refused: true, Last: time.Now()}
	if h := unreachedHint(e); !strings.Contains(h, "ban is likely") || !strings.Contains(h, exemptions) {
		t.Error(h)
	}
}
