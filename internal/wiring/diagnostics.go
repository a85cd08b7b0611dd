package wiring

import (
	"cmp"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"sync"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/diagnostics"
	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/ledger"
	"rtmtgrab/internal/nodehttp"
)

// DiagnosticsAPI is the REST API of a host, with the account of diagnostics:. override: a person
// has a login made, whatever was refused before.
func DiagnosticsAPI(cfg *config.Config, h *config.Host, override bool) (*diagnostics.API, error) {
	d := &h.Diagnostics
	roots, err := d.Roots()
	if err != nil {
		return nil, fmt.Errorf("diagnostics of %s: %w", h.Name, err)
	}
	host, _, err := net.SplitHostPort(h.Address)
	if err != nil {
		return nil, fmt.Errorf("diagnostics of %s: %w", h.Name, err)
	}
	return &diagnostics.API{
		Host: h.Name,
		Node: nodehttp.Node{Address: net.JoinHostPort(host, strconv.Itoa(d.Port)), Names: []string{h.Name}, Roots: roots, Pins: d.Pinned()},
		Login: &ledger.Login{Ledger: &ledger.Ledger{Dir: filepath.Join(cfg.Store, "api-logins")}, Peer: h.Name, User: d.User, Secret: d.Password.Read,
			Override: override},
	}, nil
}

// Appliances are the hosts of the configuration in force whose own diagnostic logs are taken.
// It is safe for concurrent use.
type Appliances struct {
	Cfg func() *config.Config
	Log *slog.Logger // nil: nothing

	mu   sync.Mutex
	of   *config.Config // for which made are
	made map[string]*diagnostics.API
}

// Of is the API of a host, nil if it cannot be asked: check says why.
func (a *Appliances) Of(cfg *config.Config, h *config.Host) *diagnostics.API {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of != cfg {
		a.of, a.made = cfg, map[string]*diagnostics.API{}
	}
	if made, there := a.made[h.Name]; there {
		return made
	}
	made, err := DiagnosticsAPI(cfg, h, false)
	if err != nil {
		cmp.Or(a.Log, slog.New(slog.DiscardHandler)).Error("a host's API cannot be asked", "host", h.Name, "err", err)
	}
	a.made[h.Name] = made
	return made
}

// Site are those of a site.
func (a *Appliances) Site(name string) (list []diagnostics.Appliance) {
	cfg := a.Cfg()
	s := cfg.Site(name)
	if s == nil {
		return nil
	}
	for i := range s.Hosts {
		h := &s.Hosts[i]
		if !h.Diagnostics.Enabled {
			continue
		}
		if api := a.Of(cfg, h); api != nil {
			list = append(list, diagnostics.Appliance{Name: h.Name, Role: h.Role, API: api, Max: h.Diagnostics.Max})
		}
	}
	return list
}

// NewTaker is what takes the diagnostic logs of a store's incidents. Its Close is due.
func NewTaker(st *incident.Store, a *Appliances, reserve *diskspace.Reserve, log *slog.Logger) *diagnostics.Taker {
	t := &diagnostics.Taker{Store: st, Site: a.Site, Log: log}
	if reserve != nil {
		t.Room = reserve.Refusal
	}
	return t
}
