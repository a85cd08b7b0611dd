package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

const phone = "SEP00EBD5D5D8C6"

// site is a store and what was kept for the hub.
type site struct {
	t     *testing.T
	store *incident.Store
	kept  []Message
	fails error
}

func newSite(t *testing.T) *site {
	return &site{t: t, store: incidenttest.Store(t, t.TempDir())}
}

// publisher is one that a start of the collector makes.
func (s *site) publisher(names bool) *Publisher {
	return New(Publisher{Store: s.store, Member: func() (string, bool) { return "dmz-a", names }, Manifest: s.manifest, Log: slog.New(slog.DiscardHandler),
		Keep: func(m Message) error {
			if s.fails != nil {
				return s.fails
			}
			s.kept = append(s.kept, m)
			return nil
		}})
}

// manifest is full of what must not leave the collector.
func (s *site) manifest(bundle string) (evidence.Manifest, error) {
	id := strings.TrimSuffix(filepath.Base(bundle), ".zip")
	id, _, _ = strings.Cut(id, "_r")
	return evidence.Manifest{Incident: id, Reason: "Ann said so", RequestedBy: "ann", Case: "695001122", Notes: []string{"a note of " + phone},
		Alerts: []evidence.Alert{{Subject: "the subject", Sender: "rtmt@example.com"}},
		Registration: &evidence.Registration{Verdict: "partial", Summary: phone + " is partially registered",
			Groups: []evidence.RegistrationGroup{{Verdict: "partial", Cause: "tcp_dropped", Devices: []string{phone}, More: 41, Summary: phone}, {Verdict: "recovered", Cause: "auth", Devices: []string{"SEP000000000001"}}}}}, nil
}

func (s *site) seal(n, revisions int, change func(*incident.Incident)) {
	s.t.Helper()
	at := time.Now().UTC()
	in := incident.Incident{ID: incident.MakeID(at, "hq", fmt.Sprintf("%06x", n)), Site: "hq", Kind: incident.KindAlert, State: incident.Sealed, Members: []incident.Member{{Time: at}},
		Reason: "Ann said so", By: "ann", Case: "695001122", Phones: []string{phone}}
	in.Key = fmt.Sprintf("20260302T141407Z-hq-%06x", n)
	for r := range revisions {
		in.Revisions = append(in.Revisions, incident.Revision{Revision: r + 1, Bundle: filepath.Join(s.store.Bundles(), fmt.Sprintf("%s_r%d.zip", in.ID, r)), Coverage: evidence.Partial, Sealed: at.Add(time.Minute),
			Brief: &incident.Brief{Node: "cucm01", Verdict: "partial", Phones: []incident.NamedFate{{Device: phone, Verdict: "partial"}}, More: 42, Bytes: 9}, HandTo: []string{"analysts"}})
	}
	in.Revision = revisions
	if change != nil {
		change(&in)
	}
	if _, err := s.store.Read(in.Key); err != nil {
		if err := s.store.Create(in.Key); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := s.store.Save(in); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) look(t *Publisher) []fleet.Verdict {
	s.t.Helper()
	s.kept = nil
	if err := t.look(); err != nil && s.fails == nil {
		s.t.Fatal(err)
	}
	var list []fleet.Verdict
	for _, m := range s.kept {
		v, err := fleet.ParseVerdict(m.Subject, m.Body)
		if err != nil || m.ID != v.ID() {
			s.t.Fatalf("%s: %v", m.Body, err)
		}
		list = append(list, v)
	}
	return list
}

// TestEachRevisionOnce: what was sealed before the collector joined is not told of; each revision
// after that is, once, across restarts, and again until it is safe; drills are not.
func TestEachRevisionOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.seal(1, 1, func(in *incident.Incident) { in.Revisions[0].Sealed = time.Now().Add(-time.Hour) })
	publisher := s.publisher(false)
	if got := s.look(publisher); len(got) != 0 {
		t.Fatalf("%+v", got)
	}
	s.seal(2, 2, nil)
	s.seal(3, 1, func(in *incident.Incident) { in.Kind = incident.KindDrill })
	got := s.look(publisher)
	if len(got) != 2 || got[0].Revision != 1 || got[1].Revision != 2 || s.kept[0].ID == s.kept[1].ID || s.kept[0].Subject != "events.hq" {
		t.Fatalf("%+v", got)
	}
	want := fleet.Verdict{Incident: got[0].Incident, Site: "hq", Collector: "dmz-a", Kind: "alert", Revision: 1, Coverage: evidence.Partial, Verdict: "partial", Cause: "tcp_dropped", Phones: 43, Bytes: 9,
		Counts: map[string]int{"partial": 42, "recovered": 1}, HandTo: []string{"analysts"}, Window: got[0].Window, Sealed: got[0].Sealed, At: got[0].At, Bundle: got[0].Bundle}
	if a, b := asJSON(t, got[0]), asJSON(t, want); a != b || got[0].Bundle == "" {
		t.Errorf("%s\n%s", a, b)
	}
	if got := s.look(s.publisher(false)); len(got) != 0 { // after a restart
		t.Errorf("%+v", got)
	}

	s.fails = errors.New("the disk is full")
	s.seal(2, 3, nil)
	if got := s.look(publisher); len(got) != 0 {
		t.Fatalf("%+v", got)
	}
	s.fails = nil
	if got := s.look(s.publisher(false)); len(got) != 1 || got[0].Revision != 3 {
		t.Errorf("%+v", got)
	}
}

func asJSON(t *testing.T, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestClaimedLater: what was told as unclaimed is told again, by another ID, when others were asked
// meanwhile, and once.
func TestClaimedLater(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	unclaimed := true
	publisher := s.publisher(false)
	publisher.Unclaimed = func(incident.Incident, incident.Revision) bool { return unclaimed }
	s.look(publisher)
	s.seal(1, 1, nil)
	first := s.look(publisher)
	unclaimed = false
	s.seal(1, 1, nil)
	second := s.look(publisher)
	s.seal(1, 1, nil)
	if third := s.look(publisher); len(first) != 1 || len(second) != 1 || len(third) != 0 || !first[0].Unclaimed || second[0].Unclaimed || first[0].ID() == second[0].ID() || !second[0].Newer(first[0]) || first[0].Newer(second[0]) {
		t.Errorf("%+v %+v %+v", first, second, third)
	}
}

// TestNothingPersonal: no phone, person, case, mail or folder of a person is in what leaves; phones
// are where the tenant allows it.
func TestNothingPersonal(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	publisher := s.publisher(false)
	s.look(publisher)
	s.seal(1, 1, func(in *incident.Incident) {
		in.Kind, in.Out = incident.KindNow, "/home/ann/out"
		in.Revisions[0].Bundle = "/home/ann/out/" + in.ID + ".zip"
	})
	if got := s.look(publisher); len(got) != 1 {
		t.Fatal(got)
	}
	for _, word := range []string{"SEP", "Ann", "ann", "695001122", "subject", "example.com", "note"} {
		if strings.Contains(strings.ReplaceAll(string(s.kept[0].Body), "channel", ""), word) {
			t.Errorf("%s in %s", word, s.kept[0].Body)
		}
	}
	s.seal(2, 1, nil)
	if got := s.look(s.publisher(true)); len(got) != 1 || len(got[0].Names) != 1 || got[0].Names[0] != phone {
		t.Errorf("%+v", got)
	}
}

// TestWoken: a sealed incident is told of when somebody says that there is one, and nothing is while
// the collector is in no fleet.
func TestWoken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	kept := make(chan Message, 10)
	publisher := s.publisher(false)
	publisher.Every, publisher.Keep = time.Hour, func(m Message) error { kept <- m; return nil }
	joined := make(chan bool, 1)
	member := ""
	publisher.Member = func() (string, bool) {
		select {
		case <-joined:
			member = "dmz-a"
		default:
		}
		return member, false
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); publisher.Run(ctx) }()
	defer func() { cancel(); <-ended }()

	joined <- true
	publisher.Wake()
	for file := File(s.store.Dir); ; time.Sleep(time.Millisecond) {
		if st, err := filepath.Glob(file); err == nil && len(st) == 1 {
			break
		}
	}
	s.seal(1, 1, nil)
	publisher.Wake()
	if m := <-kept; m.Subject != "events.hq" {
		t.Errorf("%+v", m)
	}
}
