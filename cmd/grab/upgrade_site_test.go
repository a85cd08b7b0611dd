package main_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testserver"
)

// An oldSite is what the store of testdata/store-v1 was written with, and is read
// with: mailboxes, a token endpoint, a webhook, and five hosts at three sites.
//
//	hq      expc01, expe01    logs as they were; an incident of it is open
//	branch  expc02            a password that it refused
//	        expe02            logins to it broke off, three times
//	depot   expc03            has a ring
//
// Everything about the program is done from outside: by commands and files.
type oldSite struct {
	t      testing.TB
	dir    string // of grab.yaml; the store is below
	mail   *rtmt.Mailbox
	cloud  string // address of a mail server that wants access tokens, and lets nobody in
	tokens *testserver.TokenServer
	hook   *hook
	hosts  map[string]*lab.Expressway
	login  *lab.Login
	keep   string // keep.age
	mails  int    // alerts that were delivered
}

// oldHosts are the hosts by site, in the order of the configuration.
var oldHosts = []struct {
	site, cluster string
	hosts         []string
}{{"hq", "HQ", []string{"expc01", "expe01"}}, {"branch", "BRANCH", []string{"expc02", "expe02"}}, {"depot", "DEPOT", []string{"expc03"}}}

// The passwords in the configuration, and of the hosts that have one.
const (
	oldWrong, oldRight = "wrong-since-it-was-changed", "right"
	oldBroken          = "never-answered"
	oldRefresh         = "refresh-of-the-configuration"
)

// newOldSite starts everything but the program. logs is given each host and the folder
// of its logs, which is not there yet, and says what they are like.
func newOldSite(t testing.TB, logs func(host, dir string) lab.LogConfig) *oldSite {
	t.Helper()
	s := &oldSite{t: t, dir: t.TempDir(), hook: newHook(t), hosts: map[string]*lab.Expressway{}, keep: "3640d"}
	var err error
	if s.login, err = lab.NewLogin(); err != nil {
		t.Fatal(err)
	}
	if s.mail, err = rtmt.NewMailbox(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.mail.Close() })
	if s.tokens, err = testserver.NewTokenServer(s.mail.User); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.tokens.Close() })
	s.cloud = refusing(t)
	s.tokens.ClientID = "client-of-grab"
	for _, site := range oldHosts {
		for _, name := range site.hosts {
			s.host(name, logs)
		}
	}
	return s
}

func (s *oldSite) host(name string, logs func(host, dir string) lab.LogConfig) {
	s.t.Helper()
	cfg := lab.ExpresswayConfig{Name: name, Role: strings.ToUpper(name[3:4]), Dir: filepath.Join(s.dir, "logs", name), AuthorizedKey: s.login.Public}
	cfg.Logs = logs(name, cfg.Dir)
	cfg.Logs.Families, cfg.Logs.RotateSize, cfg.Logs.Odd = []string{"network_log", "messages"}, -1, -1
	switch name {
	case "expc02":
		cfg.AuthorizedKey, cfg.Password = nil, oldRight
	case "expe02":
		cfg.AuthorizedKey, cfg.Password = nil, oldBroken
	}
	e, err := lab.NewExpressway(s.t.Context(), cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { e.Close() })
	s.hosts[name] = e
}

// write writes grab.yaml and what it names.
func (s *oldSite) write() {
	s.t.Helper()
	var all []*lab.Expressway
	var rows strings.Builder
	for _, site := range oldHosts {
		fmt.Fprintf(&rows, "  - name: %s\n    clusters: [%s]\n    time_zone: America/New_York\n    hosts:\n", site.site, site.cluster)
		for _, name := range site.hosts {
			e, more := s.hosts[name], ""
			all = append(all, e)
			switch name {
			case "expc02", "expe02":
				more = fmt.Sprintf(", ssh: {password: {file: %s.secret}}", name)
			case "expc03":
				more = ", ring: {enabled: true, every: 1s, keep: 3640d}"
			}
			fmt.Fprintf(&rows, "      - {name: %s, role: %s, address: %q, logs: {dir: %q}%s}\n", name, e.Role(), e.Addr(), e.LogDir(), more)
		}
	}
	for name, text := range map[string]string{
		"id": string(s.login.PEM), "known_hosts": string(lab.KnownHosts(all...)), "expc02.secret": oldWrong, "expe02.secret": oldBroken,
		"imap.secret": s.mail.Password, "imap.pem": string(s.mail.CAPEM()), "oauth.secret": s.tokens.Secret, "refresh.secret": oldRefresh, "oauth.pem": string(s.tokens.CAPEM()),
		"grab.yaml": fmt.Sprintf(`store: store
mail:
  - {name: rtmt, server: %[1]q, ca_file: imap.pem, user: %[2]q, password: {file: imap.secret}, poll: 2s, canary: {every: 15m}}
  - name: cloud
    server: %[8]q
    tls: none
    user: %[2]q
    mailbox: Cloud
    oauth: {provider: custom, token_url: %[3]q, client_id: client-of-grab, client_secret: {file: oauth.secret}, refresh_token: {file: refresh.secret}, ca_file: oauth.pem}
smtp: {server: "127.0.0.1:9", tls: none, from: grab@example.com}
alerts:
  from: ["@cucm01.example.com"]
  limit: 2
  kinds: [{name: quick, match: QuickAlert, window: {before: 2s, after: 1s}}]
window: {before: 8s, after: 15s}
settle: 300ms
patience: 30s
notify: {after: 1s, webhooks: [{url: %[4]q}, {url: %[5]q}]}
heartbeats: [{name: daily, match: CpuPegging, every: 3640d}]
ssh: {key: {file: id}, known_hosts: known_hosts}
logs: {families: [network_log, messages]}
keep: {age: %[6]s, free: 1MiB}
sites:
%[7]s`, s.mail.Addr(), s.mail.User, s.tokens.URL(), s.hook.URL+"/good", s.hook.URL+"/bad", s.keep, rows.String(), s.cloud)} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
}

// store is a path below the store.
func (s *oldSite) store(names ...string) string {
	return filepath.Join(append([]string{s.dir, "store"}, names...)...)
}

// marks are the words that stand in the data for what is different each time.
func (s *oldSite) marks() map[string]string {
	m := map[string]string{"@DIR@": s.dir, "@MAIL@": s.mail.Addr(), "@CLOUD@": s.cloud, "@TOKEN@": s.tokens.URL(), "@HOOK@": s.hook.URL}
	for name, e := range s.hosts {
		m["@"+strings.ToUpper(name)+"@"] = e.Addr()
	}
	return m
}

// hashed is the name of a file that is called by a hash of what it belongs to.
func hashed(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:8]) + ".json"
}

// named are the files of the store whose names depend on addresses.
func named(mail, token string) map[string]string {
	const user = "grab@example.com"
	return map[string]string{
		"cursor": "cursors/" + hashed(mail, user, "INBOX"), "canary": "canaries/" + hashed(mail, user, ""),
		"token": "tokens/" + hashed(token, "client-of-grab", user), "token lock": "tokens/" + hashed(token, "client-of-grab", user) + ".lock",
	}
}

// grab runs the program and returns how it ended.
func (s *oldSite) grab(args ...string) ended {
	s.t.Helper()
	return grab(s.t, s.dir, args...)
}

// watch starts the collector; stop ends it and returns its log.
func (s *oldSite) watch() (stop func(os.Signal) string) {
	s.t.Helper()
	cmd := command(s.dir, "watch")
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	end := sync.OnceValue(func() string { cmd.Wait(); return log.String() })
	stop = func(sig os.Signal) string {
		cmd.Process.Signal(sig)
		return end()
	}
	s.t.Cleanup(func() {
		if out := stop(os.Kill); s.t.Failed() {
			s.t.Logf("watch said:\n%s", out)
		}
	})
	return stop
}

// deliver puts an alert of RTMT's into the mailbox, at this moment.
func (s *oldSite) deliver(o rtmt.MailOptions) {
	s.t.Helper()
	if o.Time.IsZero() {
		o.Time = time.Now()
	}
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		s.t.Fatal(err)
	}
	o.Zone = zone
	if err := s.mail.Deliver(rtmt.Mail(o), time.Now()); err != nil {
		s.t.Fatal(err)
	}
}

// until waits until something is so; the limit is only there so that a fault ends.
func (s *oldSite) until(what string, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("never: %s", what)
		}
	}
}

// listed is a row of `grab list --json`.
type listed struct{ Incident, Site, State, Coverage, Bundle string }

// list are the incidents, the newest first.
func (s *oldSite) list() (list []listed) {
	s.t.Helper()
	s.grab("list", "--json").ok(s.t).decode(s.t, &list)
	return list
}

// alertRecord is a row of `grab list --alerts --json`.
type alertRecord struct {
	ID, Node, Cluster, What string
	Sites                   []struct{ Site, What, Incident, Of string }
}

// became is what became of the alert, at its first site if it has one.
func (r alertRecord) became() string {
	if len(r.Sites) > 0 {
		return r.Sites[0].What
	}
	return r.What
}

// alerts are all that were taken, by ID.
func (s *oldSite) alerts() map[string]alertRecord {
	s.t.Helper()
	var list []alertRecord
	s.grab("list", "--alerts", "--json").ok(s.t).decode(s.t, &list)
	all := map[string]alertRecord{}
	for _, r := range list {
		all[r.ID] = r
	}
	return all
}

// glob are the files of the store that match.
func (s *oldSite) glob(pattern string) []string {
	s.t.Helper()
	names, err := filepath.Glob(s.store(filepath.FromSlash(pattern)))
	if err != nil {
		s.t.Fatal(err)
	}
	return names
}
