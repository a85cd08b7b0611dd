package triage

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// Kinds are strangers to each other: they do not join, they are no news, and each
// asks for its own window and families. The limit counts them together.
func TestKindsAreStrangers(t *testing.T) {
	p := incidenttest.Policy()
	p.Kinds = []incident.KindPolicy{{Name: "trunk", Before: time.Minute, After: 2 * time.Minute, Families: []string{"developer_log"}}}
	st := incidenttest.FastStore(t, incidenttest.QuickDir(t))
	j, err := OpenJournal(st, incidenttest.Sites, p, nil, func() time.Time { return incidenttest.T0.Add(time.Hour) })
	if err != nil {
		t.Fatal(err)
	}
	for i, kind := range []string{"partial", "trunk", "", "trunk"} { // "": as older versions wrote it
		a := incidenttest.AlertAt(time.Duration(i)*10*time.Second, "n1", 1)
		a.Kind = kind
		add(t, j, a)
	}
	decide(t, j)
	check := func() {
		t.Helper()
		var got []string
		for _, l := range []string{"partial", "trunk"} {
			for _, in := range j.table.Unsealed() {
				if in.AlertKind == l {
					got = append(got, fmt.Sprintf("%s %s %d %v %v", l, in.Asked.Length(), len(in.Members), in.Families, in.Only))
				}
			}
		}
		if got, want := strings.Join(got, "; "), "partial 20m0s 2 [network_log messages] []; trunk 3m0s 2 [developer_log] [developer_log]"; got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
	check()
	j.Close()
	j, err = OpenJournal(st, incidenttest.Sites, p, nil, func() time.Time { return incidenttest.T0.Add(time.Hour) }) // decided anew from disk
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if j.cutoff != (time.Time{}) {
		t.Error("the same policy counts as another one")
	}
	decide(t, j)
	check()
}

// BenchmarkIntake is a backlog of 1,000 mails made safe and judged, with every fsync:
// by batches of 512, and one by one.
func BenchmarkIntake(b *testing.B) {
	for _, batch := range []int{512, 1} {
		b.Run(fmt.Sprint("batch ", batch), func(b *testing.B) {
			for b.Loop() {
				j := testJournal(b, incidenttest.Store(b, b.TempDir()))
				for i := range 1000 {
					a := incidenttest.StormAlert(incidenttest.T0.Add(time.Duration(i)*3*time.Second), i%10)
					if _, err := j.Take(context.Background(), a, make([]byte, 4000), false, incidenttest.T0.Add(time.Hour)); err != nil {
						b.Fatal(err)
					}
					if (i+1)%batch == 0 {
						if err := j.Commit(0); err != nil {
							b.Fatal(err)
						}
					}
				}
				if err := j.Commit(0); err != nil {
					b.Fatal(err)
				}
				if _, err := j.Decide(incidenttest.T0.Add(time.Hour)); err != nil {
					b.Fatal(err)
				}
				j.Close()
			}
		})
	}
}
