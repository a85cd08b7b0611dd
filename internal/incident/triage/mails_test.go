package triage

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

const testBudget = 64 << 10

// budgetJournal has a small budget for mails.
func budgetJournal(t *testing.T, st *incident.Store) *Journal {
	j := testJournal(t, st)
	j.index.mails.budget = testBudget
	return j
}

func bigMail(a evidence.Alert) []byte {
	return []byte("Subject: " + a.Node + "\r\n\r\n" + strings.Repeat("x", 4000))
}

// addBig adds an alert with a mail of 4 kB.
func addBig(t *testing.T, j *Journal, a evidence.Alert) {
	t.Helper()
	if _, err := j.Add(context.Background(), a, bigMail(a), false, a.Time.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
}

func onDiskBytes(t *testing.T, st *incident.Store) (sum int64) {
	t.Helper()
	entries, err := os.ReadDir(st.MailsDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		fi, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		sum += fi.Size()
	}
	return sum
}

// Of repeats without end the oldest lose their text; what belongs to the open incident
// keeps it, and so does the newest repeat.
func TestMailBudget(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	j := budgetJournal(t, st)
	defer func() { j.Close() }()
	first := incidenttest.AlertAt(0, "n1", 1)
	addBig(t, j, first)
	decide(t, j)
	in, err := j.table.Start(j.table.Unsealed()[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	for min := 6; min < 24; min += 6 { // they join it
		addBig(t, j, incidenttest.AlertAt(time.Duration(min)*time.Minute, "n1", 1))
	}
	var repeats []evidence.Alert
	for i := range 100 {
		a := incidenttest.AlertAt(24*time.Minute+time.Duration(i)*time.Second, "n1", 1)
		repeats = append(repeats, a)
		addBig(t, j, a)
		decide(t, j)
		if sum := onDiskBytes(t, st); sum > testBudget {
			t.Fatalf("%d bytes after %d repeats", sum, i)
		}
	}
	if n := st.MailSize(first.ID); n < 4000 {
		t.Errorf("the mail of open incident %s has %d bytes", in.ID, n)
	}
	if n := st.MailSize(repeats[99].ID); n < 4000 {
		t.Errorf("the newest repeat has %d bytes", n)
	}
	raw, err := st.Mail(repeats[10].ID)
	rec, errRec := st.Alert(repeats[10].ID)
	if err != nil || errRec != nil || string(raw) != "Subject: n1\r\n\r\n" || !rec.Alert.Truncated || !slices.Contains(rec.Alert.Notes, headerOnly) {
		t.Errorf("an old repeat: %q, %v, %+v, %v", raw, err, rec.Alert, errRec)
	}
	if s := j.Skimped(); s.Mails < 80 {
		t.Errorf("said: %+v", s)
	}

	bytes := j.index.mails.bytes
	j.Close()
	j = budgetJournal(t, st)
	if j.index.mails.bytes != bytes || bytes != onDiskBytes(t, st) {
		t.Errorf("%d bytes, after a restart %d, on disk %d", bytes, j.index.mails.bytes, onDiskBytes(t, st))
	}
}

// Where all mails belong to open incidents, or are undecided, those that come then
// keep their header alone, and the alert is what it was.
func TestMailBudgetWithoutRoom(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	j := budgetJournal(t, st)
	defer j.Close()
	var last evidence.Alert
	for i := range 60 {
		last = incidenttest.AlertAt(time.Duration(i)*time.Second, fmt.Sprint("n", i), 1)
		addBig(t, j, last)
		decide(t, j)
	}
	if sum := onDiskBytes(t, st); sum > testBudget+60*20 {
		t.Errorf("%d bytes", sum)
	}
	rec, err := st.Alert(last.ID)
	if err != nil || !rec.Alert.Truncated || rec.Sites[0].What != incident.InIncident || st.MailSize(last.ID) > 20 {
		t.Errorf("%+v, %v, %d bytes", rec, err, st.MailSize(last.ID))
	}
	if in := j.table.Unsealed(); len(in) != 1 || len(in[0].Members) != 60 {
		t.Errorf("%+v", in)
	}
}

// Mails of sealed incidents, which are in bundles, go after those for which nothing was
// grabbed, and before any of an open incident.
func TestMailBudgetOrder(t *testing.T) {
	x := newIndex(incidenttest.FastStore(t, t.TempDir()), nil)
	s := &siteIndex{byID: map[string]*entry{}}
	x.sites["hq"] = s
	for id, d := range map[string]incident.Decision{
		"repeat": {What: incident.Repeat}, "limited": {What: incident.Limited}, "sealed": {What: incident.InIncident, Incident: "old"},
		"open": {What: incident.InIncident, Incident: "new"}, "undecided": {}, "expired": {},
	} {
		x.mails.keep(id, keptMail{size: 1})
		if id != "expired" {
			s.byID[id] = &entry{id: id, d: d}
		}
	}
	lists := x.byWorth(func(key string) bool { return key == "new" })
	if got, want := fmt.Sprint(lists), "[[expired limited repeat] [sealed]]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// What is remembered of an alert is small, whatever its fields were cut out of.
func TestRememberedIsSmall(t *testing.T) {
	j := testJournal(t, incidenttest.FastStore(t, incidenttest.QuickDir(t)))
	defer j.Close()
	held := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := held()
	const n = 300
	for i := range n {
		whole := fmt.Sprintf("n%03d.example.com ", i) + strings.Repeat("x", 256<<10)
		a := incidenttest.AlertAt(time.Duration(i)*time.Second, whole[:16], 1)
		a.Name, a.Devices, a.Recipients = whole[5:12], []string{whole[:9]}, []string{whole[1:9]}
		if _, err := j.Take(context.Background(), a, []byte("mail"), false, a.Time); err != nil {
			t.Fatal(err)
		}
	}
	if got := int64(held()) - int64(before); got > n*16<<10 {
		t.Errorf("%d alerts that are not safe yet hold %d bytes", n, got)
	}
	if err := j.Commit(0); err != nil {
		t.Fatal(err)
	}
	decide(t, j)
	if got := int64(held()) - int64(before); got > n*8<<10 {
		t.Errorf("%d alerts hold %d bytes", n, got)
	}
}
