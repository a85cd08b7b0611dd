package main_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
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

// openOld makes a site of the data of an earlier version.
func openOld(t testing.TB, version string) (*oldSite, oldMeta) {
	t.Helper()
	data := filepath.Join("testdata", version)
	var meta oldMeta
	b, err := os.ReadFile(filepath.Join(data, "meta.json"))
	if err == nil {
		err = json.Unmarshal(b, &meta)
	}
	if err != nil {
		t.Fatal(err)
	}
	if time.Now().Before(meta.Written) {
		t.Skipf("the clock of this machine is before %v, when the data was written", meta.Written)
	}
	s := newOldSite(t, func(host, dir string) lab.LogConfig {
		for name, mtime := range meta.Logs {
			name, ok := strings.CutPrefix(name, host+"/")
			if !ok {
				continue
			}
			copyTree(t, filepath.Join(data, "logs", host), dir, func(name string, text []byte) (string, []byte) {
				if host == "expc01" { // what was copied of it is gone there
					text = since(text, meta.Copied)
				}
				return name, text
			})
			if err := os.Chtimes(filepath.Join(dir, name), mtime, mtime); err != nil {
				t.Fatal(err)
			}
		}
		if host == "expc03" {
			return lab.LogConfig{Rate: 1} // all that it had is gone
		}
		return lab.LogConfig{}
	})
	s.hosts["expc03"].Backfill(time.Now().Add(-2 * time.Second))
	s.copyStore(data, meta)
	s.write()
	return s, meta
}

// copyStore copies the store of the data to where the site has it.
func (s *oldSite) copyStore(data string, meta oldMeta) {
	s.t.Helper()
	for _, dir := range meta.Folders {
		if err := os.MkdirAll(s.store(filepath.FromSlash(dir)), 0o700); err != nil {
			s.t.Fatal(err)
		}
	}
	var marks []string
	for mark, text := range s.marks() {
		marks = append(marks, mark, filepath.ToSlash(text))
	}
	swap := strings.NewReplacer(marks...)
	rename := map[string]string{}
	now := named(s.mail.Addr(), s.tokens.URL())
	for what, was := range named(meta.Mail, meta.Token) {
		rename[was] = now[what]
		if _, err := os.Stat(filepath.Join(data, "store", was)); err != nil {
			s.t.Errorf("the file for the %s is called otherwise: %v", what, err)
		}
	}
	ago := time.Since(meta.Written).Truncate(time.Second)
	copyTree(s.t, filepath.Join(data, "store"), s.store(), func(name string, text []byte) (string, []byte) {
		if isVerbatim(name) {
			return name, text
		}
		text = []byte(swap.Replace(string(text)))
		if to := rename[name]; to != "" {
			name = to
		}
		return moved(name, text, ago)
	})
}

var (
	stamps = regexp.MustCompile(`"\d{4}-\d\d-\d\dT[0-9:.]+Z"`)
	seen   = regexp.MustCompile(`"seen": "\d{4}-\d\d-\d\dT[0-9:.]+Z"`)
	nanos  = regexp.MustCompile(`/\d{20}-`)
)

// moved moves by so much what the program would forget, for it is too old: alerts
// (30 days), pauses, notices that wait (a week). What was told it makes old.
func moved(name string, text []byte, by time.Duration) (string, []byte) {
	shift := func(b []byte) []byte {
		t, err := time.Parse(time.RFC3339Nano, strings.Trim(string(b), `"`))
		if err != nil {
			return b
		}
		return []byte(t.Add(by).Format(`"` + time.RFC3339Nano + `"`))
	}
	switch {
	case strings.HasPrefix(name, "alerts/"):
		text = seen.ReplaceAllFunc(text, func(b []byte) []byte { return append([]byte(`"seen": `), shift(b[len(`"seen": `):])...) })
	case name == "pauses.json":
		text = stamps.ReplaceAllFunc(text, shift)
	case name == "notices.json": // of what was told within an hour all is quiet
		by = -2 * time.Hour
		text = stamps.ReplaceAllFunc(text, shift)
	case strings.HasPrefix(name, "outbox/"):
		text = stamps.ReplaceAllFunc(text, shift)
		name = nanos.ReplaceAllStringFunc(name, func(s string) string {
			n, _ := strconv.ParseInt(s[1:21], 10, 64)
			return fmt.Sprintf("/%020d-", n+int64(by))
		})
	}
	return name, text
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
	if open.Coverage != "partial" || sealed.Coverage != "partial" || len(s.list()) != 2 {
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

// fillMailbox puts as many mails into the mailbox as the cursor is behind, all of them
// new alerts for who would read them, and then two: one that was taken before, and one
// for the site that is paused.
func (s *oldSite) fillMailbox(meta oldMeta) {
	s.t.Helper()
	for i := range meta.Mails {
		s.deliver(lab.MailOptions{Cluster: "HQ", Name: "QuickAlert", Node: fmt.Sprintf("cucm2%d", i), MessageID: fmt.Sprintf("other-%d@cucm01.example.com", i)})
	}
	s.deliver(lab.MailOptions{Cluster: "HQ", Name: "QuickAlert", Node: "cucm08", MessageID: oldMessage(2)})
	s.deliver(lab.MailOptions{Cluster: "BRANCH", MessageID: "new@cucm01.example.com"})
}

// since is what of a log was written at or after t.
func since(log []byte, t time.Time) (out []byte) {
	for line := range bytes.Lines(log) {
		stamp, _, _ := bytes.Cut(line, []byte(" "))
		if at, err := time.Parse("2006-01-02T15:04:05.000-07:00", string(stamp)); err == nil && at.Before(t) {
			continue
		}
		out = append(out, line...)
	}
	return out
}

// slices are those of expc01 that an incident has on disk, by family.
func (s *oldSite) slices(incident string) map[string][]byte {
	s.t.Helper()
	all := map[string][]byte{}
	for _, name := range s.glob("incidents/" + incident + "/hosts/expc01/*.raw") {
		b, err := os.ReadFile(name)
		if err != nil {
			s.t.Fatal(err)
		}
		family, _, _ := strings.Cut(filepath.Base(name), ".")
		all[family] = b
	}
	if len(all) != 2 {
		s.t.Fatalf("slices of %d families", len(all))
	}
	return all
}

// entry is a file of a bundle.
func (s *oldSite) entry(bundle, name string) []byte {
	s.t.Helper()
	z, err := zip.OpenReader(bundle)
	if err != nil {
		s.t.Fatal(err)
	}
	defer z.Close()
	f, err := z.Open(strings.TrimSuffix(filepath.Base(bundle), ".zip") + "/" + name)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// sealsOpen: the open incident goes on from where it was and is sealed, with what
// was copied before, of which one host has nothing any more, and after.
func (s *oldSite) sealsOpen(meta oldMeta, open string, copied map[string][]byte) {
	s.t.Helper()
	s.until("the open incident is sealed", func() bool {
		return slices.ContainsFunc(s.list(), func(l listed) bool { return l.Incident == open && l.State == "sealed" })
	})
	m := s.show(open)
	if len(m.Hosts) != 2 || m.Hosts[1].Coverage != "complete" || m.Timing.Copied.IsZero() || m.Timing.Copied.After(meta.Written) {
		s.t.Errorf("%+v", m)
	}
	s.grab("verify", m.Bundle).ok(s.t)
	for family, was := range copied {
		if got := s.entry(m.Bundle, "hosts/expc01/"+family+".txt"); !bytes.HasPrefix(got, was) || len(got) == len(was) {
			s.t.Errorf("%s has %d bytes, does not go on from the %d that were copied", family, len(got), len(was))
		}
	}
}

// delivers: notices that waited are sent, each once, and what was told of problems is
// not told again: those that an earlier run did not come to tell are.
func (s *oldSite) delivers(before, waiting []string) {
	s.t.Helper()
	var fresh []told
	count := map[string]int{}
	s.until("all that waited is sent, and news of problems", func() bool {
		clear(count)
		fresh = nil
		for _, n := range s.hook.told() {
			count[n.ID]++
			if !slices.Contains(waiting, n.ID) && n.Kind == "problems" {
				fresh = append(fresh, n)
			}
		}
		return len(fresh) > 0 && !slices.ContainsFunc(waiting, func(id string) bool { return count[id] == 0 })
	})
	for id, n := range count {
		if n != 1 || slices.Contains(before, id) {
			s.t.Errorf("notice %s was sent %d times, or by the run before", id, n)
		}
	}
	for _, n := range fresh {
		for _, c := range n.Changes {
			if strings.HasPrefix(c.Key, "host/") {
				s.t.Errorf("told again: %+v", c)
			}
		}
	}
	var dropped struct{ Dropped int }
	if s.read(s.store("outbox", "webhook-2", "dropped.json"), &dropped); dropped.Dropped < 1 {
		s.t.Errorf("%+v", dropped)
	}
}

// waiting are the IDs of the notices that wait in the outbox of the webhook that works.
func (s *oldSite) waiting() (ids []string) {
	s.t.Helper()
	for _, name := range s.glob("outbox/webhook-1/*.json") {
		var n told
		s.read(name, &n)
		ids = append(ids, n.ID)
	}
	if len(ids) == 0 {
		s.t.Fatal("no notice waits")
	}
	return ids
}

// read reads a file of JSON.
func (s *oldSite) read(name string, v any) {
	s.t.Helper()
	b, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// takesMails: the cursor stands where it stood, mails are known again, the pause lasts,
// and nothing is decided anew but what was asked for.
func (s *oldSite) takesMails(meta oldMeta, before map[string]alertRecord) {
	s.t.Helper()
	var now map[string]alertRecord
	s.until("the new mail is taken, and the release answered", func() bool {
		now = s.alerts()
		released := 0
		for id, r := range now {
			if before[id].became() == "quarantined" && r.became() == "incident" {
				released++
			}
		}
		return len(now) > len(before) && released == 1
	})
	for id, r := range now {
		was, known := before[id]
		switch what := r.became(); {
		case !known && (what != "paused" || r.Cluster != "BRANCH"):
			s.t.Errorf("a mail was taken that is none of the new ones: %+v", r)
		case known && what != was.became() && (was.Cluster != "DEPOT" || was.became() != "quarantined"):
			s.t.Errorf("decided anew: %+v, was %+v", r, was)
		}
	}
	if len(now) != len(before)+1 {
		s.t.Errorf("%d alerts, there were %d", len(now), len(before))
	}
	if left := s.glob("releases/*"); len(left) != 0 {
		s.t.Errorf("a request is left: %v", left)
	}
	var cursor struct {
		UID uint32 `json:"uid"`
	}
	s.until("the cursor moves", func() bool {
		s.read(s.store(named(s.mail.Addr(), s.tokens.URL())["cursor"]), &cursor)
		return cursor.UID == uint32(meta.Mails)+2
	})
}

// small are the files of which the site tells what it knows by them.
type small struct {
	removed, beat string
	token         struct {
		Refresh string `json:"refresh_token"`
	}
	canary struct{ Serial int64 }
}

// smallFiles reads them, before the program goes on.
func (s *oldSite) smallFiles() (f small) {
	s.t.Helper()
	files := named(s.mail.Addr(), s.tokens.URL())
	s.read(s.store(files["token"]), &f.token)
	s.read(s.store(files["canary"]), &f.canary)
	for name, to := range map[string]*string{"removed.jsonl": &f.removed, "heartbeats.json": &f.beat} {
		b, err := os.ReadFile(s.store(name))
		if err != nil || len(b) == 0 {
			s.t.Fatalf("%s: %v", name, err)
		}
		*to = string(b)
	}
	if f.token.Refresh == "" || f.token.Refresh == oldRefresh || f.canary.Serial == 0 {
		s.t.Fatalf("%+v", f)
	}
	return f
}

// remembers: the smaller files are understood.
func (s *oldSite) remembers(was small) {
	s.t.Helper()
	s.until("a token is asked for", func() bool { return len(s.tokens.Requests()) > 0 })
	if got := s.tokens.Requests()[0].Refresh; got != was.token.Refresh {
		s.t.Errorf("asked with the refresh token %s, not with the one that was kept", got)
	}
	now := s.smallFiles()
	if now.removed != was.removed || now.beat != was.beat || now.canary.Serial < was.canary.Serial {
		s.t.Errorf("%+v, was %+v", now, was)
	}
	var status struct {
		Heartbeats []struct{ Missing bool }
		Canaries   []struct{ Sent time.Time }
		Hosts      []struct{ Name, Warm string }
	}
	s.grab("status", "--json").decode(s.t, &status)
	if len(status.Heartbeats) != 1 || status.Heartbeats[0].Missing || len(status.Canaries) != 1 || status.Canaries[0].Sent.IsZero() {
		s.t.Errorf("%+v", status)
	}
	for _, h := range status.Hosts {
		if blocked := slices.Contains(oldHosts[1].hosts, h.Name); blocked != (h.Warm == "blocked") {
			s.t.Errorf("%+v", h)
		}
	}
}

// retries: a sealed incident of which a host was lost is taken up again.
func (s *oldSite) retries(in listed) {
	s.t.Helper()
	r := s.grab("retry", "--json", "--direct", in.Incident).ok(s.t)
	var m manifest
	r.decode(s.t, &m)
	if m.Revision != 2 || m.Coverage != "complete" || m.bytes("expc01") == 0 || m.bytes("expe01") == 0 {
		s.t.Errorf("%s", r)
	}
	s.grab("verify", m.Bundle).ok(s.t)
	s.grab("verify", in.Bundle).ok(s.t) // the earlier one stays
}
