package collector

import (
	"fmt"
	"sync/atomic"
	"time"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/openhttp"
)

// configuration is the one in force.
type configuration struct {
	atomic.Pointer[config.Config]
	read    func() (*config.Config, error) // from where it is kept
	asks    chan *reloadAsk                // of the control socket
	refused refusal
}

// again reads it once more, for a reload: what cannot be put in force while the watcher
// runs is an error. It changes nothing.
func (c *configuration) again() (*config.Config, error) {
	cfg, err := c.read()
	if err != nil {
		return nil, err
	}
	if err := listens(cfg); err != nil {
		return nil, err
	}
	if was := c.Load().Store; cfg.Store != was {
		return nil, fmt.Errorf("store: cannot change while grab watch runs (from %s to %s)", was, cfg.Store)
	}
	return cfg, nil
}

// names are those by which health and metrics may be asked for.
func (c *configuration) names() openhttp.Names {
	h := c.Load().HTTP
	return openhttp.Names{Listen: h.Listen, More: h.Hosts, Key: "http.hosts"}
}

// window is how much an alert asks for.
func (c *configuration) window() time.Duration {
	cfg := c.Load()
	return cfg.Window.Before + cfg.Window.After
}
