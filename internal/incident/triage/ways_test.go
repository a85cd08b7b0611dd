package triage

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/testrace"
)

// spelledNodes is a table of two nodes, and how alerts may spell the first.
var (
	spelledNodes = incident.Nodes{{Cluster: "c1", Name: "cucm01", Aliases: []string{"cucm01.example.com", "10.0.20.1"}}, {Cluster: "c1", Name: "cucm02", Aliases: []string{"10.0.20.2"}}}
	spellings    = []string{"cucm01", "CUCM01", "cucm01.example.com", "cucm01.example.com.", "10.0.20.1", "10.0.20.1:8443", "::ffff:10.0.20.1"}
)

// An arrival is one alert of an event, by one way.
type arrival struct {
	alert evidence.Alert
	raw   string
}

// event is what mails, a poll and a webhook say of one rise of the counter on cucm01 to
// count: each when it looks, spelled as it likes, repeated as it does.
func event(r *rand.Rand, at time.Time, count int) (list []arrival) {
	name := [...]string{"PartiallyRegisteredPhone", "Phones of c1"}[r.IntN(2)] // as RTMT's alert is called
	add := func(source string, shift time.Duration, n, was *int) {
		a := evidence.Alert{Name: "PartiallyRegisteredPhone", Cluster: "c1", Node: spellings[r.IntN(len(spellings))], Time: at.Add(shift), Count: n, Was: was, Source: source, TimeFrom: evidence.TimeFromDate}
		if a.IsMail() {
			a.Name = name
		}
		a.ID = incidenttest.AlertID(fmt.Sprint(source, a.Time.UnixNano(), a.Node))
		list = append(list, arrival{a, "raw " + a.ID})
	}
	about := func() time.Duration { return time.Duration(r.IntN(180)-90) * time.Second }
	some := func() *int {
		if r.IntN(3) == 0 {
			return nil
		}
		return &count
	}
	was := count - 1
	n, shift := some(), about()
	for i := range 1 + r.IntN(6) { // RTMT repeats itself
		add("", shift+time.Duration(i)*30*time.Second, n, nil)
	}
	add(evidence.SourcePoll, about(), &count, &was)
	n, shift = some(), about()
	for i := range 1 + r.IntN(2) {
		add(evidence.SourceWebhook, shift+time.Duration(i)*time.Minute, n, nil)
	}
	for range r.IntN(3) { // what was sent twice
		list = append(list, list[r.IntN(len(list))])
	}
	r.Shuffle(len(list), func(i, k int) { list[i], list[k] = list[k], list[i] })
	return list
}

// Mail, poll and webhook of one event make one incident: in any order, as late as they
// like, when it is open, running or sealed, with restarts in between. 1,000 times with GRAB_LONG=1.
func TestOneEventManyWays(t *testing.T) {
	trials := testrace.More(1000, 8)
	root := incidenttest.QuickDir(t)
	for trial := range trials {
		r := rand.New(rand.NewPCG(14, uint64(trial)))
		dir, err := os.MkdirTemp(root, "trial")
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		st := incidenttest.FastStore(t, dir)
		j := spelledJournal(t, st)
		for i := range 2 { // two events, each an incident: the second rise is news
			at := incidenttest.T0.Add(time.Duration(i) * 2 * time.Hour)
			for _, x := range event(r, at, i+1+r.IntN(3)*i) {
				said = append(said, fmt.Sprintf("%q %s %s n=%v was=%v", x.alert.Source, x.alert.Time.Format("15:04:05"), x.alert.Node, deref(x.alert.Count), deref(x.alert.Was)))
				if _, err := j.Add(context.Background(), x.alert, []byte(x.raw), false, at.Add(10*time.Minute)); err != nil {
					t.Fatal(err)
				}
				j = between(t, r, j, &said)
			}
			decide(t, j)
			sealAll(t, j)
		}
		all, err := st.IncidentsOnDisk(nil)
		if err != nil || len(all) != 2 {
			for _, in := range all {
				said = append(said, fmt.Sprintf("-> %s with %d", in.ID, len(in.Members)))
			}
			t.Fatalf("trial %d: %d incidents, %v\n%s", trial, len(all), err, strings.Join(said, "\n"))
		}
		j.Close()
		os.RemoveAll(dir)
	}
}

func deref(n *int) any {
	if n == nil {
		return "-"
	}
	return *n
}

func spelledJournal(t *testing.T, st *incident.Store) *Journal {
	t.Helper()
	p := incidenttest.Policy()
	p.Nodes = spelledNodes
	j, err := OpenJournal(st, incidenttest.Sites, p, nil, func() time.Time { return incidenttest.T0.Add(3 * time.Hour) })
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// between is what may happen from one arrival to the next.
func between(t *testing.T, r *rand.Rand, j *Journal, said *[]string) *Journal {
	t.Helper()
	what := r.IntN(5)
	*said = append(*said, [...]string{"", "decided", "asked", "sealed", "restarted"}[what])
	switch what {
	case 1:
		decide(t, j)
	case 2:
		decide(t, j)
		for _, in := range j.table.Unsealed() {
			incidenttest.Must(j.table.Start(in.Key))(t)
		}
	case 3:
		decide(t, j)
		sealAll(t, j)
	case 4:
		j.Close()
		return spelledJournal(t, j.st)
	}
	return j
}

// sealAll seals what is open, as the runner does.
func sealAll(t *testing.T, j *Journal) {
	t.Helper()
	for _, in := range j.table.Unsealed() {
		in = incidenttest.Must(j.table.Start(in.Key))(t)
		incidenttest.Must(j.table.Freeze(in.Key, in.Asked, func(incident.Incident) (evidence.Manifest, error) { return evidence.Manifest{}, nil }))(t)
		incidenttest.Must(j.table.Update(in.Key, func(in *incident.Incident) { in.State = incident.Sealed }))(t)
		j.table.Drop(in.Key)
	}
}
