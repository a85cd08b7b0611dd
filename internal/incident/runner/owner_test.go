package runner

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// others is what the other collectors of the tests' site say.
type others struct {
	mu   sync.Mutex
	say  Verdict
	err  error
	lost int // commits that come too late

	asked     int
	committed []string // members
}

func (o *others) set(v Verdict, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.say, o.err = v, err
}

func (o *others) own(context.Context, incident.Incident, []evidence.Host) (Verdict, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked++
	v := o.say
	if v.Act == ActSeal || v.Act == ActSupplement {
		v.Epoch, v.Commit = 7, o.commit
	}
	return v, o.err
}

func (o *others) commit(_ context.Context, in incident.Incident, m evidence.Manifest) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lost > 0 {
		o.lost--
		return false, nil
	}
	if m.Incident != in.ID || len(m.Alerts) != len(in.Members) {
		return false, errors.New("the manifest is of another incident")
	}
	o.committed = nil
	for _, mem := range in.Members {
		o.committed = append(o.committed, mem.Alert)
	}
	return true, nil
}

func shared(t *testing.T, o *others) *bench {
	b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
	b.r.Beside.Own = o.own
	return b
}

// TestStandsBy: an incident that another collector is to seal waits, for an hour and over a
// restart, says so, takes in what joins it, and is sealed when it is its own.
func TestStandsBy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &others{say: Verdict{Act: ActWait, By: "dmz-b"}}
		b := shared(t, o)
		j := b.journal()
		stop := b.watch(j)
		first := b.alertNow(j, "n1", 1)
		time.Sleep(6 * time.Minute)
		if l := b.list(); len(l) != 1 || l[0].StandingBy == nil || *l[0].StandingBy != "dmz-b" || l[0].Coverage != evidence.Complete {
			t.Fatalf("%+v", l)
		}
		if n := len(b.r.sealing()); n != 0 {
			t.Errorf("%d places for sealing are taken", n)
		}
		late := b.alertNow(j, "n2", 3) // its window overlaps
		time.Sleep(time.Hour)
		stop()
		o.set(Verdict{}, errors.New("the hub says nothing"))
		j = b.journal()
		stop = b.watch(j)
		time.Sleep(time.Hour)
		if l := b.list(); len(l) != 1 || l[0].StandingBy == nil || *l[0].StandingBy != "dmz-b" {
			t.Fatalf("%+v", l)
		}
		o.set(Verdict{Act: ActSeal}, nil)
		time.Sleep(time.Minute)
		in, fb := b.sealedOnly()
		if !in.Fleet.Claimed || in.Fleet.Standing || in.Fleet.Epoch != 7 || len(fb.Manifest.Alerts) != 2 || !slices.Equal(o.committed, []string{first.ID, late.ID}) {
			t.Errorf("%+v, %v", in.Fleet, o.committed)
		}
		if fb.Manifest.Coverage != evidence.Complete || !in.Asked.Until.After(first.Time.Add(5*time.Minute)) {
			t.Errorf("%s until %s", fb.Manifest.Coverage, in.Asked.Until)
		}
		stop()
	})
}

// TestAlone: without a hub it is sealed all the same, and says so.
func TestAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := shared(t, &others{say: Verdict{Act: ActAlone}})
		j := b.journal()
		stop := b.watch(j)
		b.alertNow(j, "n1", 1)
		time.Sleep(6 * time.Minute)
		in, fb := b.sealedOnly()
		if !in.Fleet.Unclaimed || in.Fleet.Claimed || !hasNote(fb.Manifest.Notes, "unclaimed") || !b.list()[0].Unclaimed {
			t.Errorf("%+v, %q", in.Fleet, fb.Manifest.Notes)
		}
		stop()
	})
}

// TestGiven: an incident that others have goes, and all that came stays and says where it is.
func TestGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &others{say: Verdict{Act: ActWait, By: "dmz-b"}}
		b := shared(t, o)
		j := b.journal()
		stop := b.watch(j)
		a := b.alertNow(j, "n1", 1)
		time.Sleep(6 * time.Minute)
		id := b.list()[0].Incident
		there := fleet.Link{Collector: "dmz-b", Incident: "20260302T140000Z-hq-abcdef"}
		o.set(Verdict{Act: ActDrop, Elsewhere: []incident.Elsewhere{{Alert: a.ID, Link: there}}}, nil)
		time.Sleep(time.Minute)
		if l := b.list(); len(l) != 0 || len(b.bundles()) != 0 {
			t.Fatalf("%+v, %v", l, b.bundles())
		}
		r, err := incident.LoadRemoved(b.st, id)
		if err != nil || !slices.Equal(r.In, []fleet.Link{there}) || !strings.Contains(r.Why, "dmz-b") {
			t.Errorf("%+v, %v", r, err)
		}
		again := func() {
			t.Helper()
			rec, err := b.st.Alert(a.ID)
			if err != nil || rec.Sites[0].What != incident.InIncident || rec.Sites[0].At != "dmz-b" || rec.Sites[0].There != there.Incident || !b.st.HasMail(a.ID) {
				t.Errorf("%+v, %v", rec, err)
			}
			if l := b.list(); len(l) != 0 {
				t.Errorf("it came back: %+v", l)
			}
		}
		again()
		stop()
		j = b.journal()
		b.decide(j)
		stop = b.watch(j)
		time.Sleep(time.Hour)
		again()
		stop()
	})
}

// TestInPart: of an incident some of whose alerts others have the rest is sealed, and no
// restart makes an incident of those again.
func TestInPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &others{say: Verdict{Act: ActWait}, lost: 1}
		b := shared(t, o)
		j := b.journal()
		stop := b.watch(j)
		first := b.alertNow(j, "n1", 1)
		time.Sleep(time.Minute)
		second := b.alertNow(j, "n2", 1)
		time.Sleep(10 * time.Minute)
		was := b.list()[0].Incident
		o.set(Verdict{Act: ActSeal, Elsewhere: []incident.Elsewhere{{Alert: first.ID, Link: fleet.Link{Collector: "dmz-b", Incident: "there"}}}}, nil)
		time.Sleep(time.Minute) // the first commit comes too late: it is made once more
		in, fb := b.sealedOnly()
		if in.ID == was || !strings.Contains(in.ID, second.ID[:6]) || !slices.Contains(in.Aliases, was) || len(fb.Manifest.Alerts) != 1 || fb.Manifest.Alerts[0].ID != second.ID || !hasNote(fb.Manifest.Notes, "there of dmz-b") {
			t.Errorf("%s (was %s): %+v, %q", in.ID, was, fb.Manifest.Alerts, fb.Manifest.Notes)
		}
		if len(b.bundles()) != 1 || b.seals != 2 {
			t.Errorf("%v, sealed %d times", b.bundles(), b.seals)
		}
		stop()
		j = b.journal()
		b.alertNow(j, "n3", 9)
		stop = b.watch(j)
		time.Sleep(time.Hour)
		for _, l := range b.list() {
			in, err := b.st.Load(l.Incident)
			if err != nil || slices.ContainsFunc(in.Members, func(m incident.Member) bool { return m.Alert == first.ID }) {
				t.Errorf("%+v, %v", in.Members, err)
			}
		}
		stop()
	})
}

// TestSupplement: what others have and lack logs of is kept under a name of its own.
func TestSupplement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &others{say: Verdict{Act: ActWait}}
		b := shared(t, o)
		j := b.journal()
		stop := b.watch(j)
		a := b.alertNow(j, "n1", 1)
		time.Sleep(6 * time.Minute)
		was := b.list()[0].Incident
		link := fleet.Link{Collector: "dmz-b", Incident: was}
		o.set(Verdict{Act: ActSupplement, ID: was + "-dmz-a", Elsewhere: []incident.Elsewhere{{Alert: a.ID, Link: link}}}, nil)
		time.Sleep(time.Minute)
		in, fb := b.sealedOnly()
		if in.ID != was+"-dmz-a" || !slices.Equal(in.Fleet.SupplementOf, []fleet.Link{link}) || !hasNote(fb.Manifest.Notes, "supplement of incident "+was+" of dmz-b") || len(o.committed) != 1 || len(in.Members) != 0 || len(fb.Manifest.Alerts) != 1 {
			t.Errorf("%s: %+v, %q", in.ID, in.Fleet, fb.Manifest.Notes)
		}
		stop()
	})
}

// TestKilledWithOthers: whatever change to the disk is the last one before the program ends, a
// restart leads to one sealed incident, or to none where others have it.
func TestKilledWithOthers(t *testing.T) {
	for _, act := range []Act{ActSeal, ActDrop} {
		synctest.Test(t, func(t *testing.T) {
			for at, done := 0, false; !done; at++ {
				o := &others{say: Verdict{Act: ActWait}}
				b := shared(t, o)
				var mu sync.Mutex
				n, armed, dead := 0, false, false
				b.st.Fault = func(op, name string) error {
					mu.Lock()
					defer mu.Unlock()
					if !armed {
						return nil
					}
					if n++; n > at {
						dead = true
					}
					if dead {
						return errors.New("killed")
					}
					return nil
				}
				j := b.journal()
				stop := b.watch(j)
				a := b.alertNow(j, "n1", 1)
				time.Sleep(6 * time.Minute)
				elsewhere := []incident.Elsewhere{{Alert: a.ID, Link: fleet.Link{Collector: "dmz-b", Incident: "there"}}}
				v := Verdict{Act: act}
				if act == ActDrop {
					v.Elsewhere = elsewhere
				}
				mu.Lock()
				armed = true
				mu.Unlock()
				o.set(v, nil)
				time.Sleep(7 * time.Second)
				stop()
				mu.Lock()
				done = !dead
				mu.Unlock()
				b.st.Fault = nil
				j = b.journal()
				stop = b.watch(j)
				time.Sleep(5 * time.Minute)
				if act == ActDrop {
					rec, err := b.st.Alert(a.ID)
					if l := b.list(); len(l) != 0 || len(b.bundles()) != 0 || err != nil || rec.Sites[0].At != "dmz-b" {
						t.Fatalf("step %d: %+v, %v, %+v, %v", at, l, b.bundles(), rec, err)
					}
					if text, err := os.ReadFile(incident.RemovedFile(b.st)); err != nil || strings.Count(string(text), "\n") != 1 {
						t.Fatalf("step %d: %q, %v", at, text, err)
					}
				} else if in, _ := b.sealedOnly(); !in.Fleet.Claimed || len(b.bundles()) != 1 || len(in.Members) != 1 {
					t.Fatalf("step %d: %+v, %v", at, in, b.bundles())
				}
				stop()
			}
		})
	}
}
