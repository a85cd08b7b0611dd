package logset

import (
	"fmt"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/evidence"
)

// More files than may be held are written down, none is forgotten.
func TestTooManyFiles(t *testing.T) {
	h := &Holder{Host: hostconn.Host{Families: []string{"network_log"}}}
	now := time.Now()
	var entries []hostconn.Entry
	for i := range hostconn.MaxFiles + 10 {
		entries = append(entries, hostconn.Entry{Name: fmt.Sprintf("network_log.%d", i), Size: int64(i + 1), MTime: now.Add(-time.Duration(i) * time.Second), Regular: true})
	}
	todo, over := h.unheld(entries, now.Add(-10*time.Hour))
	h.leaveOut(over)
	missed := h.Set("network_log").Missed
	if len(todo) != hostconn.MaxFiles || len(missed) != 10 || missed[0].Name != entries[hostconn.MaxFiles].Name || missed[0].Reason != evidence.ReasonTooLarge || len(h.Notes) != 1 {
		t.Errorf("%d to open, missed %v, notes %v", len(todo), missed, h.Notes)
	}
}
