package triage

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/testrace"
)

// storms are alerts of some nodes that repeat themselves every 30 s for hours, with counters
// that rise and fall, pauses, and mails that come late.
func storms(seed uint64, hours int) (list []evidence.Alert) {
	r := rand.New(rand.NewPCG(seed, 1))
	for node := range 3 {
		n := 1 + r.IntN(5)
		for t := time.Duration(0); t < time.Duration(hours)*time.Hour; t += 30 * time.Second {
			switch r.IntN(400) {
			case 0:
				n += r.IntN(3) - 1
			case 1:
				t += time.Duration(r.IntN(90)) * time.Minute
			}
			list = append(list, evidence.Alert{ID: incidenttest.AlertID(fmt.Sprint(seed, node, t)), Name: "Partial", Cluster: "c1", Node: fmt.Sprintf("n%d", node), Count: new(max(n, 0)), Time: incidenttest.T0.Add(t)})
		}
	}
	slices.SortFunc(list, func(a, b evidence.Alert) int { return a.Time.Compare(b.Time) })
	for i := range list { // some come later than those after them
		if j := i + r.IntN(200); r.IntN(50) == 0 && j < len(list) {
			list[i], list[j] = list[j], list[i]
		}
	}
	return list
}

// Whatever is forgotten decides nothing: with a bound the same incidents come to be, of the
// same alerts, as without one, after a restart too; and the records stay within it.
func TestForgottenAlertsDecideNothing(t *testing.T) {
	testrace.Whole(t)
	hours := 5
	for seed := range uint64(1) {
		var want string
		for _, most := range []int{maxRecords, 800} {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(incidenttest.T0))
				st := incidenttest.FastStore(t, incidenttest.QuickDir(t))
				open := func() *Journal {
					j := incidenttest.Must(OpenJournal(st, incidenttest.Sites, incidenttest.Policy(), nil, nil))(t)
					j.index.records.most = most
					return j
				}
				j := open()
				largest, all := 0, storms(seed, hours)
				for i, a := range all {
					time.Sleep(time.Until(a.Time))
					if _, err := j.Add(t.Context(), a, nil, false, time.Now()); err != nil {
						t.Fatal(err)
					}
					if _, err := j.Decide(time.Now()); err != nil {
						t.Fatal(err)
					}
					sealRipe(t, j)
					largest = max(largest, len(j.index.seen))
					if i%400 == 399 {
						j.Close()
						j = open()
					}
				}
				j.Close()
				if most < maxRecords && largest > len(all)*3/4 { // those of incidents stay
					t.Errorf("seed %d: %d alerts of at most %d", seed, largest, most)
				}
				got := incidentsOf(t, st)
				if want == "" {
					want = got
				}
				if got != want {
					t.Errorf("seed %d, at most %d: other incidents\n%s\nwant\n%s", seed, most, got, want)
				}
			})
		}
	}
}

// sealRipe seals what a runner would have sealed by now.
func sealRipe(t *testing.T, j *Journal) {
	t.Helper()
	for _, in := range j.Table().Unsealed() {
		if in.State == incident.Waiting {
			if _, err := j.Table().Start(in.Key); err != nil {
				t.Fatal(err)
			}
		}
		if time.Now().Before(in.Asked.Until) {
			continue
		}
		if _, err := j.Table().Freeze(in.Key, in.Asked, func(incident.Incident) (evidence.Manifest, error) { return evidence.Manifest{}, nil }); err != nil {
			t.Fatal(err)
		}
		if _, err := j.Table().Update(in.Key, func(in *incident.Incident) { in.State = incident.Sealed }); err != nil {
			t.Fatal(err)
		}
		j.Table().Drop(in.Key)
	}
}

func incidentsOf(t *testing.T, st *incident.Store) string {
	t.Helper()
	all, err := st.IncidentsOnDisk(func(m string, a ...any) { t.Error(m, a) })
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, in := range all {
		lines = append(lines, fmt.Sprintf("%s %s %d", in.ID, in.Asked.Until.Format(time.TimeOnly), len(in.Members)))
	}
	return strings.Join(lines, "\n")
}

// What is limited, long past or of nobody goes, the oldest first; what is undecided or of an
// incident that is there stays, however many there are.
func TestBoundRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := incidenttest.FastStore(t, t.TempDir())
		j := incidenttest.Must(OpenJournal(st, incidenttest.Sites, incidenttest.Policy(), nil, nil))(t)
		defer j.Close()
		j.index.records.most = 16
		add := func(i int, cluster string) evidence.Alert {
			a := evidence.Alert{ID: incidenttest.AlertID(fmt.Sprint(i, cluster)), Name: "Partial", Cluster: cluster, Node: fmt.Sprint("n", i), Time: time.Now()}
			if _, err := j.Add(t.Context(), a, []byte("mail"), false, time.Now()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			return a
		}
		for i := range 100 {
			add(i, "nobody's")
		}
		if n := len(j.index.seen); n > 16 {
			t.Errorf("%d alerts of nobody are remembered", n)
		}
		var ours []string
		for i := range 40 {
			ours = append(ours, add(i, "c1").ID)
		}
		for _, id := range ours {
			if _, err := st.Alert(id); err != nil {
				t.Errorf("undecided, and forgotten: %v", err)
			}
		}
		if n := len(j.index.seen); n != 40 {
			t.Errorf("%d alerts: nobody's do not make room for ours", n)
		}
		if _, err := j.Decide(time.Now()); err != nil {
			t.Fatal(err)
		}
		if err := j.Prune(time.Now()); err != nil {
			t.Fatal(err)
		}
		for _, id := range ours { // one incident has them all
			if _, err := st.Alert(id); err != nil || !st.HasMail(id) {
				t.Errorf("of an open incident, and forgotten: %v", err)
			}
		}
		entries, _ := os.ReadDir(st.MailsDir())
		if len(entries) != 40 {
			t.Errorf("%d mails", len(entries))
		}
	})
}
