package main_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestUpgrade: the program goes on from what an earlier one left on disk. The data is
// a store as the real program wrote it, killed in the middle of an incident; it is
// used from outside only, so that no change inside can make it say something else.
//
// Everything that the program writes into its store is in it:
//
//	alerts/ID.json        one that is in an incident, repeat, expired, unrouted, paused, quarantined (two), limited
//	mails/ID.eml          theirs
//	incidents/KEY/        an open one after its first pass, a sealed one (partial, so that its slices stay):
//	                      incident.json, lock, manifest-r1.json, rows/HOST.json, hosts/HOST/state.json, hosts/HOST/FAMILY.N.raw
//	bundles/NAME.zip      of the sealed one
//	removed.jsonl         one that keep.age removed
//	plan.json             the policy in force
//	pauses.json, .lock    one pause
//	releases/ID.json      a request for the watcher, left when none ran
//	cursors/HASH.json     how far the mailbox was read
//	tokens/HASH.json, .lock    a refresh token that the endpoint has changed
//	logins/HOST           a refused login; three in a row without an outcome
//	logins/.key, .last-HOST, .lock-…
//	ring/HOST/FAMILY/N.idx, N.zst, ring/HOST/lock
//	outbox/CHANNEL/….json, dropped.json    notices that wait, and how many were given up
//	notices.json, notices-incidents.json   what was told
//	notice.key, canaries/HASH.json, heartbeats.json
//	watch.lock, watch.sign
//
// What is bound to a time is moved to today where it would be forgotten otherwise;
// incidents, logs and the ring stay on the day on which they were written.
func TestUpgrade(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long")
	}
	t.Parallel()
	s, meta := openOld(t, "store-v1")
	before, sealed, waiting, files := s.alerts(), s.oldIncident("sealed"), s.waiting(), s.smallFiles()
	s.tokens.SetRefresh(files.token.Refresh)

	s.reads(before)
	s.blocks()
	s.readsRing(meta)

	s.fillMailbox(meta)
	open := s.oldIncident("running").Incident
	copied := s.slices(open)
	stop := s.watch()
	s.sealsOpen(meta, open, copied)
	s.delivers(meta.Told, waiting)
	s.takesMails(meta, before)
	s.remembers(files)
	stop(os.Interrupt)

	s.retries(sealed)
	s.blocks()
}

// oldIncident is the incident in that state, with its row of the list.
func (s *oldSite) oldIncident(state string) listed {
	s.t.Helper()
	list := s.list()
	i := slices.IndexFunc(list, func(l listed) bool { return l.State == state })
	if i < 0 {
		s.t.Fatalf("no incident is %s: %+v", state, list)
	}
	return list[i]
}

// reads: what there is can be read while no watcher runs.
func (s *oldSite) reads(alerts map[string]alertRecord) {
	s.t.Helper()
	count := map[string]int{}
	for _, r := range alerts {
		count[r.became()]++
	}
	want := map[string]int{"incident": 3, "repeat": 1, "expired": 1, "unrouted": 1, "paused": 1, "quarantined": 2, "limited": 1}
	for what, n := range want {
		if count[what] != n || len(count) != len(want) {
			s.t.Errorf("alerts: %v, want %v", count, want)
		}
	}
	open, sealed := s.oldIncident("running"), s.oldIncident("sealed")
	if open.Coverage != "partial" || sealed.Coverage != "partial" || len(s.list()) != 3 || s.oldIncident("removed").Bundle != "" {
		s.t.Errorf("%+v", s.list())
	}
	for _, name := range []string{open.Incident, sealed.Incident, sealed.Bundle} {
		if m := s.show(name); len(m.Hosts) != 2 || len(m.Alerts) != 1 || m.bytes("expc01") == 0 {
			s.t.Errorf("show %s: %+v", name, m)
		}
	}
	s.grab("verify", sealed.Bundle).ok(s.t)
	s.grab("check", "--offline").ok(s.t)
	if r := s.grab("pause"); !strings.Contains(r.out, "branch") || !strings.Contains(r.out, "upgrade of the cluster") {
		s.t.Errorf("the pause: %s", r)
	}
	var held []struct{ ID string }
	if s.grab("quarantine", "--json").ok(s.t).decode(s.t, &held); len(held) != 2 {
		s.t.Errorf("in quarantine: %+v", held)
	}
	r := s.grab("status")
	for _, want := range []string{open.Incident, "expc02 (", "root was refused at", "expe02 (", "the last 3 logins as root"} {
		if r.code != 1 || !strings.Contains(r.out, want) {
			s.t.Errorf("status says no %q: %s", want, r)
		}
	}
}

// manifest is that of a bundle, as far as it is of interest.
type manifest struct {
	Coverage, Bundle string
	Revision         int
	Alerts           []struct{ ID string }
	Hosts            []struct {
		Host, Coverage, Error string
		Files                 []struct {
			Family, Coverage string
			Bytes            int64
			Sources          []struct{ From string }
		}
	}
	Timing struct{ Held, Copied time.Time }
}

func (m manifest) bytes(host string) (n int64) {
	for _, h := range m.Hosts {
		for _, f := range h.Files {
			if h.Host == host {
				n += f.Bytes
			}
		}
	}
	return n
}

func (s *oldSite) show(name string) (m manifest) {
	s.t.Helper()
	s.grab("show", "--json", name).ok(s.t).decode(s.t, &m)
	return m
}

// blocks: a refused login, and those without an outcome, keep the program from another;
// not a connection is made.
func (s *oldSite) blocks() {
	s.t.Helper()
	for _, host := range oldHosts[1].hosts {
		var m manifest
		r := s.grab("now", "--json", "--direct", "--patience", "1s", "--out", "out", host)
		if r.decode(s.t, &m); r.code != 4 || len(m.Hosts) != 1 || !strings.Contains(m.Hosts[0].Error, "login not tried again") {
			s.t.Errorf("%s: %s", host, r)
		}
		if n := s.hosts[host].Stats().Connections; n != 0 {
			s.t.Errorf("%s: %d connections were made", host, n)
		}
	}
}

// readsRing: what a host has no more comes out of the ring.
func (s *oldSite) readsRing(meta oldMeta) {
	s.t.Helper()
	var m manifest
	r := s.grab("now", "--json", "--out", "out", "--at", meta.RingAt.Format(time.RFC3339), "--before", "5s", "expc03").ok(s.t)
	r.decode(s.t, &m)
	for _, f := range m.Hosts[0].Files {
		if f.Coverage != "complete" || len(f.Sources) == 0 || f.Sources[0].From != "ring" {
			s.t.Errorf("%+v", f)
		}
	}
}
