package triage

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

var forged = &evidence.Auth{Why: "forged", Sender: "x@evil.net"}

func heldAt(at time.Duration, node string) evidence.Alert {
	a := incidenttest.AlertAt(at, node, 1)
	a.Auth = forged
	return a
}

func TestQuarantine(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	j := testJournal(t, st)
	bad, unsure := heldAt(0, "n1"), heldAt(time.Minute, "n2")
	unsure.Auth = &evidence.Auth{Why: "no DNS", Temporary: true}
	add(t, j, bad)
	add(t, j, unsure)
	if in := decide(t, j); len(in) != 0 {
		t.Fatalf("they started %v", in)
	}
	j.Close()
	j = testJournal(t, st) // what is held is known after a restart
	defer func() { j.Close() }()
	if all, recent, first := j.QuarantineCounts(incidenttest.T0.Add(90 * time.Second)); all != 2 || recent != 1 || !first.Equal(incidenttest.T0.Add(2*time.Minute)) {
		t.Errorf("held %d, %d since %v", all, recent, first)
	}
	if ids := j.Unsure(incidenttest.T0); len(ids) != 1 || ids[0] != unsure.ID {
		t.Errorf("unsure: %v", ids)
	}
	if list, err := st.Quarantine(); err != nil || len(list) != 2 || list[0].Alert.ID != unsure.ID || list[1].Alert.Auth.Why != "forged" {
		t.Errorf("%+v, %v", list, err)
	}
	if add(t, j, bad) {
		t.Error("a second copy is fresh")
	}
	rec, err := j.Rejudge(unsure.ID, evidence.Auth{Why: "signature is not valid"})
	if err != nil || rec.What != incident.Quarantined || !rec.Released.IsZero() || len(j.Unsure(incidenttest.T0.Add(48*time.Hour))) != 0 {
		t.Errorf("judged for good: %+v, %v", rec, err)
	}
	if rec, err = j.Release(bad.ID, false); err != nil || rec.Released.IsZero() || !strings.Contains(rec.Alert.Auth.Why, "forged") {
		t.Errorf("released: %+v, %v", rec, err)
	}
	if in := decide(t, j); len(in) != 1 || in[0].Members[0].Alert != bad.ID {
		t.Errorf("the release started %v", in)
	}
	if _, err := j.Release(bad.ID, false); !errors.Is(err, ErrNotQuarantined) {
		t.Errorf("a second release: %v", err)
	}
	if err := j.Drop(unsure.ID); err != nil || st.HasMail(unsure.ID) || add(t, j, unsure) {
		t.Errorf("dropped: %v", err)
	}
	if all, _, _ := j.QuarantineCounts(time.Time{}); all != 0 {
		t.Errorf("%d are held at the end", all)
	}
	if err := j.Prune(incidenttest.T0.Add(31 * 24 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Alert(unsure.ID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after 30 days: %v", err)
	}
}

// An alert in quarantine tells the planner nothing: the genuine one after it is news.
func TestQuarantineIsNoNews(t *testing.T) {
	j := testJournal(t, incidenttest.FastStore(t, t.TempDir()))
	defer j.Close()
	add(t, j, heldAt(0, "n1"))
	add(t, j, incidenttest.AlertAt(time.Minute, "n1", 1))
	in := decide(t, j)
	if len(in) != 1 || len(in[0].Members) != 1 || in[0].Members[0].Why != incident.WhyNews {
		t.Errorf("%+v", in)
	}
}

// A copy of the mail that came by a better way lets the alert out.
func TestGenuineCopyRedeems(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	j := testJournal(t, st)
	defer j.Close()
	a := heldAt(0, "n1")
	add(t, j, a)
	a.Auth = &evidence.Auth{OK: true, How: "dkim"}
	if !add(t, j, a) || len(decide(t, j)) != 1 {
		t.Error("the genuine copy was taken for a repetition")
	}
	if all, _, _ := j.QuarantineCounts(time.Time{}); all != 0 || add(t, j, a) {
		t.Errorf("%d are held", all)
	}
}

func TestReleaseTooOld(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	now := incidenttest.T0
	j, err := OpenJournal(st, incidenttest.Sites, incidenttest.Policy(), nil, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	a := heldAt(0, "n1")
	add(t, j, a)
	now = incidenttest.T0.Add(25 * time.Hour)
	if _, err := j.Release(a.ID, false); !errors.Is(err, ErrTooOld) {
		t.Errorf("%v", err)
	}
	if rec, err := j.Release(a.ID, true); err != nil || rec.What != "" || len(rec.Sites) != 1 {
		t.Errorf("by force: %+v, %v", rec, err)
	}
	if in, err := j.Decide(now); err != nil || len(in) != 1 || !in[0].Asked.Contains(incidenttest.T0) {
		t.Errorf("%+v, %v", in, err)
	}
}

// A request is dealt with once, well or not, by whoever watches next.
func TestRequests(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	j := testJournal(t, st)
	a, b := heldAt(0, "n1"), heldAt(0, "n2")
	add(t, j, a)
	add(t, j, b)
	if (&RequestQueue{Journal: j}).Answer(t.Context()) {
		t.Error("an answer to nothing")
	}
	j.Close()
	gone := heldAt(0, "n3")
	for id, what := range map[string]string{a.ID: RequestRelease, b.ID: RequestDrop, gone.ID: RequestRelease} {
		if err := Ask(st, QuarantineRequest{Alert: id, What: what}); err != nil {
			t.Fatal(err)
		}
	}
	if Ask(st, QuarantineRequest{Alert: "../x"}) == nil {
		t.Error("a path was taken for an ID")
	}
	j = testJournal(t, st)
	defer j.Close()
	q := RequestQueue{Journal: j}
	if !q.Answer(t.Context()) || len(decide(t, j)) != 1 {
		t.Error("the release was not answered")
	}
	if rec, _ := st.Alert(b.ID); rec.What != incident.Dropped || q.Answer(t.Context()) {
		t.Errorf("%+v", rec)
	}
}

// A flood of forged mails fills neither disk nor memory.
func TestQuarantineIsBounded(t *testing.T) {
	var said strings.Builder
	st := incidenttest.FastStore(t, t.TempDir())
	log := slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelError}))
	j, err := OpenJournal(st, incidenttest.Sites, incidenttest.Policy(), log, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { j.Close() }()
	var first, last evidence.Alert
	for i := range 100 {
		last = heldAt(time.Duration(i)*time.Second, "n1")
		if i == 0 {
			first = last
		}
		add(t, j, last)
		if err := os.Truncate(st.MailPath(last.ID), 1<<20); err != nil {
			t.Fatal(err)
		}
	}
	j.Close()
	if j, err = OpenJournal(st, incidenttest.Sites, incidenttest.Policy(), log, nil); err != nil {
		t.Fatal(err)
	}
	if st.HasMail(first.ID) || !st.HasMail(last.ID) || j.index.quarantine.bytes > maxSuspectBytes || j.index.quarantine.mails != maxSuspectBytes>>20 {
		t.Errorf("%d mails of %d bytes are kept", j.index.quarantine.mails, j.index.quarantine.bytes)
	}
	if rec, err := st.Alert(first.ID); err != nil || rec.What != incident.Quarantined {
		t.Errorf("the record is to stay: %+v, %v", rec, err)
	}
	j.table.Lock()
	for i := range maxSuspects { // records alone, as they are entered at a start
		j.enter(incident.AlertRecord{Alert: evidence.Alert{ID: incidenttest.AlertID(fmt.Sprint("r", i)), Time: incidenttest.T0, Auth: forged}, Seen: incidenttest.T0.Add(time.Hour), What: incident.Quarantined})
	}
	j.index.boundQuarantine()
	j.table.Unlock()
	if all, _, _ := j.QuarantineCounts(time.Time{}); all != maxSuspects || len(j.index.seen) != maxSuspects {
		t.Errorf("%d are held, %d seen", all, len(j.index.seen))
	}
	if _, err := st.Alert(last.ID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the oldest records are to go: %v", err)
	}
	if said.Len() > 0 {
		t.Error(said.String())
	}
}
