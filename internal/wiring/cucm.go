package wiring

import (
	"fmt"
	"path/filepath"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/ledger"
)

// CUCMLedger is the record of refused logins to CUCM clusters.
func CUCMLedger(cfg *config.Config) *ledger.Ledger {
	return &ledger.Ledger{Dir: filepath.Join(cfg.Store, "cucm-logins")}
}

// budgets are this process's calls to CUCM clusters, whoever makes them.
var budgets cucm.Budgets

// KeepCUCMCalls has what clusters were asked lately kept in a store, by the one process that watches
// it.
func KeepCUCMCalls(store string) error { return budgets.Keep(filepath.Join(store, "cucm-calls")) }

// CUCM is the cluster of an entry of cucm:. All of one entry share a budget. override: a person has a login made, whatever was refused before.
func CUCM(cfg *config.Config, u *config.CUCM, override bool) (*cucm.Cluster, error) {
	return cucmOf(cfg, u, override, &budgets)
}

// ResetCluster is CUCM for who has phones reset and looks after them: with a budget of its own.
func ResetCluster(cfg *config.Config, u *config.CUCM) (*cucm.Cluster, error) {
	return cucmOf(cfg, u, false, nil)
}

// knownAs is the cluster of the first entry with this publisher: entries of one publisher are one
// account to CUCM, which locks it for what all of them get wrong, and one to its limits.
func knownAs(cfg *config.Config, u *config.CUCM) string {
	for i := range cfg.CUCM {
		if cfg.CUCM[i].Publisher == u.Publisher {
			return cfg.CUCM[i].Cluster
		}
	}
	return u.Cluster
}

func cucmOf(cfg *config.Config, u *config.CUCM, override bool, b *cucm.Budgets) (*cucm.Cluster, error) {
	roots, err := u.Roots()
	if err != nil {
		return nil, fmt.Errorf("cucm %s: %w", u.Cluster, err)
	}
	c := cucm.Config{Cluster: u.Cluster, Publisher: u.Publisher, User: u.User, Password: u.Password.Read, Roots: roots, Pins: u.Pinned(), Zone: u.TimeZone,
		Known: knownAs(cfg, u), Ledger: CUCMLedger(cfg), Override: override, Budgets: b}
	for _, n := range u.Nodes {
		c.Nodes = append(c.Nodes, cucm.Node{Name: n.Name, Address: n.Address, Aliases: n.Aliases})
	}
	if !u.Proxy.IsZero() {
		c.Proxy = u.Proxy.Read
	}
	if u.Reset.Enabled {
		c.ResetUser, c.ResetPassword = u.Reset.User, u.Reset.Password.Read
	}
	for i := range cfg.Sites {
		if c.Zone != nil {
			break
		}
		for _, asked := range cfg.ClustersOf(&cfg.Sites[i]) {
			if asked == u {
				c.Zone = cfg.Sites[i].TimeZone
			}
		}
	}
	return cucm.New(c), nil
}
