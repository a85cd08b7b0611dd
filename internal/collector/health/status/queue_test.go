package status

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// However many wait, all are counted, the nearest deadline is of all, and so many are listed.
func TestQueueCount(t *testing.T) {
	var all []Copy
	for i := range 3 * MostCopies {
		c := Copy{Host: "h", Copies: i < 16, Left: 2}
		if i >= 2*MostCopies {
			c.Safe = now.Add(time.Duration(3*MostCopies-i) * time.Minute)
		}
		all = append(all, c)
	}
	var r Report
	r.Now = now
	r.Queue.Count(all)
	if q := r.Queue; q.Copying != 16 || q.Waiting != 284 || q.Left != 600 || len(q.Copies) != MostCopies || !q.Nearest.Equal(now.Add(time.Minute)) {
		t.Errorf("%d, %d, %d, %d, %v", q.Copying, q.Waiting, q.Left, len(q.Copies), q.Nearest)
	}
	var words bytes.Buffer
	if err := r.Write(&words); err != nil || !strings.Contains(words.String(), "16 under way, 284 to come\n") || !strings.Contains(words.String(), "  and 200 more\n") {
		t.Errorf("%v\n%s", err, words.String())
	}
	r.Queue.Count(nil)
	words.Reset()
	if err := r.Write(&words); err != nil || strings.Contains(words.String(), "copying off") {
		t.Errorf("%v\n%s", err, words.String())
	}
}
