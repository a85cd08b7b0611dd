package alerts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rtmtgrab/internal/collector/incoming"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/config/fleetconf"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/fleet/member"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/incident/triage"
	"rtmtgrab/internal/testserver"
)

var quiet = slog.New(slog.DiscardHandler)

// A collector is what of one is of alerts, on a real journal.
type collector struct {
	t       *testing.T
	name    string
	store   *incident.Store
	journal *triage.Journal
	x       *Exchange
	member  *member.Member
	sites   atomic.Pointer[[]incident.Site]
	server  *testserver.NATS
}

func sitesOf(names ...string) (list []incident.Site) {
	for _, name := range names {
		list = append(list, incident.Site{Name: name, Clusters: []string{"CM-" + name}, TimeZone: "UTC", Families: []string{"messages"}, Hosts: []incident.HostRef{{Name: "expc01", Address: "10.0.0.1:22"}}})
	}
	return list
}

// start is a collector of sites that has its place in the fleet; again of one that was closed.
func start(t *testing.T, s *testserver.NATS, name string, sites ...string) *collector {
	t.Helper()
	c := &collector{t: t, name: name, store: incidenttest.Store(t, t.TempDir()), server: s}
	list := sitesOf(sites...)
	c.sites.Store(&list)
	c.open()
	c.join()
	return c
}

func (c *collector) open() {
	c.t.Helper()
	var err error
	policy := incidenttest.Policy()
	if c.journal, err = triage.OpenJournal(c.store, *c.sites.Load(), policy, quiet, nil); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { c.journal.Close() })
	in := &incoming.Intake{Journal: c.journal, Log: quiet}
	place := func() (Place, bool) { return Place{Name: c.name, Sites: *c.sites.Load(), MaxAge: policy.MaxAge}, true }
	if c.x, err = Open(c.store, place, c.journal, in, quiet); err != nil {
		c.t.Fatal(err)
	}
	c.member = &member.Member{Log: quiet, Workers: c.x.Workers(), Options: func(*config.Config) (hub.Options, error) {
		return hub.Options{Servers: []string{c.server.URL}, Name: c.name, TLS: c.server.ClientTLS()}, nil
	}}
	c.t.Cleanup(c.member.Close)
}

func (c *collector) join() {
	c.member.Configure(c.t.Context(), &config.Config{Fleet: &fleetconf.Fleet{Servers: []string{c.server.URL}, Tenant: "acme", Name: c.name}})
}

// restart is a process that has ended and begins again.
func (c *collector) restart() {
	c.member.Close()
	c.journal.Close()
	c.store.Fault = nil
	c.open()
	c.join()
}

// see takes an alert as a mail is taken.
func (c *collector) see(a evidence.Alert) error {
	lost := c.journal.Lost()
	_, err := c.journal.Take(c.t.Context(), a, []byte("From: rtmt@example.com\r\n\r\n"+a.Node+"\r\n"), false, time.Now())
	if err == nil {
		err = c.journal.Commit(lost)
	}
	if err == nil {
		_, err = c.journal.Decide(time.Now())
	}
	return err
}

func (c *collector) mustSee(a evidence.Alert) {
	c.t.Helper()
	if err := c.see(a); err != nil {
		c.t.Fatal(err)
	}
}

// record is what is known of an alert; the zero record: nothing.
func (c *collector) record(id string) incident.AlertRecord {
	rec, err := c.store.Alert(id)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.t.Fatal(err)
	}
	return rec
}

// at is what a site made of an alert: "hq:incident".
func (c *collector) at(id string) string {
	rec := c.record(id)
	var parts []string
	if rec.What != "" {
		parts = append(parts, string(rec.What))
	}
	for _, d := range rec.Sites {
		parts = append(parts, d.Site+":"+string(d.What))
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

var count atomic.Int64

// alertOf is an alert of a cluster at a node of its own, which happened just now.
func alertOf(cluster string) evidence.Alert {
	n := count.Add(1)
	node := fmt.Sprintf("sub%d", n)
	return evidence.Alert{ID: incidenttest.AlertID(node), Name: "PartiallyRegisteredPhone", Cluster: cluster, Node: node, Time: time.Now().UTC().Truncate(time.Second),
		TimeFrom: evidence.TimeFromSentence, Sender: "rtmt@example.com"}
}

func startHub(t *testing.T, config ...string) (*testserver.NATS, *hub.Hub) {
	s := testserver.StartNATS(t, testserver.NATSOptions{Config: strings.Join(config, "\n")})
	h, err := hub.Open(hub.Options{Servers: []string{s.URL}, TLS: s.ClientTLS()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := hub.Ensure(t.Context(), h.Stream, 1); err != nil {
		t.Fatal(err)
	}
	return s, h
}

func knows(c *collector, site string, collectors ...string) func() bool {
	return func() bool { return slices.Equal(c.x.Directory.Collectors(site), collectors) }
}

func messages(t *testing.T, h *hub.Hub) uint64 {
	t.Helper()
	s, err := h.Stream.Stream(t.Context(), fleet.AlertStream)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

// TestExchange: one mailbox at the provider serves the collectors of all sites, each of a pair
// among them; what a pair sees by itself goes to the other; nothing is there twice.
func TestExchange(t *testing.T) {
	s, h := startHub(t)
	provider, a, b, c := start(t, s, "provider"), start(t, s, "dmz-a", "hq"), start(t, s, "dmz-b", "hq", "lab"), start(t, s, "dmz-c", "roma")
	for _, one := range []*collector{provider, a, b, c} {
		until(t, "all know all", func() bool {
			return knows(one, "hq", "dmz-a", "dmz-b")() && knows(one, "lab", "dmz-b")() && knows(one, "roma", "dmz-c")()
		})
	}

	first := alertOf("CM-hq")
	provider.mustSee(first)
	for _, one := range []*collector{a, b} {
		until(t, "it is in an incident", func() bool { return one.at(first.ID) == "hq:incident" })
		rec := one.record(first.ID)
		if r := rec.Alert.Relay; r == nil || r.Collector != "provider" || r.Site != "hq" || rec.Sender != "rtmt@example.com" || !rec.Alert.Time.Equal(first.Time) {
			t.Errorf("%+v", rec)
		}
		if raw, err := one.store.Mail(first.ID); err != nil || !strings.Contains(string(raw), first.Node) {
			t.Errorf("%q, %v", raw, err)
		}
	}
	if got := provider.at(first.ID); got != "forwarded" || len(provider.journal.Unrouted()) > 0 {
		t.Errorf("%s; %v", got, provider.journal.Unrouted())
	}
	if got := c.at(first.ID); got != "" {
		t.Errorf("a site that it is not of: %s", got)
	}

	own, alone := alertOf("CM-hq"), alertOf("CM-lab")
	a.mustSee(own)
	until(t, "the other of the pair has it", func() bool { return strings.HasPrefix(b.at(own.ID), "hq:") })
	if r := a.record(own.ID).Alert.Relay; r != nil {
		t.Errorf("%+v", r)
	}
	b.mustSee(own) // its mailbox has it too
	b.mustSee(alone)
	provider.mustSee(first)
	until(t, "the outboxes are empty", func() bool { return a.x.State().Waiting+b.x.State().Waiting+provider.x.State().Waiting == 0 })
	if got := messages(t, h); got != 2 { // own by each of the pair: it is the same
		t.Errorf("%d messages", got)
	}
	if got := b.record(alone.ID).SentTo; len(got) > 0 {
		t.Errorf("an alert of a site that nobody else reaches was sent to %v", got)
	}

	// one mail for two sites of one collector
	both := alertOf("CM-hq")
	both.Node = "shared.example.com"
	list := sitesOf("hq", "lab")
	list[1].Nodes = []string{both.Node}
	b.sites.Store(&list)
	b.journal.Configure(list, incidenttest.Policy())
	b.join()
	until(t, "the directory knows of the node", func() bool {
		return slices.ContainsFunc(provider.x.Directory.Entries(), func(e fleet.Entry) bool { return len(e.Nodes) > 0 })
	})
	provider.mustSee(both)
	until(t, "both sites have it", func() bool {
		return b.at(both.ID) == "hq:incident lab:incident" || b.at(both.ID) == "hq:repeat lab:incident"
	})

	// a collector that is there again knows what it had
	id := first.ID
	before := a.record(id)
	a.restart()
	last := alertOf("CM-hq")
	provider.mustSee(last)
	until(t, "the last one came", func() bool { return a.at(last.ID) != "" })
	if after := a.record(id); !after.Seen.Equal(before.Seen) {
		t.Error("an alert was taken again")
	}
}

// TestHubAway: what is seen meanwhile waits, across restarts; the directory is known without a
// hub; what nobody is known to reach is looked at again when somebody is.
func TestHubAway(t *testing.T) {
	s, h := startHub(t)
	provider, a := start(t, s, "provider"), start(t, s, "dmz-a", "hq")
	until(t, "the site is known", knows(provider, "hq", "dmz-a"))
	s.Stop()
	until(t, "the hub is away", func() bool { return provider.member.State().Down != nil && h.Down() != nil })
	provider.restart()

	early, unknown := alertOf("CM-hq"), alertOf("CM-late")
	old := alertOf("CM-late")
	old.Time = old.Time.Add(-25 * time.Hour)
	for _, one := range []evidence.Alert{early, unknown, old} {
		provider.mustSee(one)
	}
	if got := [3]string{provider.at(early.ID), provider.at(unknown.ID), provider.at(old.ID)}; got != [3]string{"forwarded", "unrouted", "expired"} {
		t.Error(got)
	}
	if st := provider.x.State(); st.Waiting != 1 || st.Oldest.IsZero() {
		t.Errorf("%+v", st)
	}
	s.Start()
	until(t, "it came", func() bool { return a.at(early.ID) == "hq:incident" })

	late := start(t, s, "dmz-late", "late")
	until(t, "what was unrouted came", func() bool { return late.at(unknown.ID) == "late:incident" })
	if got := provider.at(unknown.ID); got != "forwarded" || len(provider.journal.Unrouted()) > 0 {
		t.Errorf("%s, %v", got, provider.journal.Unrouted())
	}
	if got := late.at(old.ID); got != "" {
		t.Errorf("too old, and sent: %s", got)
	}
}

// TestJudged: what may not trigger is not sent before it is released; a drill never is; who has
// judged is written down.
func TestJudged(t *testing.T) {
	s, h := startHub(t)
	provider, a := start(t, s, "provider"), start(t, s, "dmz-a", "hq")
	until(t, "the site is known", knows(provider, "hq", "dmz-a"))

	forged, drilled, genuine := alertOf("CM-hq"), alertOf("CM-hq"), alertOf("CM-hq")
	forged.Auth = &evidence.Auth{Why: "nobody vouches for it"}
	drilled.Drill = "hq"
	genuine.Auth = &evidence.Auth{OK: true, How: "dkim", Why: "signed by example.com"}
	for _, one := range []evidence.Alert{forged, drilled, genuine} {
		provider.mustSee(one)
	}
	until(t, "the genuine one came", func() bool { return a.at(genuine.ID) == "hq:incident" })
	if got := a.record(genuine.ID).Alert; got.Auth == nil || got.Auth.How != "dkim" || got.Relay.Collector != "provider" {
		t.Errorf("%+v", got)
	}
	if got := [2]string{provider.at(forged.ID), provider.at(drilled.ID)}; got != [2]string{"quarantined", "drill"} || messages(t, h) != 1 {
		t.Errorf("%v, %d messages", got, messages(t, h))
	}
	if _, err := provider.journal.Release(forged.ID, false); err != nil {
		t.Fatal(err)
	}
	until(t, "the released one came", func() bool { return strings.HasPrefix(a.at(forged.ID), "hq:") })
	if got := a.record(forged.ID).Alert.Auth; got == nil || got.How != "released" {
		t.Errorf("%+v", got)
	}
	if got := provider.at(forged.ID); got != "forwarded" {
		t.Error(got)
	}
}

// TestRefused: what can be no alert is counted, kept aside and ends; what comes behind it is taken.
func TestRefused(t *testing.T) {
	s, h := startHub(t)
	a := start(t, s, "dmz-a", "hq")
	good := fleet.Alert{Alert: alertOf("CM-hq"), Site: "hq", From: "provider"}
	text := func(change func(*fleet.Alert)) string {
		bad := good
		change(&bad)
		b, _ := json.Marshal(bad)
		return string(b)
	}
	bad := []string{
		"", "null", "{", `"x"`, "{}",
		text(func(a *fleet.Alert) { a.Site = "lab" }), text(func(a *fleet.Alert) { a.From = "" }),
		text(func(a *fleet.Alert) { a.From = strings.Repeat("x", 300) }), text(func(a *fleet.Alert) { a.Alert.ID = "../../x" }),
		text(func(a *fleet.Alert) { a.Alert.Drill = "hq" }), strings.Repeat("x", 1<<20-100),
	}
	for _, b := range bad {
		if _, err := h.Stream.Publish(t.Context(), fleet.AlertSubject("hq"), []byte(b)); err != nil {
			t.Fatal(err)
		}
	}
	b, _ := json.Marshal(good)
	if _, err := h.Stream.Publish(t.Context(), fleet.AlertSubject("hq"), b); err != nil {
		t.Fatal(err)
	}
	until(t, "the good one came", func() bool { return a.at(good.Alert.ID) == "hq:incident" })
	if st := a.x.State(); st.Refused != len(bad) || st.Last.IsZero() {
		t.Errorf("%+v", st)
	}
	kept, _ := os.ReadDir(a.store.Dir + "/fleet/refused")
	if len(kept) != len(bad) {
		t.Errorf("%d kept", len(kept))
	}
	consumer, err := h.Stream.Consumer(t.Context(), fleet.AlertStream, fleet.HoldConsumer("hq", "dmz-a"))
	if err != nil {
		t.Fatal(err)
	}
	until(t, "nothing is left to acknowledge", func() bool {
		info, err := consumer.Info(t.Context())
		return err == nil && info.NumAckPending == 0 && info.NumPending == 0
	})
}

// TestNotSafe: the hub is not told of an alert that the disk does not take; it comes again.
func TestNotSafe(t *testing.T) {
	s, _ := startHub(t)
	provider, a := start(t, s, "provider"), start(t, s, "dmz-a", "hq")
	until(t, "the site is known", knows(provider, "hq", "dmz-a"))
	var full atomic.Bool
	full.Store(true)
	tried := make(chan struct{}, 100)
	a.member.Close()
	a.store.Fault = func(op, name string) error {
		if op == "commit" && full.Load() {
			tried <- struct{}{}
			return errors.New("disk full")
		}
		return nil
	}
	a.join()
	one := alertOf("CM-hq")
	provider.mustSee(one)
	<-tried
	if got := a.at(one.ID); got != "" {
		t.Error(got)
	}
	full.Store(false)
	until(t, "it came again", func() bool { return a.at(one.ID) == "hq:incident" })
}

// TestKilledTaking: whatever change to the disk a kill comes before or after, the alert is sent,
// once, when its mail is read again, and waits nowhere.
func TestKilledTaking(t *testing.T) {
	s, h := startHub(t)
	a := start(t, s, "dmz-a", "hq")
	until(t, "it hears", func() bool { return len(a.x.Directory.Collectors("hq")) == 1 })
	killed := errors.New("killed")
	sent := uint64(0)
	for step := 0; ; step++ {
		provider := start(t, s, fmt.Sprintf("provider-%d", step))
		until(t, "the site is known", knows(provider, "hq", "dmz-a"))
		provider.member.Close()
		var n, died atomic.Int64
		provider.store.Fault = func(op, name string) error {
			if died.Load() > 0 || n.Add(1) > int64(step) {
				died.Add(1) // from then on nothing happens any more
				return killed
			}
			return nil
		}
		one := alertOf("CM-hq")
		err := provider.see(one)
		t.Logf("step %d: %v", step, err)
		provider.restart()
		if err != nil { // the cursor has not moved: the mail is read again
			provider.mustSee(one)
		}
		sent++
		until(t, "it came", func() bool { return strings.HasPrefix(a.at(one.ID), "hq:") && provider.x.State().Waiting == 0 })
		if got := messages(t, h); got != sent {
			t.Fatalf("killed at step %d: %d messages, want %d", step, got, sent)
		}
		if got := provider.at(one.ID); got != "forwarded" {
			t.Errorf("killed at step %d: %s", step, got)
		}
		provider.member.Close()
		if died.Load() == 0 {
			if step < 6 {
				t.Errorf("only %d steps", step)
			}
			return
		}
	}
}

// FuzzRead: what is taken of a message is of the site, bounded, and no drill.
func FuzzRead(f *testing.F) {
	b, _ := json.Marshal(fleet.Alert{Alert: incidenttest.AlertAt(0, "sub1", 3), Site: "hq", From: "dmz-a", Raw: []byte("x")})
	f.Add(b)
	f.Add([]byte(`{"site":"hq","from":"a","alert":{"id":"` + incidenttest.AlertID("x") + `","time":"0001-01-01T00:00:00Z"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		in, err := Read("hq", data)
		if err != nil {
			return
		}
		if !incident.IsID(in.ID) || in.Relay == nil || in.Relay.Site != "hq" || in.Drill != "" || len(in.Name) > 4*300 {
			t.Fatalf("%+v", in)
		}
	})
}
