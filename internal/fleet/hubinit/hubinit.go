// Package hubinit makes what a hub needs to be run, in a folder: keys of an operator, an account
// for each tenant, a credentials file for each collector and for who looks at all of a tenant,
// certificates, and a configuration for each server; and brings it to servers that run.
//
// It may be repeated, and interrupted: what is there stays, what is new is added, and an
// account's permissions become those of this version without new credentials files. Files are
// 0600. A tenant's credentials reach that tenant's account and nothing else; a collector's what
// collectors need and nothing else: see Collector.
//
// The folder can make any credentials: whoever reads it owns the hub. It does not know how a
// server is run.
package hubinit

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/fleet"
)

// Viewer is the user of each tenant who looks at all of it and changes nothing: no collector
// may be called so.
const Viewer = "hub"

// A Wish is what a person wants to be there. What is there already need not be said again.
type Wish struct {
	Servers    []Server // one or three; the names under which collectors reach them
	Tenant     string
	Collectors []string // of Tenant
	KeepPorts  bool     // of servers that are there already; else those of Servers count
	Renew      []string // of Tenant: a new credentials file, and the old one is good for nothing
}

// A Server is one machine of the hub.
type Server struct {
	Name      string `json:"name"` // as the others and logs call it; also a folder
	Host      string `json:"host"` // an address or a name that its certificate is for
	Port      int    `json:"port"`
	Websocket int    `json:"websocket"` // 0: none
	Cluster   int    `json:"cluster"`   // for the other servers
}

// Ports of a server where nothing else is wished.
const (
	Port      = 4222
	Websocket = 443
	Cluster   = 6222
)

// URL is where a server is reached.
func (s Server) URL() string { return "tls://" + net.JoinHostPort(s.Host, fmt.Sprint(s.Port)) }

// WebsocketURL is the same by websocket, or "".
func (s Server) WebsocketURL() string {
	if s.Websocket == 0 {
		return ""
	}
	return "wss://" + net.JoinHostPort(s.Host, fmt.Sprint(s.Websocket))
}

// A Done is what Make made.
type Done struct {
	State   State
	Created []string // files, as paths
}

// Make makes what is wished in dir and what is missing there, and returns what there is.
func Make(dir string, w Wish) (Done, error) {
	if err := atomicfile.MkdirAll(dir); err != nil {
		return Done{}, err
	}
	unlock, err := atomicfile.WaitLock(filepath.Join(dir, "init.lock"))
	if err != nil {
		return Done{}, fmt.Errorf("lock %s: %w", dir, err)
	}
	defer unlock()

	m := &maker{folder: &folder{dir: dir}}
	if m.state, err = loadState(dir); err != nil {
		return Done{}, err
	}
	if err := m.state.wish(w); err != nil {
		return Done{}, err
	}
	for _, step := range []func() error{m.loadKeys, func() error { return m.certificates(m.state.Servers) }, func() error { return m.users(w) }, m.accounts, m.configurations} {
		if err := step(); err != nil {
			return Done{}, err
		}
	}
	if err := saveState(dir, m.state); err != nil {
		return Done{}, err
	}
	return Done{State: m.state, Created: m.created}, nil
}

// A maker is one call of Make.
type maker struct {
	*folder
	state State
	keys  keys
}

// checkNames says what is wrong with names of tenants, or of a tenant's collectors: they name
// files, on Windows too.
func checkNames(what string, names []string) error {
	var folded []string
	for _, n := range names {
		if err := fleet.CheckName(n); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		f := strings.ToLower(fleet.Token(n))
		if slices.Contains(folded, f) {
			return fmt.Errorf("%s %q differs from another one in upper and lower case only: give it another name", what, n)
		}
		folded = append(folded, f)
	}
	return nil
}
