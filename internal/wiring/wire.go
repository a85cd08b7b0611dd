// Package wiring turns a configuration into the parts that do the work: ways to hosts,
// sites and policies of incidents, mail servers and their tokens, what seals a bundle.
//
// It guarantees that a command by hand and the collector make the same parts of the same
// configuration. It decides nothing and keeps nothing running.
package wiring

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/custody"
	"rtmtgrab/bundle/seal"
	"rtmtgrab/fetch"
	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/copyqueue"
	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/oauth"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/mailwatch"
)

// Ledger is the ledger of a configuration's store.
func Ledger(cfg *config.Config) *sshdial.Ledger {
	return &sshdial.Ledger{Dir: filepath.Join(cfg.Store, "logins")}
}

// Dialing says how to reach a configured host.
func Dialing(h *config.Host, ledger *sshdial.Ledger) sshdial.Config {
	c := leg(h.Address, h.HostKey, h.SSH.Account)
	c.Name, c.Ledger, c.Bandwidth = h.Name, ledger, h.SSH.Bandwidth
	for _, j := range h.SSH.Jump {
		c.Jump = append(c.Jump, leg(j.Address, j.HostKey, j.Account))
	}
	return c
}

// leg is the way to one host, from the one before it.
func leg(address, hostKey string, a config.Account) sshdial.Config {
	c := sshdial.Config{Address: address, User: a.User, HostKey: hostKey, Legacy: a.Compat == config.CompatLegacy, Auth: auth(a)}
	if hostKey == "" {
		c.KnownHosts = a.KnownHosts
	}
	return c
}

// Route tells ways to hosts apart: equal routes end at the same machine.
func Route(c sshdial.Config) string {
	var b strings.Builder
	for _, j := range c.Jump {
		b.WriteString(j.Address + " > ")
	}
	return b.String() + c.Address
}

func auth(a config.Account) sshdial.Auth {
	switch {
	case !a.Password.IsZero():
		return sshdial.Auth{Kind: sshdial.AuthPassword, Password: a.Password.Read, Login: a.Login}
	case a.Key.Agent != "":
		return sshdial.Auth{Kind: sshdial.AuthAgent, Agent: agentKey(a.Key.Agent)}
	}
	return sshdial.Auth{Kind: sshdial.AuthKey, KeyPEM: a.Key.Secret.Read, Passphrase: reading(a.Passphrase)}
}

// agentKey is a fingerprint, or the public key in the file that is named.
func agentKey(s string) string {
	if b, err := os.ReadFile(s); err == nil {
		return string(b)
	}
	return s
}

// Source is a host with what is needed to take its logs.
type Source struct {
	Host     hostconn.Host
	Dial     sshdial.Config
	Commands hostconn.Commands
	ring     string // folder of the host's ring; empty: it has none
	Limit    int64  // bytes of the host in one incident; 0: fetch.DefaultLimit
	Among    int    // as in fetch.Share
}

func Configured(h *config.Host, zone *time.Location, ledger *sshdial.Ledger) Source {
	return Source{
		Host:     hostconn.Host{Name: h.Name, Role: h.Role, Address: h.Address, Dir: h.Logs.Dir, Families: h.Logs.Families, Zone: zone},
		Dial:     Dialing(h, ledger),
		Commands: hostconn.Commands{Allowed: h.SSH.Commands, Gzip: h.SSH.Compress == "gzip"},
	}
}

// Key tells sessions apart.
func (s Source) Key() string { return s.Dial.User + "@" + Route(s.Dial) }

// Connect gives the source's hostconn.Host its way to the host.
func (s Source) Connect(pool *hostconn.Pool) hostconn.Host {
	h := s.Host
	h.Dial = func(ctx context.Context) (hostconn.Conn, error) {
		return pool.Get(ctx, s.Key(), s.Commands, func(ctx context.Context) (*sshdial.Client, error) {
			return sshdial.Dial(ctx, s.Dial)
		})
	}
	return h
}

// puller lets an incident ask a host by way of package fetch.
type puller struct{ grab *fetch.Grab }

func (p puller) Pass(ctx context.Context, req runner.Pass) (evidence.Host, error) {
	p.grab.Copied, p.grab.Share.Near, p.grab.Share.Yields = req.Copied, req.Near, req.Yields
	if len(req.Only) > 0 { // the same in every pass of an incident
		p.grab.Host.Families = req.Only
	}
	return p.grab.Pass(ctx, req.Asked, req.Held)
}

// Adopt is share.Adopter's.
func (p puller) Adopt(ctx context.Context, row evidence.Host, asked evidence.Window, l fetch.Loan) (evidence.Host, error) {
	return p.grab.Adopt(ctx, row, asked, l)
}
func (p puller) Open(family string) (io.ReadCloser, error) { return p.grab.Open(family) }
func (p puller) Close() error                              { return p.grab.Close() }

// Pullers makes the NewPuller of a runner; dir is that of incident.Store.Slices, which names the
// incident. find gives the source of a host; one
// that is configured no longer has only what is on disk.
// reserve is the store's disk's; nil: copies may fill it.
func Pullers(pool *hostconn.Pool, queue *copyqueue.Queue, reserve *diskspace.Reserve, find func(site, host string) (Source, bool), progress func(fetch.Progress)) func(site, host, dir string) (runner.Puller, error) {
	return func(site, host, dir string) (runner.Puller, error) {
		s, ok := find(site, host)
		if !ok {
			gone := fmt.Errorf("host %s is no longer in the configuration", host)
			s.Host = hostconn.Host{Name: host, Dial: func(context.Context) (hostconn.Conn, error) {
				return nil, &hostconn.Fault{Why: evidence.ReasonUnreachable, Err: gone, Stop: true}
			}}
		} else {
			s.Host = s.Connect(pool)
		}
		work := workIn(dir, host)
		tell := func(p fetch.Progress) {
			work.Left(p.Total - p.Done)
			if progress != nil {
				progress(p)
			}
		}
		return puller{&fetch.Grab{Host: s.Host, Dir: dir, Ring: s.ring, Progress: tell, Share: fetch.Share{Queue: queue.For(work), Site: site, Limit: s.Limit, Among: s.Among, Reserve: reserve}}}, nil
	}
}

// workIn is what is copied into the folder of an incident for a host: see incident.Store.Slices.
func workIn(dir, host string) *copyqueue.Work {
	return &copyqueue.Work{Incident: filepath.Base(filepath.Dir(filepath.Dir(dir))), Host: host}
}

// Finder looks hosts up in a configuration.
func Finder(cfg *config.Config) func(site, host string) (Source, bool) {
	ledger := Ledger(cfg)
	return func(site, host string) (Source, bool) {
		s := cfg.Site(site)
		if s == nil || s.Host(host) == nil {
			return Source{}, false
		}
		src := Configured(s.Host(host), s.Zone(), ledger)
		src.Limit = cfg.Limits.PerHost
		if s.Host(host).Ring.Enabled {
			src.ring = RingDir(cfg, host)
		}
		return src, true
	}
}

// Reserve is the part of the store's disk that the configuration in force keeps free.
func Reserve(cfg func() *config.Config) *diskspace.Reserve {
	return &diskspace.Reserve{Dir: cfg().Store, Keep: func() int64 { return cfg().Keep.Free }}
}

// Sites are a configuration's, as incidents know them.
func Sites(cfg *config.Config) []incident.Site {
	var out []incident.Site
	for i := range cfg.Sites {
		s := &cfg.Sites[i]
		out = append(out, SiteOf(s, s.Hosts))
	}
	return out
}

// SitesInForce gives the sites of the configuration in force, made anew when it is another: a thousand
// hosts' are a megabyte.
func SitesInForce(cfg func() *config.Config) func() []incident.Site {
	type made struct {
		of    *config.Config
		sites []incident.Site
	}
	var last atomic.Pointer[made]
	return func() []incident.Site {
		c := cfg()
		m := last.Load()
		if m == nil || m.of != c {
			m = &made{c, Sites(c)}
			last.Store(m)
		}
		return m.sites
	}
}

func SiteOf(s *config.Site, hosts []config.Host) incident.Site {
	is := incident.Site{Name: s.Name, Clusters: s.Clusters, Nodes: s.Nodes, CUCM: s.CUCM, TimeZone: s.Zone().String(), Quiet: quiet(s)}
	for _, h := range hosts {
		is.Hosts = append(is.Hosts, incident.HostRef{Name: h.Name, Role: h.Role, Address: h.Address})
		for _, f := range h.Logs.Families {
			if !slices.Contains(is.Families, f) {
				is.Families = append(is.Families, f)
			}
		}
	}
	return is
}

func Policy(cfg *config.Config) incident.Policy {
	p := incident.Policy{Before: cfg.Window.Before, After: cfg.Window.After, Max: cfg.Window.Max, Settle: cfg.Settle,
		Patience: cfg.Patience, Cooldown: cfg.Cooldown, Again: cfg.Again, Keep: cfg.Keep.Age, KeepSize: cfg.Keep.Size, Limit: cfg.Alerts.Limit, Kinds: kinds(cfg), Nodes: nodes(cfg), Rules: rules(cfg), Late: incident.Late(cfg.Late)}
	p.MaxAge = maxAge(cfg)
	return p
}

// Sealer makes bundles of a format, one of bundle.Formats, signed with the ring's key, and has
// analyst make the report. Without a usable key the bundle is not signed, and says so; a
// Ring of no store has none. to are the destinations in force.
func Sealer(form config.Bundle, analyst *analysis.Analyst, keys seal.Ring, to ...config.Handover) func(context.Context, runner.SealJob) (runner.SealedBundle, error) {
	return func(ctx context.Context, job runner.SealJob) (runner.SealedBundle, error) {
		made := runner.SealedBundle{Path: job.Base + "." + form.Format}
		in := bundle.Input{Manifest: job.Manifest, Log: job.Open, Zone: ZoneNamed(job.Manifest.TimeZone)}
		for _, al := range job.Manifest.Alerts {
			if al.File != "" {
				in.Mails = append(in.Mails, bundle.Part{Name: al.File, Open: func() (io.ReadCloser, error) { return job.Mail(al.ID) }})
			}
		}
		in.Extra = extraParts(job)
		remove, noReport, err := addReport(ctx, analyst, job, &in)
		defer remove()
		if err != nil {
			return made, err
		}
		made.NoReport, made.HandTo = noReport, handTo(to, job.Incident, in.Manifest)
		if job.Hand != nil {
			job.Hand(made.HandTo)
		}
		if form.PCAPNG {
			removeExport, err := addExport(ctx, analyst, job, &in)
			defer removeExport()
			if err != nil {
				return made, err
			}
		}
		addKey(keys, &in)
		if job.Analyzed != nil {
			if err := job.Analyzed(noReport); err != nil {
				return made, err
			}
		}
		info, err := bundle.Write(ctx, made.Path, in)
		made.Registration, made.Bytes = in.Manifest.Registration, info.Bytes
		if err == nil && keys.Dir != "" { // a grab without a store looks after nothing
			beginCustody(made.Path)
		}
		return made, err
	}
}

// beginCustody has what is done with a bundle written down, also where it is put beside the
// store.
func beginCustody(path string) {
	if _, has := custody.LedgerFor(path); has {
		return
	}
	if err := custody.Begin(path); err != nil {
		slog.Warn("what is done with the bundle will be in no chain of custody: none can be begun beside it", "bundle", path, "err", err)
	}
}

// addKey has a bundle signed.
func addKey(keys seal.Ring, in *bundle.Input) {
	if keys.Dir == "" {
		return
	}
	key, err := keys.Key()
	if err != nil {
		note(in, "this bundle is not signed: %v; `grab key rotate` on the collector makes a new key", err)
		return
	}
	in.Key = key
}

// Removing writes into a bundle's chain of custody that it is about to be removed, unless
// it says so already: a crash came in between.
func Removing(path, why string, at time.Time) error {
	ledger, in := custody.LedgerFor(path)
	if !in {
		return nil
	}
	name, head, err := bundle.ChainOf(context.Background(), path)
	if err != nil {
		return err
	}
	file, last := filepath.Base(path), custody.Entry{}
	if _, err := ledger.Walk(name, head, func(e custody.Entry) error { last = e; return nil }); err == nil && last.Act == custody.Removed && last.Later != nil && last.Later.File == file {
		return nil
	}
	return ledger.Append(name, head, custody.Entry{Time: at, Act: custody.Removed, Later: &custody.Later{Why: why, File: file}})
}

// VerifyBundle returns the manifest of a bundle that verifies and is that of the incident.
func VerifyBundle(ctx context.Context, path, id string, revision int) (evidence.Manifest, error) {
	res, err := bundle.Verify(ctx, path)
	if err != nil {
		return evidence.Manifest{}, err
	}
	return res.Manifest, isOf(res, path, id, revision)
}

// isOf is why a bundle is not an intact one of the incident.
func isOf(res bundle.Result, path, id string, revision int) error {
	switch {
	case !res.OK:
		return fmt.Errorf("%s: %s: %s", path, res.Bad[0].File, res.Bad[0].What)
	case res.Manifest.Incident != id || res.Manifest.Revision != revision:
		return fmt.Errorf("%s is the bundle of %s, revision %d", path, res.Manifest.Incident, res.Manifest.Revision)
	}
	return nil
}

// Unpack is the Unpack of a runner.
func Unpack(ctx context.Context, path, id string, revision int, dir string, want func(name string) bool) error {
	res, err := bundle.Extract(ctx, path, dir, want)
	if err != nil {
		return err
	}
	return isOf(res, path, id, revision)
}

// ZoneNamed is the time zone of that name, UTC if there is none.
func ZoneNamed(name string) *time.Location {
	if l, err := time.LoadLocation(name); err == nil {
		return l
	}
	return time.UTC
}

// MailServer is the configured mailbox's server. source gives its access tokens; it
// is nil where there is a password.
func MailServer(m *config.Mail, source *oauth.Source) (mailwatch.Server, error) {
	roots, err := m.Roots()
	if err != nil {
		return mailwatch.Server{}, err
	}
	s := mailwatch.Server{Addr: m.Server, TLS: m.TLS, User: m.User, Login: m.Login}
	if source != nil {
		s.Token = source.Token
	} else {
		s.Password = m.Password.Read
	}
	if roots != nil {
		s.TLSConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return s, nil
}

var ErrNoMail = errors.New("no mailbox is configured (mail:)")

// LocalZone is this machine's time zone by name, if it has one.
func LocalZone() string {
	if name := time.Local.String(); name != "Local" {
		return name
	}
	if target, err := os.Readlink("/etc/localtime"); err == nil {
		if _, name, ok := strings.Cut(target, "zoneinfo/"); ok {
			return name
		}
	}
	return "UTC"
}
