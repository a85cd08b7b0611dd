//go:build linux

package chaos

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testserver"
)

// A fleetRig is a hub, a site's appliances and mailboxes, a bucket, and collectors of the site,
// each with a folder and a line to the hub of its own.
type fleetRig struct {
	t      *testing.T
	dir    string
	plan   fleetPlan
	builds fleetBuilds
	hubs   []*testserver.NATS
	seed   []byte // of the one account
	mail   *testserver.Dovecot
	bucket *testserver.S3
	peers  []*lab.Expressway
	login  *lab.Login
	all    []*fleetMember
}

// A fleetMember is one collector.
type fleetMember struct {
	rig    *fleetRig
	name   string
	folder string // of the mailbox that it watches
	dir    string
	binary string
	ahead  int                 // seconds, of its clock
	lines  []*testserver.Proxy // to each server of the hub
	log    *os.File
	cmd    *exec.Cmd
	ended  chan struct{}

	blind string // a host that it does not reach; empty: it reaches all
	after string // of the window; empty: 1s
}

// The window of an alert.
const (
	fleetBefore = 5 * time.Second
	fleetAfter  = time.Second
)

// A fleetPlan is how large a run is, and what it has in it.
type fleetPlan struct {
	alerts  int
	span    time.Duration // in which they come
	seed    uint64
	servers int           // of the hub, 1 or 3
	ahead   int           // seconds, of the clock of the last collector
	upgrade bool          // collectors begin as an older program
	long    time.Duration // that a trouble lasts at most
	rotate  int64         // bytes after which a log rotates; zero: many
}

func planFromEnv() fleetPlan {
	return fleetPlan{
		alerts: fromEnv("GRAB_FLEET_ALERTS", 12), span: time.Duration(fromEnv("GRAB_FLEET_SECONDS", 12)) * time.Second, seed: uint64(fromEnv("GRAB_CHAOS_SEED", 1)),
		servers: fromEnv("GRAB_FLEET_SERVERS", 1), ahead: fromEnv("GRAB_FLEET_AHEAD", 0), upgrade: fromEnv("GRAB_FLEET_UPGRADE", 0) > 0,
		long: time.Duration(fromEnv("GRAB_FLEET_TROUBLE", 4)) * time.Second, rotate: int64(fromEnv("GRAB_FLEET_ROTATE", 0)),
	}
}

// fleetBuilds are the programs that collectors are, the older one and the newer.
type fleetBuilds struct{ older, newer string }

func (p fleetPlan) build(t *testing.T) (b fleetBuilds) {
	program, err := usual()
	if p.ahead > 0 {
		var changes []change
		if changes, err = clockChange(); err == nil {
			program, err = build("grab-new", "9.0.0", changes)
		}
	}
	b.newer = built(t, program, err)
	b.older = b.newer
	if p.upgrade {
		changes := olderChange()
		if p.ahead > 0 {
			more, err := clockChange()
			if err != nil {
				t.Fatal(err)
			}
			changes = append(changes, more...)
		}
		program, err := build("grab-old", "8.0.0", changes)
		b.older = built(t, program, err)
	}
	return b
}

func newFleetRig(t *testing.T, plan fleetPlan, names ...string) *fleetRig {
	r := &fleetRig{t: t, dir: t.TempDir(), plan: plan, mail: testserver.StartDovecot(t, testserver.DovecotOptions{}), builds: plan.build(t), bucket: testserver.StartS3(t, "grab")}
	r.startHub()
	var err error
	r.login, err = lab.NewLogin()
	r.check(err)
	for _, role := range []string{"C", "E"} {
		e, err := lab.NewExpressway(t.Context(), lab.ExpresswayConfig{Role: role, AuthorizedKey: r.login.Public, Logs: lab.LogConfig{Rate: 5, RotateSize: plan.rotate}})
		r.check(err)
		t.Cleanup(func() { e.Close() })
		e.Backfill(time.Now().Add(-time.Minute - time.Duration(plan.ahead)*time.Second))
		e.Start()
		r.peers = append(r.peers, e)
	}
	for i, name := range names {
		r.mail.Deliver(fmt.Sprintf("Alerts%d", i), []byte("Subject: x\r\n\r\nx\r\n"))
		r.all = append(r.all, r.member(name, fmt.Sprintf("Alerts%d", i)))
	}
	r.all[len(r.all)-1].ahead = plan.ahead
	return r
}

func (r *fleetRig) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// startHub starts a server with one account, and makes its streams.
func (r *fleetRig) startHub() {
	key, err := nkeys.CreateUser()
	r.check(err)
	public, err := key.PublicKey()
	r.check(err)
	r.seed, err = key.Seed()
	r.check(err)
	opts := testserver.NATSOptions{Config: fmt.Sprintf("authorization { users = [ { nkey: %s } ] }", public)}
	if r.plan.servers == 3 {
		r.hubs = testserver.StartNATSCluster(r.t, opts)
	} else {
		r.hubs = []*testserver.NATS{testserver.StartNATS(r.t, opts)}
	}
	h, err := hub.Open(hub.Options{Servers: testserver.URLs(r.hubs), TLS: testserver.Trust(r.hubs), Login: login(key, public)})
	r.check(err)
	defer h.Close()
	ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Minute)
	defer cancel()
	r.check(h.Wait(ctx))
	r.check(ensure(ctx, h, len(r.hubs)))
	r.keep(login(key, public))
}

// ensure makes the streams once the servers have a leader: until then nobody answers.
func ensure(ctx context.Context, h *hub.Hub, replicas int) error {
	for {
		once, cancel := context.WithTimeout(ctx, 10*time.Second)
		err := hub.Ensure(once, h.Stream, replicas)
		cancel()
		if err == nil || !hub.Passing(err) || ctx.Err() != nil {
			return err
		}
		time.Sleep(500 * time.Millisecond)
	}
}

func (r *fleetRig) member(name, folder string) *fleetMember {
	m := &fleetMember{rig: r, name: name, folder: folder, dir: filepath.Join(r.dir, name), binary: r.builds.older}
	r.check(os.Mkdir(m.dir, 0o700))
	for _, h := range r.hubs {
		line, err := testserver.Start(strings.TrimPrefix(h.URL, "tls://"), 0)
		r.check(err)
		r.t.Cleanup(func() { line.Close() })
		m.lines = append(m.lines, line)
	}
	var err error
	m.log, err = os.Create(filepath.Join(m.dir, "watch.log"))
	r.check(err)
	r.t.Cleanup(func() { m.log.Close() })
	r.t.Cleanup(m.kill)
	testserver.ShowLog(r.t, m.log.Name())
	m.configure()
	return m
}

func (m *fleetMember) configure() {
	r, hosts := m.rig, ""
	var servers []string
	for _, l := range m.lines {
		servers = append(servers, "tls://"+l.Addr())
	}
	for _, e := range r.peers {
		address := e.Addr()
		if e.Name() == m.blind {
			address = "127.0.0.1:1"
		}
		hosts += fmt.Sprintf("      - {name: %s, role: %s, address: %q, logs: {dir: %q}}\n", e.Name(), e.Role(), address, e.LogDir())
	}
	for name, text := range map[string]string{
		"imap.secret": r.mail.Password + "\n",
		"imap.pem":    string(r.mail.CA),
		"id":          string(r.login.PEM),
		"known_hosts": string(lab.KnownHosts(r.peers...)),
		"hub.seed":    string(r.seed) + "\n",
		"hub.pem":     string(testserver.CAs(r.hubs)),
		"s3.pem":      string(r.bucket.CA),
		"s3.access":   r.bucket.Access + "\n",
		"s3.secret":   r.bucket.Secret + "\n",
		"grab.yaml": fmt.Sprintf(`store: store
mail: {server: %q, ca_file: imap.pem, user: %q, password: {file: imap.secret}, mailbox: %s, poll: 2s, catch_up: 1h, max_age: 24h}
window: {before: %s, after: %s, max: 2m}
alerts: {limit: 0}
settle: 1ms
patience: 2s
cooldown: 1s
keep: {free: 1MiB}
ssh: {key: {file: id}, known_hosts: known_hosts}
fleet: {servers: [%s], tenant: acme, name: %s, creds: {file: hub.seed}, ca_file: hub.pem, share: true}
notify: {command: [/bin/sh, -c, "cat >>%s; echo >>%s"], on: [incidents]}
handover:
  - name: bucket
    mask: none
    s3: {endpoint: %q, bucket: grab, region: %s, path_style: true, access_key: {file: s3.access}, secret_key: {file: s3.secret}, ca_file: s3.pem}
sites:
  - name: hq
    clusters: [StandAloneCluster]
    hosts:
%s`, r.mail.IMAPS, r.mail.User, m.folder, fleetBefore, cmp.Or(m.after, fleetAfter.String()), strings.Join(servers, ", "), m.name, m.told(), m.told(), r.bucket.Addr, r.bucket.Region, hosts),
	} {
		r.check(os.WriteFile(filepath.Join(m.dir, name), []byte(text), 0o600))
	}
}

// told is the file that notices are appended to, a line each.
func (m *fleetMember) told() string { return filepath.Join(m.dir, "told.jsonl") }

func (m *fleetMember) store() *incident.Store {
	return &incident.Store{Dir: filepath.Join(m.dir, "store")}
}

func (m *fleetMember) start() {
	m.rig.t.Helper()
	cmd := exec.Command(m.binary, "watch", "-c", filepath.Join(m.dir, "grab.yaml"))
	cmd.Stderr, cmd.Dir = m.log, m.dir
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", clockAhead, m.ahead))
	m.rig.check(cmd.Start())
	ended := make(chan struct{})
	go func() { // ends with the process
		cmd.Wait()
		close(ended)
	}()
	m.cmd, m.ended = cmd, ended
}

// alive fails the test if the collector ended by itself.
func (m *fleetMember) alive() {
	m.rig.t.Helper()
	select {
	case <-m.ended:
		m.rig.t.Fatalf("%s has ended by itself: %v", m.name, m.cmd.ProcessState)
	default:
	}
}

func (m *fleetMember) kill() {
	if m.cmd == nil {
		return
	}
	m.cmd.Process.Kill()
	<-m.ended
	m.cmd = nil
}

// cut has nothing pass between the collector and the hub, both ways, until it is called with false.
func (m *fleetMember) cut(on bool) {
	for _, l := range m.lines {
		l.Stall(on)
	}
}

// pause stops the process as it is, and resume lets it go on.
func (m *fleetMember) pause()  { m.cmd.Process.Signal(syscall.SIGSTOP) }
func (m *fleetMember) resume() { m.cmd.Process.Signal(syscall.SIGCONT) }

// stop ends it as a service manager does.
func (m *fleetMember) stop() {
	m.rig.t.Helper()
	m.alive()
	m.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-m.ended:
	case <-time.After(time.Minute):
		m.rig.t.Errorf("%s does not stop; its log has what it does", m.name)
		m.cmd.Process.Signal(syscall.SIGQUIT)
		select {
		case <-m.ended:
		case <-time.After(10 * time.Second):
		}
		m.kill()
		return
	}
	if s := m.cmd.ProcessState; s.ExitCode() != 0 {
		m.rig.t.Errorf("%s ended with %v", m.name, s)
	}
	m.cmd = nil
}
