package cucmlab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/lab/mra"
)

// Config says what a Cluster is like. The zero value is one node without devices.
type Config struct {
	Site    *mra.Site // its phones and nodes; nil: there are only the Records
	Nodes   []string  // as FQDN, the publisher first; zero: the Site's, or cucm01.example.com
	Cluster string    // zero: StandAloneCluster
	Zone    *time.Location
	// Name is how RISPort, the logs and the counters call a node that is given as FQDN;
	// nil: by its first label. Listed is the same in the list of nodes; nil: the FQDN.
	Name, Listed func(fqdn string) string
	// Accounts are who may log in; zero: one of DefaultAccounts with a made up password each.
	Accounts []Account
	Phones   map[string]Phone // what the database has beside, by device
	Records  []Record         // devices that are none of the Site's
	Sources  []Source         // of files beside the Site's
	// Clocks are how far the clocks of nodes are ahead, by FQDN; of a Site that writes
	// traces the same as its SDLConfig has, and Zone too.
	Clocks map[string]time.Duration
	Faults Faults
	Now    func() time.Time // of all nodes; nil: time.Now
	Listen func(node int) (net.Listener, error)
}

// A Phone is what people wrote into CUCM's database about one.
type Phone struct {
	Description, Product string
	OwnAddress           bool // C sends SIP Path headers: CUCM shows the phone's own address
}

// A Cluster is some CUCM nodes. It is safe for concurrent use.
type Cluster struct {
	cfg    Config
	ca     *authority
	nodes  []*Node
	cancel context.CancelFunc
	ctx    context.Context
	wg     sync.WaitGroup // servers and handlers
	log    requestLog

	mu       sync.Mutex // guards what follows
	faults   Faults
	accounts accounts
	sessions sessions
	budget   budget
	truth    *truth
	perfmon  perfSessions
	resets   []string
}

// New starts a cluster on free ports of 127.0.0.1. It lives until Close or until ctx is
// done; Close must be called in either case, and before the Site's.
func New(ctx context.Context, cfg Config) (*Cluster, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, fmt.Errorf("start CUCM: %w", err)
	}
	ca, err := newAuthority()
	if err != nil {
		return nil, fmt.Errorf("start CUCM: %w", err)
	}
	c := &Cluster{cfg: cfg, ca: ca, faults: cfg.Faults, accounts: newAccounts(cfg.Accounts), sessions: sessions{}, truth: newTruth(&cfg), perfmon: perfSessions{}}
	c.ctx, c.cancel = context.WithCancel(ctx)
	for i, fqdn := range cfg.Nodes {
		n, err := startNode(c, i, fqdn)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("start CUCM node %s: %w", fqdn, err), c.Close())
		}
		c.nodes = append(c.nodes, n)
	}
	return c, nil
}

func (cfg *Config) setDefaults() error {
	if len(cfg.Nodes) == 0 {
		cfg.Nodes = []string{"cucm01.example.com"}
		if cfg.Site != nil {
			cfg.Nodes = cfg.Site.Nodes()
		}
	}
	if cfg.Cluster == "" {
		cfg.Cluster = "StandAloneCluster"
	}
	if cfg.Name == nil {
		cfg.Name = shortName
	}
	if cfg.Listed == nil {
		cfg.Listed = func(fqdn string) string { return fqdn }
	}
	if len(cfg.Accounts) == 0 {
		cfg.Accounts = DefaultAccounts()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Listen == nil {
		cfg.Listen = func(int) (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }
	}
	if cfg.Zone == nil {
		zone, err := time.LoadLocation("America/New_York")
		if err != nil {
			return err
		}
		cfg.Zone = zone
	}
	return nil
}

func shortName(fqdn string) string {
	name, _, _ := strings.Cut(fqdn, ".")
	return name
}

// Nodes are its nodes, the publisher first.
func (c *Cluster) Nodes() []*Node { return c.nodes }

// Account is the one that has a role, the application user's by default.
func (c *Cluster) Account(role Role) Account {
	for _, a := range c.cfg.Accounts {
		if a.has(role) {
			return a
		}
	}
	return Account{}
}

// CAPEM is the certificate of the authority that signed the nodes' certificates, but for
// those that signed their own.
func (c *Cluster) CAPEM() []byte { return c.ca.pem }

// SetFaults changes what goes wrong from now on.
func (c *Cluster) SetFaults(change func(*Faults)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.faults)
}

// fault is a copy of what goes wrong now. Its maps and slices are only read.
func (c *Cluster) fault() Faults {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.faults
}

// Close hangs up and waits for everything.
func (c *Cluster) Close() error {
	c.cancel()
	for _, n := range c.nodes {
		n.server.Close()
	}
	c.wg.Wait()
	return nil
}

// node is the one of that name, or nil.
func (c *Cluster) node(name string) *Node {
	for _, n := range c.nodes {
		if n.is(name) {
			return n
		}
	}
	return nil
}
