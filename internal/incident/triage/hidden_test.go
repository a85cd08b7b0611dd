package triage

import (
	"fmt"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// Who sends mails of a node every few minutes, with whatever counter, makes no repeats of what another sender says of it,
// nor of what comes by another way.
func TestStrangersHideNothing(t *testing.T) {
	const mallory = "mallory@example.net"
	for name, tc := range map[string]struct {
		count  int
		source string
	}{
		"without a count":            {-1, ""},
		"with a high count":          {1_000_000, ""},
		"without a count, webhook":   {-1, evidence.SourceWebhook},
		"with a high count, webhook": {1_000_000, evidence.SourceWebhook},
	} {
		t.Run(name, func(t *testing.T) {
			st := incidenttest.FastStore(t, t.TempDir())
			j := limitJournal(t, st, 12)
			defer func() { j.Close() }()
			tell := func(at time.Duration, from string, n int) incident.Decision {
				t.Helper()
				a := incidenttest.AlertAt(at, "n1", n)
				a.ID, a.Sender = incidenttest.AlertID(fmt.Sprint(at, from, n)), from
				if from != mallory {
					a.Source = tc.source
				}
				add(t, j, a)
				decide(t, j)
				startAll(t, j)
				rec, err := st.Alert(a.ID)
				if err != nil || len(rec.Sites) != 1 {
					t.Fatal(rec, err)
				}
				return rec.Sites[0]
			}
			for m := range 5 {
				tell(time.Duration(5*m)*time.Minute, mallory, tc.count)
			}
			if d := tell(24*time.Minute, "rtmt@example.com", 3); d.What != incident.InIncident {
				t.Errorf("%+v", d)
			}
			tell(29*time.Minute, mallory, tc.count)
			if d := tell(32*time.Minute, "rtmt@example.com", 5); d.What != incident.InIncident {
				t.Errorf("a rise: %+v", d)
			}
			if d := tell(35*time.Minute, "rtmt@example.com", 5); d.What != incident.Repeat {
				t.Errorf("its own repeat: %+v", d)
			}
		})
	}
}

// A storm of mails from senders that were judged is one with what comes by another way, however long it lasts.
func TestKnownSendersAreOne(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	j := limitJournal(t, st, 12)
	defer func() { j.Close() }()
	for m := range 90 {
		a := incidenttest.AlertAt(time.Duration(m)*time.Minute, "n1", 3)
		a.Sender, a.Auth = fmt.Sprintf("rtmt%d@example.com", m%2), &evidence.Auth{OK: true}
		if m%15 == 14 {
			a.Source = evidence.SourceWebhook
		}
		add(t, j, a)
		decide(t, j)
		startAll(t, j)
	}
	if n := len(j.table.Unsealed()); n != 2 { // at the beginning, and after an hour
		t.Errorf("%d incidents", n)
	}
}
