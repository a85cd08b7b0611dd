//go:build linux

package chaos

import (
	"cmp"
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
	binary string
	hub    *testserver.NATS
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
	line   *testserver.Proxy
	log    *os.File
	cmd    *exec.Cmd
	ended  chan struct{}

	blind string // a host that it does not reach; empty: it reaches all
	after string // of the window; empty: 1s
}

func newFleetRig(t *testing.T, names ...string) *fleetRig {
	r := &fleetRig{t: t, dir: t.TempDir(), mail: testserver.StartDovecot(t, testserver.DovecotOptions{}), bucket: testserver.StartS3(t, "grab")}
	r.binary = filepath.Join(r.dir, "grab")
	if out, err := exec.Command("go", "build", "-o", r.binary, "rtmtgrab/cmd/grab").CombinedOutput(); err != nil {
		t.Fatalf("build grab: %v\n%s", err, out)
	}
	r.startHub()
	var err error
	r.login, err = lab.NewLogin()
	r.check(err)
	for _, role := range []string{"C", "E"} {
		e, err := lab.NewExpressway(t.Context(), lab.ExpresswayConfig{Role: role, AuthorizedKey: r.login.Public, Logs: lab.LogConfig{Rate: 5}})
		r.check(err)
		t.Cleanup(func() { e.Close() })
		e.Backfill(time.Now().Add(-time.Minute))
		e.Start()
		r.peers = append(r.peers, e)
	}
	for i, name := range names {
		r.mail.Deliver(fmt.Sprintf("Alerts%d", i), []byte("Subject: x\r\n\r\nx\r\n"))
		r.all = append(r.all, r.member(name, fmt.Sprintf("Alerts%d", i)))
	}
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
	r.hub = testserver.StartNATS(r.t, testserver.NATSOptions{Config: fmt.Sprintf("authorization { users = [ { nkey: %s } ] }", public)})
	h, err := hub.Open(hub.Options{Servers: []string{r.hub.URL}, TLS: r.hub.ClientTLS(), Login: login(key, public)})
	r.check(err)
	defer h.Close()
	r.check(h.Wait(r.t.Context()))
	r.check(hub.Ensure(r.t.Context(), h.Stream, 1))
}

func (r *fleetRig) member(name, folder string) *fleetMember {
	m := &fleetMember{rig: r, name: name, folder: folder, dir: filepath.Join(r.dir, name)}
	r.check(os.Mkdir(m.dir, 0o700))
	var err error
	m.line, err = testserver.Start(strings.TrimPrefix(r.hub.URL, "tls://"), 0)
	r.check(err)
	r.t.Cleanup(func() { m.line.Close() })
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
		"hub.pem":     string(r.hub.CA),
		"s3.pem":      string(r.bucket.CA),
		"s3.access":   r.bucket.Access + "\n",
		"s3.secret":   r.bucket.Secret + "\n",
		"grab.yaml": fmt.Sprintf(`store: store
mail: {server: %q, ca_file: imap.pem, user: %q, password: {file: imap.secret}, mailbox: %s, poll: 2s, catch_up: 1h, max_age: 24h}
window: {before: 5s, after: %s, max: 2m}
alerts: {limit: 0}
settle: 1ms
patience: 2s
cooldown: 1s
keep: {free: 1MiB}
ssh: {key: {file: id}, known_hosts: known_hosts}
fleet: {servers: ["tls://%s"], tenant: acme, name: %s, creds: {file: hub.seed}, ca_file: hub.pem, share: true}
notify: {command: [/bin/sh, -c, "cat >>%s; echo >>%s"], on: [incidents]}
handover:
  - name: bucket
    mask: none
    s3: {endpoint: %q, bucket: grab, region: %s, path_style: true, access_key: {file: s3.access}, secret_key: {file: s3.secret}, ca_file: s3.pem}
sites:
  - name: hq
    clusters: [StandAloneCluster]
    hosts:
%s`, r.mail.IMAPS, r.mail.User, m.folder, cmp.Or(m.after, "1s"), m.line.Addr(), m.name, m.told(), m.told(), r.bucket.Addr, r.bucket.Region, hosts),
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
	cmd := exec.Command(m.rig.binary, "watch", "-c", filepath.Join(m.dir, "grab.yaml"))
	cmd.Stderr, cmd.Dir = m.log, m.dir
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
		m.rig.t.Errorf("%s does not stop", m.name)
		m.kill()
		return
	}
	if s := m.cmd.ProcessState; s.ExitCode() != 0 {
		m.rig.t.Errorf("%s ended with %v", m.name, s)
	}
	m.cmd = nil
}
