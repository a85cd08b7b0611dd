//go:build !windows

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"rtmtgrab/internal/app/fleetview"
	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/collector/control"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/fleet/sight"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testserver"
	"rtmtgrab/internal/testsite"
)

// fleetSite is a hub, and two collectors of the site hq in this process.
type fleetSite struct {
	*testserver.NATS
	a, b  *labConfig
	seed  string
	stopA func() result
}

func newFleetSite(t *testing.T) *fleetSite {
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, _ := pair.PublicKey()
	seed, _ := pair.Seed()
	s := &fleetSite{NATS: testserver.StartNATS(t, testserver.NATSOptions{Config: fmt.Sprintf("authorization { users: [ { nkey: %s } ] }", public)}), seed: string(seed)}
	s.a, s.b = s.collector(t, "dmz-a"), s.collector(t, "dmz-b")

	s.a.File("ops.yaml", s.key("ops")) // of a person's machine, which collects nothing
	r := runGrab("-c", filepath.Join(s.a.Dir, "ops.yaml"), "hub", "status")
	if r.code != 1 || !strings.Contains(r.err, "the hub has no bucket grab-status: run `grab hub init`") {
		t.Fatal(r)
	}
	s.ensure(t, public, pair)
	s.stopA = s.a.watching(s.a.Socket())
	s.b.watching(s.b.Socket())
	return s
}

// ensure makes what is seen of a fleet.
func (s *fleetSite) ensure(t *testing.T, public string, pair nkeys.KeyPair) {
	t.Helper()
	h, err := hub.Open(hub.Options{Servers: []string{s.URL}, TLS: s.ClientTLS(), Login: nats.Nkey(public, pair.Sign)})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range hub.Streams(1) {
		if _, err := h.Stream.CreateStream(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range hub.Buckets(1) { // and none for slices, which may be larger than this disk
		if _, err := h.Stream.CreateKeyValue(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *fleetSite) collector(t *testing.T, name string) *labConfig {
	c := newLab(t, lab.ExpresswayConfig{Role: "C"}).withMail()
	s.configure(c, name)
	return c
}

func (s *fleetSite) configure(c *labConfig, name string) {
	c.File("hub.seed", s.seed+"\n")
	c.File("hub-ca.pem", string(s.CA))
	c.Extra = fmt.Sprintf("settle: 10ms\nnotify: {command: [/bin/sh, -c, 'cat >>%s'], on: [problems], after: 1s}\n", filepath.Join(c.Dir, "told")) + s.key(name)
	c.Write()
}

// key is the key fleet: of a configuration.
func (s *fleetSite) key(name string) string {
	return fmt.Sprintf("fleet: {servers: [%q], tenant: acme, name: %s, creds: {file: hub.seed}, ca_file: hub-ca.pem, requests: true}\n", s.URL, name)
}

// ask runs the real program as a person who has the configuration of a collector does.
func (c *labConfig) ask(args ...string) result {
	cmd := program(append([]string{"-c", c.Path}, args...)...)
	var out, said strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	if _, exit := errors.AsType[*exec.ExitError](err); err != nil && !exit {
		c.T.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), said.String()}
}

func (c *labConfig) incidents() []incident.Listed {
	list, err := (&incident.Store{Dir: filepath.Join(c.Dir, "store")}).List()
	if err != nil {
		c.T.Fatal(err)
	}
	return list
}

// TestFleetSeen: two collectors of a site and a person elsewhere: how they are, a grab that one of
// them makes for that person, what the fleet's list and metrics say of it; a collector that refuses,
// one that left, one that is forgotten.
func TestFleetSeen(t *testing.T) {
	t.Parallel()
	s := newFleetSite(t)
	var o sight.Overview
	testsite.Until(t, "both collectors are seen", func() bool {
		r := s.a.ask("hub", "status", "--json")
		o = sight.Overview{}
		r.decode(t, &o)
		if (r.code == 0) != o.Works {
			t.Fatal(r)
		}
		return o.Works && len(o.Collectors) == 2
	})
	if len(o.Sites) != 1 || len(o.Sites[0].Working) != 2 || o.Collectors[0].Word.Outbox != 0 {
		t.Errorf("%+v", o)
	}
	if r := s.b.ask("status", "--fleet"); r.code != 0 || !strings.HasPrefix(r.out, "Yes: 2 collectors, 1 site, all work.\n") || !strings.Contains(r.out, "dmz-b") {
		t.Error(r)
	}

	r := s.a.ask("now", "--at-site", "hq", "--before", "10s", "--reason", "by the hub", "--json")
	var g fleet.Grabbed
	r.decode(t, &g)
	if r.code != 0 && r.code != 3 || len(g.Hosts) != 1 || g.Hosts[0].Coverage != g.Coverage || !strings.Contains(r.err, "collector "+g.Collector+" grabs from site hq") {
		t.Fatal(r)
	}
	here, there := s.a, s.b
	if g.Collector == "dmz-b" {
		here, there = s.b, s.a
	}
	if list := here.incidents(); len(list) != 1 || list[0].Incident != g.Incident || !strings.HasSuffix(list[0].By, ", by the hub") || len(there.incidents()) != 0 {
		t.Errorf("%+v %+v", list, there.incidents())
	}
	if shown := here.ask("show", g.Incident); !strings.Contains(shown.out, ", by the hub") {
		t.Error(shown)
	}

	var rows []fleetview.Row
	testsite.Until(t, "the list has it", func() bool {
		r := s.b.ask("list", "--fleet", "--json", "--site", "hq", "--since", "1h")
		rows = nil
		r.decode(t, &rows)
		return len(rows) == 1
	})
	if rows[0].Incident != g.Incident || rows[0].Collector != g.Collector || rows[0].Bundle != g.Bundle || rows[0].Kind != "now" || len(rows[0].Names) != 0 {
		t.Errorf("%+v", rows)
	}
	if r := s.a.ask("list", "--fleet", "--coverage", "lost"); r.code != 0 || strings.Contains(r.out, g.Incident) {
		t.Error(r)
	}
	if r := s.a.ask("hub", "metrics"); r.code != 0 || !strings.Contains(r.out, `grab_fleet_collector_up{collector="dmz-b"} 1`+"\n") || !strings.Contains(r.out, `grab_fleet_verdicts{cause="none",coverage="`+string(g.Coverage)+`",site="hq"} 1`+"\n") {
		t.Error(r)
	}
	s.leaves(t)
}

// leaves: what is said when nobody grabs, and of a collector that is no more.
func (s *fleetSite) leaves(t *testing.T) {
	t.Helper()
	s.b.Replace("requests: true", "requests: false")
	var done collector.Reloaded
	if err := (&control.Client{Path: s.b.Socket()}).Do(t.Context(), http.MethodPost, "/reload", nil, &done); err != nil {
		t.Fatal(err)
	}
	s.stopA()
	for site, want := range map[string]string{"hq": "refused by dmz-b: it takes no requests of its fleet (fleet.requests: false)", "far": "no collector answers: none that reaches the site is connected to the hub"} {
		r := s.b.ask("now", "--at-site", site, "--json")
		var fault struct{ Error, Hint string }
		if err := json.Unmarshal([]byte(r.out), &fault); err != nil || r.code != 1 || !strings.Contains(fault.Error, want) || !strings.Contains(fault.Hint, "grab hub status") {
			t.Errorf("%v %s", err, r)
		}
	}
	if r := s.b.ask("hub", "status"); r.code != 0 || !strings.Contains(r.out, "left") {
		t.Error(r)
	}
	if r := s.b.ask("hub", "forget", "dmz-b"); r.code != 1 || !strings.Contains(r.err, "it is there: stop it first") {
		t.Error(r)
	}
	if r := s.b.ask("hub", "forget", "dmz-a"); r.code != 0 {
		t.Error(r)
	}
	if r := s.b.ask("hub", "status"); r.code != 0 || strings.Contains(r.out, "dmz-a") {
		t.Error(r)
	}
}
