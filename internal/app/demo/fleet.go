package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet/hubinit"
	"rtmtgrab/internal/fleet/hubserver"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/mra"
)

// fleetLimit is how long the demonstration of a fleet may take.
const fleetLimit = 4 * time.Minute

// The fleet of the demonstration: two collectors of one site, and one that sees the mails and
// reaches no appliance.
const (
	fleetTenant = "demo"
	fleetSite   = "demo"
	mailroom    = "mailroom"

	fleetPartial = 35 * time.Second // after the beginning a phone goes partial
)

var pair = []string{"dmz-a", "dmz-b"}

// fleetDemo is a running demonstration of a fleet.
type fleetDemo struct {
	*demo
	exe    string         // this program
	hub    string         // URL
	viewer *config.Config // by which people see the fleet
	runs   map[string]*watching
	over   chan error // of the hub
}

// A watching is a `grab watch`, a process of its own.
type watching struct {
	dir  string
	cmd  *exec.Cmd
	done chan struct{}
}

// FleetResult is what a demonstration of a fleet leaves.
type FleetResult struct {
	Killed   string   `json:"killed"` // the collector that owned the incident
	Sealed   string   `json:"sealed_by"`
	Incident string   `json:"incident"`
	Bundle   string   `json:"bundle"`
	Coverage string   `json:"coverage"`
	Took     float64  `json:"took_over_s"` // from the kill to the bundle
	Intact   bool     `json:"intact"`
	Bundles  []string `json:"bundles"` // of all collectors, at the end: one, and the supplement

	// Supplement is what the killed collector kept because it has logs that the other lacks.
	Supplement string `json:"supplement,omitempty"`

	manifest evidence.Manifest
}

// runFleet shows how a site survives the loss of a collector. Collectors are processes of their
// own, so that one can be killed.
func runFleet(ctx context.Context, dir string, say func(format string, args ...any)) (Shown, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	d := &fleetDemo{demo: &demo{say: say, dir: dir, begin: time.Now()}, exe: exe, runs: map[string]*watching{}, over: make(chan error, 1)}
	if err := d.clean(); err != nil {
		return nil, err
	}
	defer d.close()
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer func() {
		d.endAll()
		cancel()
		wg.Wait()
	}()

	d.step("starting a lab: Expressway-C and -E, two peers each, and a mailbox")
	login, err := d.lab(ctx)
	if err != nil {
		return nil, fmt.Errorf("build the lab: %w", err)
	}
	d.step("making a hub and credentials for three collectors, and starting it")
	if err := d.startHub(ctx, &wg); err != nil {
		return nil, fmt.Errorf("start the hub: %w", err)
	}
	if err := d.writeViewer(); err != nil {
		return nil, err
	}
	for _, name := range append([]string{mailroom}, pair...) {
		if err := d.writeMember(name, login); err != nil {
			return nil, err
		}
		if err := d.watch(name); err != nil {
			return nil, err
		}
	}
	if err := d.untilTogether(ctx); err != nil {
		return nil, err
	}
	return d.lose(ctx)
}

// lab starts appliances, phones and the mailbox.
func (d *fleetDemo) lab(ctx context.Context) (*lab.Login, error) {
	login, err := d.startPeers(ctx)
	if err != nil {
		return nil, err
	}
	d.site, err = mra.NewSite(mra.SiteConfig{C: d.peers[:2], E: d.peers[2:], Phones: 6, Lines: 2, Expires: demoExpires, Notify: d.happened})
	if err != nil {
		return nil, err
	}
	d.site.Backfill(time.Now().Add(-demoPast))
	if err := d.site.Schedule(mra.Event{At: time.Now().Add(fleetPartial), Kind: mra.LateKeepAlive, Phone: 2}); err != nil {
		return nil, err
	}
	d.site.Start(ctx)
	return login, nil
}

// startHub makes a hub for this machine alone and runs it until ctx ends.
func (d *fleetDemo) startHub(ctx context.Context, wg *sync.WaitGroup) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	server := hubinit.Server{Name: "hub", Host: "127.0.0.1", Port: port}
	dir := filepath.Join(d.dir, "hub")
	done, err := hubinit.Make(dir, hubinit.Wish{Servers: []hubinit.Server{server}, Tenant: fleetTenant, Collectors: append([]string{mailroom}, pair...)})
	if err != nil {
		return err
	}
	d.hub = done.State.Servers[0].URL()
	ready := make(chan struct{})
	wg.Go(func() {
		d.over <- hubserver.Run(ctx, hubserver.Options{Dir: filepath.Join(dir, hubinit.ServerDir(server.Name)), Log: slog.New(slog.DiscardHandler), Ready: func() { close(ready) }})
	})
	select {
	case <-ready:
	case err := <-d.over:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return hubinit.Apply(ctx, dir, func(string) {})
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// place is what a configuration says of a place in the fleet, and the files that it names.
func (d *fleetDemo) place(name string) (yaml string, files map[string]string, err error) {
	creds, err := os.ReadFile(filepath.Join(d.dir, "hub", hubinit.CredsFile(fleetTenant, name)))
	if err != nil {
		return "", nil, err
	}
	ca, err := os.ReadFile(filepath.Join(d.dir, "hub", hubinit.CAFile))
	if err != nil {
		return "", nil, err
	}
	files = map[string]string{"hub.creds": string(creds), "hub-ca.pem": string(ca)}
	return fmt.Sprintf("# written by grab demo --fleet; docs/fleet.md explains it\nstore: store\nfleet: {servers: [%q], tenant: %s, name: %s, creds: {file: hub.creds}, ca_file: hub-ca.pem}\n", d.hub, fleetTenant, name), files, nil
}

// writeMember writes the configuration of one collector.
func (d *fleetDemo) writeMember(name string, login *lab.Login) error {
	yaml, files, err := d.place(name)
	if err != nil {
		return err
	}
	yaml += "socket: {path: none}\nwindow: {before: 45s, after: 12s}\nsettle: 1s\nkeep: {free: 1MiB}\n"
	if name == mailroom {
		files["imap.secret"], files["ca.pem"] = d.mail.Password+"\n", string(d.mail.CAPEM())
		yaml += fmt.Sprintf("mail: {server: %q, ca_file: ca.pem, user: %q, password: {file: imap.secret}}\n", d.mail.Addr(), d.mail.User)
	} else {
		files["known_hosts"], files["id_ecdsa"] = string(lab.KnownHosts(d.peers...)), string(login.PEM)
		yaml += "ssh: {user: root, key: {file: id_ecdsa}, known_hosts: known_hosts}\nsites:\n  - name: " + fleetSite + "\n    clusters: [StandAloneCluster]\n    time_zone: " + demoZone + "\n    hosts:\n" + d.hostRows()
	}
	return writeFiles(filepath.Join(d.dir, name), files, yaml)
}

// writeFiles writes a configuration and what it names.
func writeFiles(dir string, files map[string]string, yaml string) error {
	if err := atomicfile.MkdirAll(dir); err != nil {
		return err
	}
	files["grab.yaml"] = yaml
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// watch starts `grab watch` of a collector.
func (d *fleetDemo) watch(name string) error {
	w := &watching{dir: filepath.Join(d.dir, name), done: make(chan struct{})}
	log, err := os.OpenFile(filepath.Join(w.dir, "watch.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	w.cmd = exec.Command(d.exe, "watch", "-c", filepath.Join(w.dir, "grab.yaml"))
	w.cmd.Stderr = log
	if err := errors.Join(w.cmd.Start(), log.Close()); err != nil {
		return err
	}
	go func() { // ends with the process, which endAll sees to
		w.cmd.Wait()
		close(w.done)
	}()
	d.runs[name] = w
	return nil
}

func (w *watching) kill() {
	w.cmd.Process.Kill()
	<-w.done
}

// endAll ends all collectors.
func (d *fleetDemo) endAll() {
	for _, w := range d.runs {
		w.kill()
	}
}

// writeViewer writes the configuration of who looks at all collectors.
func (d *fleetDemo) writeViewer() (err error) {
	yaml, files, err := d.place(hubinit.Viewer)
	if err != nil {
		return err
	}
	dir := filepath.Join(d.dir, "viewer")
	if err := writeFiles(dir, files, yaml); err != nil {
		return err
	}
	d.viewer, err = config.Options{Reading: true}.Load(filepath.Join(dir, "grab.yaml"))
	return err
}

// store is that of a collector, to be read.
func (d *fleetDemo) store(name string) *incident.Store {
	return &incident.Store{Dir: filepath.Join(d.dir, name, "store")}
}

// until looks every so often, until look is done, fails, or a collector has ended.
func (d *fleetDemo) until(ctx context.Context, what string, look func() (done bool, err error)) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if done, err := look(); done || err != nil {
			return err
		}
		for name, w := range d.runs {
			select {
			case <-w.done:
				return fmt.Errorf("%s has ended by itself: its log is %s", name, filepath.Join(w.dir, "watch.log"))
			default:
			}
		}
		select {
		case err := <-d.over:
			return fmt.Errorf("the hub has ended: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, context.Cause(ctx))
		case <-tick.C:
		}
	}
}
