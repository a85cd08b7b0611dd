package owner

import (
	"log/slog"
	"testing"
	"time"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/runner"
)

func clocked(now *time.Time) *Owner {
	return New(&Owner{Place: func() (string, []incident.Site) { return "dmz-a", []incident.Site{{Name: "hq"}} }, Hub: func() *hub.Hub { return &hub.Hub{} },
		Collectors: func(string) []string { return []string{"dmz-a", "dmz-b"} }, Runner: &runner.Runner{}, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return *now }})
}

// TestOwns: who has not proven its epoch of late is no owner, nor is one whose epoch is over, and
// what is read late changes nothing.
func TestOwns(t *testing.T) {
	now := time.Now()
	o := clocked(&now)
	o.leases["hq"] = lease{mine: 5}
	mine := fleet.Epoch{Number: 5, Owner: "dmz-a"}
	is := func(want bool) {
		t.Helper()
		if _, got := o.owns("hq"); got != want {
			t.Errorf("owns: %v", got)
		}
	}
	is(false)
	o.saw("hq", mine, 9, now)
	is(true)
	now = now.Add(provenFor)
	is(false) // it was paused, or slept
	o.saw("hq", mine, 10, now)
	is(true)
	now = now.Round(0).Add(-time.Hour) // a clock that was set back proves nothing
	o.saw("hq", fleet.Epoch{Number: 4, Owner: "dmz-b"}, 8, now)
	if l := o.leases["hq"]; l.epoch.Number != 5 {
		t.Errorf("what is old was taken in: %+v", l)
	}
	o.saw("hq", fleet.Epoch{Number: 6, Owner: "dmz-b"}, 11, now)
	is(false)
	o.saw("hq", fleet.Epoch{Number: 7, Owner: "dmz-a"}, 12, now)
	is(false) // an epoch of an earlier life
}

// TestLivesOrNot: how long an owner gave no sign is counted from when that was seen, not by its clock.
func TestLivesOrNot(t *testing.T) {
	now := time.Now()
	o := clocked(&now)
	e := fleet.Epoch{Number: 3, Owner: "dmz-b", Since: now.Add(-time.Hour)}
	first := o.saw("hq", e, 4, now)
	now = now.Add(staleAfter)
	if l := o.saw("hq", e, 4, now); o.since(l.changed) < staleAfter || !l.changed.Equal(first.changed) {
		t.Errorf("%+v", l)
	}
	if l := o.saw("hq", e, 5, now); o.since(l.changed) != 0 {
		t.Errorf("a sign of life was not seen: %+v", l)
	}
}

// TestMayTell: people are told by the owner, by whoever has sealed, and by all where nobody can be asked.
func TestMayTell(t *testing.T) {
	now := time.Now()
	o := clocked(&now)
	open := incident.Incident{Site: "hq", State: incident.Running}
	is := func(in incident.Incident, want bool) {
		t.Helper()
		if got := o.MayTell(in); got != want {
			t.Errorf("%+v: %v", in.Fleet, got)
		}
	}
	is(open, false)
	o.leases["hq"] = lease{mine: 5, epoch: fleet.Epoch{Number: 5, Owner: "dmz-a"}, proven: now}
	is(open, true)
	delete(o.leases, "hq")
	o.noteHeard()
	is(incident.Incident{Site: "hq", State: incident.Sealed, Fleet: incident.Shared{Claimed: true}}, true)
	now = now.Add(aloneAfter)
	is(open, true)
	o.Collectors = func(string) []string { return []string{"dmz-a"} }
	o.noteHeard()
	is(open, true)
}
