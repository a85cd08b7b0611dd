package incoming

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/incident/triage"
)

// The same alert from many sides at once is one; after a commit that failed everybody is
// told, and what is taken again is taken.
func TestTake(t *testing.T) {
	st := incidenttest.Store(t, t.TempDir())
	var failing atomic.Bool
	st.Fault = func(op, _ string) error {
		if failing.Load() && op == "commit" {
			return errors.New("the disk is full")
		}
		return nil
	}
	now := time.Now()
	j, err := triage.OpenJournal(st, incidenttest.Sites, incidenttest.Policy(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	var mu sync.Mutex
	counts := map[string]int{}
	in := &Intake{Journal: j, Log: slog.New(slog.DiscardHandler), Count: func(source string, fresh bool, err error) {
		mu.Lock()
		defer mu.Unlock()
		counts[fmt.Sprintf("%s fresh %v safe %v", source, fresh, err == nil)]++
	}}
	alert := func(node string) Alert {
		return Alert{evidence.Alert{ID: incidenttest.AlertID(node), Name: "x", Cluster: "c1", Node: node, Time: now, Source: evidence.SourceWebhook}, []byte("{}"), false}
	}
	failing.Store(true)
	if _, err := in.Take(t.Context(), alert("a"), alert("b")); err == nil {
		t.Error("it is not safe, and nobody was told")
	}
	failing.Store(false)
	var wg sync.WaitGroup
	var fresh atomic.Int32
	for range 16 {
		wg.Go(func() {
			got, err := in.Take(t.Context(), alert("a"), alert("b"))
			if err != nil {
				t.Error(err)
			}
			for _, f := range got {
				if f {
					fresh.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if fresh.Load() != 2 || counts["webhook fresh true safe true"] != 2 || counts["webhook fresh false safe true"] != 30 || counts["webhook fresh false safe false"] != 2 {
		t.Errorf("%d fresh, %v", fresh.Load(), counts)
	}
	in.Decide()
	list, err := st.ListAlerts()
	if err != nil || len(list) != 2 || list[0].Sites[0].What != incident.InIncident || list[0].Source != evidence.SourceWebhook {
		t.Errorf("%+v, %v", list, err)
	}
	rec, err := st.Alert(incidenttest.AlertID("a"))
	if err != nil || rec.Sender != "by webhook" {
		t.Errorf("%+v, %v", rec, err)
	}
}
