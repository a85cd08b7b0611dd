// Package demo shows everything on a laboratory inside this process: phones of which one
// goes partial, CUCM's mail, the real watch, the real bundle.
//
// Nothing outside of the folder that it is given is touched. What the laboratory knows is
// said beside what the bundle's report found out, for comparison.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"rtmtgrab/bundle/seal/envelope"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/cucmlab"
	"rtmtgrab/internal/lab/mra"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/wiring"
	"rtmtgrab/mailwatch"
)

// The demo's clockwork: phones register every 12 s instead of every 120.
const (
	demoExpires = 12 * time.Second
	demoPast    = 70 * time.Second   // of logs when it begins
	demoZone    = "America/New_York" // of its site
	demoRestart = 33 * time.Second   // before it begins the phone was restarted: its full REGISTER is in the window
	demoPoll    = 2 * time.Second    // between going partial and RTMT's mail
	demoLimit   = 40 * time.Second

	demoShare = "share"       // the folder of the analysts
	demoKey   = "analyst.key" // their secret key
	demoMask  = config.MaskIdentities
)

// demo is a running demonstration.
type demo struct {
	say   func(format string, args ...any)
	dir   string
	begin time.Time
	peers []*lab.Expressway
	site  *mra.Site
	mail  *rtmt.Mailbox
	cucm  *cucmlab.Cluster

	mu     sync.Mutex
	victim *mra.Happening // the keep-alive that was taken for a new registration
	sealed chan runner.Event
}

// A Show is which of the demonstrations is wanted.
type Show struct {
	Fleet bool // how a site survives the loss of a collector
	Say   func(format string, args ...any)
}

// A Shown is what a demonstration leaves.
type Shown interface {
	Exit() int // the exit code
	Write(io.Writer) error
	Document() any // for --json
}

// Limit is how long it may take.
func (s *Show) Limit() time.Duration {
	if s.Fleet {
		return fleetLimit
	}
	return demoLimit
}

// Run shows everything in a folder that is new, or an earlier demo's, and says each step as it
// comes.
func (s *Show) Run(ctx context.Context, dir string) (Shown, error) {
	if s.Fleet {
		return runFleet(ctx, dir, s.Say)
	}
	return run(ctx, dir, s.Say)
}

func run(ctx context.Context, dir string, say func(format string, args ...any)) (Shown, error) {
	d := &demo{say: say, dir: dir, begin: time.Now(), sealed: make(chan runner.Event, 1)}
	if err := d.clean(); err != nil {
		return nil, err
	}
	defer d.close()
	d.step("starting a lab: Expressway-C and -E, two peers each, logs that wrap in about a minute, two CUCM nodes, a mailbox")
	if err := d.build(ctx); err != nil {
		return nil, fmt.Errorf("build the lab: %w", err)
	}
	cfg, err := config.Load(filepath.Join(dir, "grab.yaml"))
	if err != nil {
		return nil, err
	}
	logFile, err := os.OpenFile(filepath.Join(dir, "watch.log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer logFile.Close()
	w, err := collector.New(cfg, slog.New(slog.NewTextHandler(logFile, nil)), func() (*config.Config, error) { return config.Load(cfg.Path) }, nil)
	if err != nil {
		return nil, err
	}
	return d.show(ctx, w)
}

// clean makes the folder, and empties it if an earlier demo filled it.
func (d *demo) clean() error {
	mark := filepath.Join(d.dir, ".grab-demo")
	entries, err := os.ReadDir(d.dir)
	if err == nil && len(entries) > 0 {
		if _, err := os.Stat(mark); err != nil {
			return advice.WithHint(fmt.Errorf("the folder %s exists and was not made by grab demo", d.dir), "name another one with --out")
		}
		if err := os.RemoveAll(d.dir); err != nil {
			return err
		}
	}
	if err := atomicfile.MkdirAll(d.dir); err != nil {
		return err
	}
	return os.WriteFile(mark, nil, 0o600)
}

// startPeers starts the peers and the mailbox.
func (d *demo) startPeers(ctx context.Context) (*lab.Login, error) {
	login, err := lab.NewLogin()
	if err != nil {
		return nil, err
	}
	if d.mail, err = rtmt.NewMailbox(ctx); err != nil {
		return nil, err
	}
	for i, p := range []struct{ role, name, ip string }{{"C", "expc01", "10.0.30.2"}, {"C", "expc02", "10.0.30.3"}, {"E", "expe01", "10.0.40.5"}, {"E", "expe02", "10.0.40.6"}} {
		e, err := lab.NewExpressway(ctx, lab.ExpresswayConfig{Name: p.name, Role: p.role, IP: p.ip, AuthorizedKey: login.Public, Logs: lab.LogConfig{
			Rate: 60, RotateSize: 256 << 10, RotateKeep: 8, Style: []lab.Rotation{lab.Numbered, lab.Dated, lab.Gzip, lab.CopyTruncate}[i], Seed: uint64(i + 1)}})
		if err != nil {
			return nil, err
		}
		d.peers = append(d.peers, e)
	}
	return login, nil
}

// build starts peers, mailbox and phones, and writes grab.yaml.
func (d *demo) build(ctx context.Context) error {
	login, err := d.startPeers(ctx)
	if err != nil {
		return err
	}
	d.site, err = mra.NewSite(mra.SiteConfig{C: d.peers[:2], E: d.peers[2:], Phones: 6, Lines: 2, Expires: demoExpires, SDL: traces(), Notify: d.happened})
	if err != nil {
		return err
	}
	if err := d.site.Schedule(mra.Event{At: time.Now().Add(-demoRestart), Kind: mra.Reset, Phone: 2}); err != nil {
		return err
	}
	d.site.Backfill(time.Now().Add(-demoPast))
	if err := d.site.Schedule(mra.Event{At: time.Now().Add(4 * time.Second), Kind: mra.LateKeepAlive, Phone: 2}); err != nil {
		return err
	}
	d.site.Start(ctx)
	if err := d.startCUCM(ctx); err != nil {
		return err
	}
	return d.write(login)
}

// hostRows are the peers in a configuration.
func (d *demo) hostRows() string {
	var hosts strings.Builder
	for _, e := range d.peers {
		fmt.Fprintf(&hosts, "      - {name: %s, role: %s, address: %q, logs: {dir: %q}}\n", e.Name(), e.Role(), e.Addr(), e.LogDir())
	}
	return hosts.String()
}

func (d *demo) write(login *lab.Login) error {
	recipient, err := envelope.NewKey(filepath.Join(d.dir, demoKey))
	if err != nil {
		return err
	}
	if err := atomicfile.MkdirAll(filepath.Join(d.dir, demoShare)); err != nil {
		return err
	}
	files := map[string]string{
		"known_hosts": string(lab.KnownHosts(d.peers...)),
		"id_ecdsa":    string(login.PEM),
		"imap.secret": d.mail.Password + "\n",
		"ca.pem":      string(d.mail.CAPEM()),
		"cucm.secret": d.cucm.Account(cucmlab.RoleRealtime).Password + "\n",
		"cucm-ca.pem": string(d.cucm.CAPEM()),
		"grab.yaml": fmt.Sprintf(`# written by grab demo; configs/grab.example.yaml explains every key
store: store
mail: {server: %q, ca_file: ca.pem, user: %q, password: {file: imap.secret}}
window: {before: 45s, after: 4s}
settle: 1s
keep: {free: 1MiB}  # its logs are small
handover:
  - {name: analysts, folder: %s, mask: %s, seal: %s}
%sssh: {user: root, key: {file: id_ecdsa}, known_hosts: known_hosts}
sites:
  - name: demo
    clusters: [StandAloneCluster]
    time_zone: America/New_York
    hosts:
%s`, d.mail.Addr(), d.mail.User, demoShare, demoMask, recipient, d.cucmYAML(), d.hostRows()),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// happened hears from the laboratory, in its own goroutine.
func (d *demo) happened(h mra.Happening) {
	if h.Time.Before(d.begin) {
		return
	}
	switch h.What {
	case mra.Dropped:
		d.step("%s has been silent for too long: CUCM drops it, without any message", h.Device)
	case mra.CameBack:
		d.mu.Lock()
		first := d.victim == nil
		if first {
			d.victim = &h
		}
		d.mu.Unlock()
		if first {
			d.step("%s sends a keep-alive, %.1f s after the last; CUCM takes it for a new registration of one line: the phone is partial", h.Device, h.Gap.Seconds())
		}
	}
}

// show runs the watcher until its bundle is there, and plays RTMT meanwhile.
func (d *demo) show(ctx context.Context, w *collector.Collector) (*Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watch := w.Runner.Events
	w.Runner.Events = func(e runner.Event) {
		watch(e)
		d.event(e)
	}
	w.Mailboxes.OnMail = func(m mailwatch.Mail) { d.step("the watcher has seen the mail, alert %s", m.Alert.ID[:12]) }
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	mailed := make(chan error, 1)
	go func() { mailed <- d.rtmt(ctx) }()
	var err error
	select {
	case e := <-d.sealed:
		d.step("sealed, coverage %s: written, fsynced, read back, renamed", e.Coverage)
		handed, herr := d.handed(ctx, w, e)
		if herr == nil {
			herr = d.traced(ctx, w, e)
		}
		cancel()
		if err = errors.Join(herr, <-done, ignoreCancel(<-mailed)); err != nil {
			return nil, err
		}
		return d.result(w, e, handed)
	case err = <-done:
	case <-ctx.Done():
		err = errors.Join(context.Cause(ctx), ignoreCancel(<-done))
	}
	cancel()
	<-mailed
	if err == nil {
		err = errors.New("grab watch ended")
	}
	return nil, err
}

func ignoreCancel(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// rtmt looks at the counter every now and then and sends the mail.
func (d *demo) rtmt(ctx context.Context) error {
	tick := time.NewTicker(demoPoll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		d.mu.Lock()
		victim := d.victim
		d.mu.Unlock()
		if victim == nil {
			continue
		}
		node, _, _ := strings.Cut(victim.CUCM, ".")
		d.step("RTMT sees PartiallyRegisteredPhone = %d on %s and sends its mail", d.site.Partial(node), node)
		now := time.Now()
		return d.mail.Deliver(rtmt.Mail(rtmt.MailOptions{Node: node, Count: d.site.Partial(node), Time: now, Zone: wiring.ZoneNamed(demoZone)}), now)
	}
}

// event hears from the runner.
func (d *demo) event(e runner.Event) {
	switch e.What {
	case runner.EventStarted:
		d.step("incident %s: window %s", e.Incident, human.Clock{Zone: wiring.ZoneNamed(demoZone)}.Span(e.Window.Since.Truncate(time.Second), e.Window.Until.Truncate(time.Second)))
	case runner.EventHeld:
		d.step("%s: all files of three families are open", e.Host)
	case runner.EventFirstPass:
		d.step("first copy done; waiting for the end of the window")
	case runner.EventSealed, runner.EventFailed:
		select {
		case d.sealed <- e:
		default:
		}
	}
}

// step prints one line with the time since the beginning.
func (d *demo) step(format string, args ...any) {
	d.say("%5.1f s  %s", time.Since(d.begin).Seconds(), fmt.Sprintf(format, args...))
}

func (d *demo) close() {
	if d.cucm != nil {
		d.cucm.Close()
	}
	if d.site != nil {
		d.site.Close()
	}
	for _, e := range d.peers {
		e.Close()
	}
	if d.mail != nil {
		d.mail.Close()
	}
}
