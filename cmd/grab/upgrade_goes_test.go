package main_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/collector/notify/channel"
	"rtmtgrab/internal/lab/rtmt"
)

// fillMailbox puts as many mails into the mailbox as the cursor is behind, all of them
// new alerts for who would read them, and then two: one that was taken before, and one
// for the site that is paused.
func (s *oldSite) fillMailbox(meta oldMeta) {
	s.t.Helper()
	for i := range meta.Mails {
		s.deliver(rtmt.MailOptions{Cluster: "HQ", Name: "QuickAlert", Node: fmt.Sprintf("cucm2%d", i), MessageID: fmt.Sprintf("other-%d@cucm01.example.com", i)})
	}
	s.deliver(rtmt.MailOptions{Cluster: "HQ", Name: "QuickAlert", Node: "cucm08", MessageID: oldMessage(2)})
	s.deliver(rtmt.MailOptions{Cluster: "BRANCH", MessageID: "new@cucm01.example.com"})
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
	shapes := shape{}
	shapes.typed(reflect.TypeFor[channel.Notice](), "$")
	for _, n := range s.hook.told() {
		judgeAll(s.t, "notice", shapes, []string{string(n.raw)})
	}
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
