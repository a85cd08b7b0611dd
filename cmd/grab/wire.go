package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/fetch"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/oauth"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/mailwatch"
)

// load finds and reads the configuration.
func (a *app) load(o config.Options) (*config.Config, error) {
	path, err := config.Find(a.config)
	if err != nil {
		return nil, advice.Usage(err)
	}
	cfg, err := o.Load(path)
	if err != nil {
		return nil, advice.Usage(err)
	}
	return cfg, nil
}

// context ends with the first signal.
func (a *app) context(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	go func() {
		select {
		case <-a.interrupted:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// logins is the ledger of a configuration's store.
func logins(cfg *config.Config) *sshdial.Ledger {
	return &sshdial.Ledger{Dir: filepath.Join(cfg.Store, "logins")}
}

// dialing says how to reach a configured host.
func dialing(h *config.Host, ledger *sshdial.Ledger) sshdial.Config {
	c := sshdial.Config{Name: h.Name, Address: h.Address, User: h.SSH.User, HostKey: h.HostKey, Ledger: ledger,
		Legacy: h.SSH.Compat == config.CompatLegacy, Bandwidth: h.SSH.Bandwidth}
	if h.HostKey == "" {
		c.KnownHosts = h.SSH.KnownHosts
	}
	c.Auth = auth(h.SSH.Key, h.SSH.Passphrase, h.SSH.Password, h.SSH.Login)
	for _, j := range h.SSH.Jump {
		hop := sshdial.Config{Address: j.Address, User: j.User, HostKey: j.HostKey, Legacy: j.Compat == config.CompatLegacy,
			Auth: auth(j.Key, j.Passphrase, j.Password, j.Login)}
		if j.HostKey == "" {
			hop.KnownHosts = j.KnownHosts
		}
		c.Jump = append(c.Jump, hop)
	}
	return c
}

// route tells ways to hosts apart: equal routes end at the same machine.
func route(c sshdial.Config) string {
	var b strings.Builder
	for _, j := range c.Jump {
		b.WriteString(j.Address + " > ")
	}
	return b.String() + c.Address
}

func auth(key config.Key, passphrase, password config.Secret, login string) sshdial.Auth {
	switch {
	case !password.IsZero():
		return sshdial.Auth{Kind: sshdial.AuthPassword, Password: password.Read, Login: login}
	case key.Agent != "":
		return sshdial.Auth{Kind: sshdial.AuthAgent, Agent: agentKey(key.Agent)}
	}
	auth := sshdial.Auth{Kind: sshdial.AuthKey, KeyPEM: func() ([]byte, error) {
		pem, err := key.Secret.Read()
		return []byte(pem + "\n"), err
	}}
	if !passphrase.IsZero() {
		auth.Passphrase = passphrase.Read
	}
	return auth
}

// agentKey is a fingerprint, or the public key in the file that is named.
func agentKey(s string) string {
	if b, err := os.ReadFile(s); err == nil {
		return string(b)
	}
	return s
}

// source is a host with what is needed to take its logs.
type source struct {
	host     fetch.Host
	dial     sshdial.Config
	commands fetch.Commands
	ring     string // folder of the host's ring; empty: it has none
}

func configured(h *config.Host, zone *time.Location, ledger *sshdial.Ledger) source {
	return source{
		host:     fetch.Host{Name: h.Name, Role: h.Role, Address: h.Address, Dir: h.Logs.Dir, Families: h.Logs.Families, Zone: zone},
		dial:     dialing(h, ledger),
		commands: fetch.Commands{Allowed: h.SSH.Commands, Gzip: h.SSH.Compress == "gzip"},
	}
}

// key tells sessions apart.
func (s source) key() string { return s.dial.User + "@" + route(s.dial) }

// connect gives the source's fetch.Host its way to the host.
func (s source) connect(pool *fetch.Pool) fetch.Host {
	h := s.host
	h.Dial = func(ctx context.Context) (fetch.Conn, error) {
		return pool.Get(ctx, s.key(), s.commands, func(ctx context.Context) (*sshdial.Client, error) {
			return sshdial.Dial(ctx, s.dial)
		})
	}
	return h
}

// puller lets an incident ask a host by way of package fetch.
type puller struct{ grab *fetch.Grab }

func (p puller) Pass(ctx context.Context, req incident.Pass) (evidence.Host, error) {
	p.grab.Copied = req.Copied
	if len(req.Only) > 0 { // the same in every pass of an incident
		p.grab.Host.Families = req.Only
	}
	return p.grab.Pass(ctx, req.Asked, req.Held)
}
func (p puller) Open(family string) (io.ReadCloser, error) { return p.grab.Open(family) }
func (p puller) Close() error                              { return p.grab.Close() }

// pullers makes the NewPuller of a runner. find gives the source of a host; one
// that is configured no longer has only what is on disk.
func pullers(pool *fetch.Pool, find func(site, host string) (source, bool), progress func(fetch.Progress)) func(site, host, dir string) (incident.Puller, error) {
	return func(site, host, dir string) (incident.Puller, error) {
		s, ok := find(site, host)
		if !ok {
			gone := fmt.Errorf("host %s is not in the configuration any more", host)
			s.host = fetch.Host{Name: host, Dial: func(context.Context) (fetch.Conn, error) {
				return nil, &fetch.Fault{Why: evidence.ReasonUnreachable, Err: gone, Stop: true}
			}}
		} else {
			s.host = s.connect(pool)
		}
		return puller{&fetch.Grab{Host: s.host, Dir: dir, Ring: s.ring, Progress: progress}}, nil
	}
}

// finder looks hosts up in a configuration.
func finder(cfg *config.Config) func(site, host string) (source, bool) {
	ledger := logins(cfg)
	return func(site, host string) (source, bool) {
		s := cfg.Site(site)
		if s == nil || s.Host(host) == nil {
			return source{}, false
		}
		src := configured(s.Host(host), s.Zone(), ledger)
		if s.Host(host).Ring.Enabled {
			src.ring = ringDir(cfg, host)
		}
		return src, true
	}
}

// sites are a configuration's, as incidents know them.
func sites(cfg *config.Config) []incident.Site {
	var out []incident.Site
	for i := range cfg.Sites {
		s := &cfg.Sites[i]
		out = append(out, siteOf(s, s.Hosts))
	}
	return out
}

func siteOf(s *config.Site, hosts []config.Host) incident.Site {
	is := incident.Site{Name: s.Name, Clusters: s.Clusters, Nodes: s.Nodes, TimeZone: s.Zone().String(), Quiet: quiet(s)}
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

func policy(cfg *config.Config) incident.Policy {
	p := incident.Policy{Before: cfg.Window.Before, After: cfg.Window.After, Max: cfg.Window.Max, Settle: cfg.Settle,
		Patience: cfg.Patience, Cooldown: cfg.Cooldown, Again: cfg.Again, Keep: cfg.Keep.Age, Limit: cfg.Alerts.Limit, Kinds: kinds(cfg), Rules: rules(cfg)}
	p.MaxAge = maxAge(cfg)
	return p
}

// sealer makes bundles of a format, "zip" or "tar.zst".
func sealer(form config.Bundle) func(context.Context, incident.SealJob) (string, error) {
	return func(ctx context.Context, job incident.SealJob) (string, error) {
		path := job.Base + "." + form.Format
		in := bundle.Input{Manifest: job.Manifest, Log: job.Open, Zone: zone(job.Manifest.TimeZone)}
		for _, al := range job.Manifest.Alerts {
			if al.File != "" {
				in.Mails = append(in.Mails, bundle.Part{Name: al.File, Open: func() (io.ReadCloser, error) { return job.Mail(al.ID) }})
			}
		}
		remove, err := addReport(ctx, job, &in)
		defer remove()
		if err != nil {
			return path, err
		}
		if form.PCAPNG {
			removeExport, err := addExport(ctx, job, &in)
			defer removeExport()
			if err != nil {
				return path, err
			}
		}
		_, err = bundle.Write(ctx, path, in)
		return path, err
	}
}

// intact tells whether a bundle verifies and is that of the incident.
func intact(ctx context.Context, path, id string, revision int) error {
	res, err := bundle.Verify(ctx, path)
	switch {
	case err != nil:
		return err
	case !res.OK:
		return fmt.Errorf("%s: %s: %s", path, res.Bad[0].File, res.Bad[0].What)
	case res.Manifest.Incident != id || res.Manifest.Revision != revision:
		return fmt.Errorf("%s is the bundle of %s, revision %d", path, res.Manifest.Incident, res.Manifest.Revision)
	}
	return nil
}

// zone is the time zone of that name, UTC if there is none.
func zone(name string) *time.Location {
	if l, err := time.LoadLocation(name); err == nil {
		return l
	}
	return time.UTC
}

// mailServer is the configured mailbox's server. source gives its access tokens; it
// is nil where there is a password.
func mailServer(m *config.Mail, source *oauth.Source) (mailwatch.Server, error) {
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

var errNoMail = errors.New("no mailbox is configured (mail:)")
