// Package config turns grab.yaml into a Config: typed, with defaults, merged per
// host, and judged whole.
//
// It guarantees that a Config it returns without an error can be acted on: every
// key is known, every value has its type and its bounds, every file that is named
// exists. All faults of a file are reported at once, each with its line and its
// key path. Secrets are named in the file, never written there; they are read
// when they are used, and nothing that prints a Config prints one.
//
// It does not know whether a server answers, a login works or a key fits.
package config

import (
	"regexp"
	"time"

	"rtmtgrab/internal/config/diagconf"
	"rtmtgrab/internal/config/fleetconf"
	"rtmtgrab/internal/config/prtconf"
)

// Config is one configuration file with all defaults filled in. It is not
// changed after Load and safe for concurrent use.
type Config struct {
	Path string // the file it was read from, absolute

	Store    string        `yaml:"store,path"`
	Mails    []Mail        `yaml:"mail,some"` // none: no mailbox is watched, only `grab now` works
	Alerts   Alerts        `yaml:"alerts"`
	Window   Window        `yaml:"window"`
	Settle   time.Duration `yaml:"settle"`   // between the window's end and the second pass
	Patience time.Duration `yaml:"patience"` // how long a host may stay unreachable after the window's end
	Cooldown time.Duration `yaml:"cooldown"` // silence after which the same alert is news
	Again    time.Duration `yaml:"again"`    // first interval of fresh incidents while a storm lasts; doubles
	Late     Late          `yaml:"late"`
	SSH      SSH           `yaml:"ssh"`  // what hosts begin with; Host.SSH is what counts
	Logs     Logs          `yaml:"logs"` // the same
	Ring     Ring          `yaml:"ring"` // the same
	Limits   Limits        `yaml:"limits"`

	Diagnostics diagconf.Diagnostics `yaml:"diagnostics"` // what hosts begin with
	Bundle      Bundle               `yaml:"bundle"`
	Mask        Mask                 `yaml:"mask"`
	Keep        Keep                 `yaml:"keep"`
	SMTP        *SMTP                `yaml:"smtp"`       // nil: no mail is sent
	Notify      *Notify              `yaml:"notify"`     // nil: nobody is told
	Beats       []Heartbeat          `yaml:"heartbeats"` // alerts that come every so often
	Drill       *Drill               `yaml:"drill"`      // nil: only by hand, see Drilling
	Handover    []Handover           `yaml:"handover"`   // where finished bundles go; after SSH, whose known_hosts they begin with
	CUCM        []CUCM               `yaml:"cucm"`       // clusters that are asked for names and traces
	Socket      Socket               `yaml:"socket"`
	HTTP        HTTP                 `yaml:"http"`
	PRT         *prtconf.PRT         `yaml:"prt"`    // nil: phones' problem reports are not received
	Fleet       *fleetconf.Fleet     `yaml:"fleet"`  // nil: this collector is alone
	Routes      []Route              `yaml:"routes"` // the first that an alert meets; else the sites' own claims
	Sites       []Site               `yaml:"sites"`  // last: hosts begin as the keys above say
}

// Ways to protect the connection to the mail server.
const (
	TLSImplicit = "implicit"
	TLSStartTLS = "starttls"
	TLSNone     = "none" // loopback addresses only
)

// Mail is a mailbox that RTMT's alerts arrive in.
type Mail struct {
	Name      string        `yaml:"name"`         // tells mailboxes apart; User if none is given
	Server    string        `yaml:"server"`       // host:port; the port defaults to 993, or 143 without implicit TLS
	TLS       string        `yaml:"tls"`          // TLSImplicit, TLSStartTLS or TLSNone
	CAFile    string        `yaml:"ca_file,path"` // PEM; empty: the system's authorities. See Roots
	ca        caText        // what CAFile held when it was judged
	User      string        `yaml:"user"`
	Password  Secret        `yaml:"password"`
	OAuth     *OAuth        `yaml:"oauth"`        // in place of Password; nil: none
	Login     string        `yaml:"login"`        // auto, plain (SASL PLAIN) or login (the LOGIN command); with OAuth auto, xoauth2 or oauthbearer
	Mailboxes []string      `yaml:"mailbox,some"` // folders, at least one
	Poll      time.Duration `yaml:"poll"`
	CatchUp   time.Duration `yaml:"catch_up"` // how far back the very first start looks
	MaxAge    time.Duration `yaml:"max_age"`  // older alerts are recorded as expired
	Mark      string        `yaml:"mark"`     // none, seen or flagged
	Canary    *Canary       `yaml:"canary"`   // nil: none
}

// Alerts says which mails are alerts.
type Alerts struct {
	Match []*regexp.Regexp `yaml:"match"` // without regard to case, in subject or body; one must match
	From  []string         `yaml:"from"`  // addresses or "@domain", lower case; empty: anyone

	Authenticity Authenticity `yaml:"authenticity"`
	Limit        int          `yaml:"limit"`   // incidents an hour and site; 0: no limit
	Kinds        []Kind       `yaml:"kinds"`   // looked for before Match, in order
	Webhook      *Intake      `yaml:"webhook"` // nil: none
}

// Window is how much is cut around an alert's time.
type Window struct {
	Before time.Duration `yaml:"before"`
	After  time.Duration `yaml:"after"`
	Max    time.Duration `yaml:"max"` // the longest window that joined alerts may make; at least Before + After
}

// Late is when what came to a sealed incident makes a further revision of its bundle.
type Late struct {
	Quiet time.Duration `yaml:"quiet"` // nothing more has come for so long
	Apart time.Duration `yaml:"apart"` // and so long after the last such revision
}

// Limits bound what one peer may take of this machine.
type Limits struct {
	PerHost int64 `yaml:"per_host,size"` // bytes of a host in one incident; 0: the larger of 4 GiB and eight times what its logs write in such a window; beyond 4 GiB the hosts of an incident have half of the room on the disk at most
}

// Account is how to log in to a host. Exactly one of Key and Password is set, for a
// host gets one method and one try.
type Account struct {
	User       string `yaml:"user"`
	Key        Key    `yaml:"key"`
	Passphrase Secret `yaml:"passphrase"` // of an encrypted Key
	Password   Secret `yaml:"password"`
	Login      string `yaml:"login"`            // auto, password or keyboard-interactive: how Password is given
	KnownHosts string `yaml:"known_hosts,path"` // unused where the host's own key is set
	Compat     string `yaml:"compat"`           // CompatNone or CompatLegacy
}

// SSH is how a host is reached and what is done there.
type SSH struct {
	Account
	Commands  bool   `yaml:"commands"`       // whether remote commands may be run: date, and stat, head, tail where SFTP is refused
	Compress  string `yaml:"compress"`       // none or gzip: what commands send is compressed there; with SFTP of no effect
	Jump      []Jump `yaml:"jump"`           // hosts on the way, the first one first
	Warm      bool   `yaml:"warm"`           // watch keeps a session to the host, for the next alert
	Bandwidth int64  `yaml:"bandwidth,size"` // bytes per second that are read from the host at most; 0: no limit
}

// What a host's algorithms may be.
const (
	CompatNone   = "none"   // those that are safe
	CompatLegacy = "legacy" // SHA-1 too, where a host knows nothing better
)

// Jump is a host on the way to another, with a login and a host key of its own.
type Jump struct {
	Address string `yaml:"address"`  // as of Host
	HostKey string `yaml:"host_key"` // "SHA256:…"; empty: KnownHosts decides
	Account        // KnownHosts is that of the SSH it stands in, if it has none itself
}

// Key is the private key for a login: a Secret that holds it as PEM, or one of
// the agent's keys.
type Key struct {
	Secret Secret
	Agent  string // "SHA256:…", or the path of a public key file; empty if Secret is set
}

// IsZero reports whether no key is named.
func (k Key) IsZero() bool { return k.Agent == "" && k.Secret.IsZero() }

// Logs says where the logs of a host are.
type Logs struct {
	Dir      string   `yaml:"dir"`      // absolute, slashes
	Families []string `yaml:"families"` // names without .txt or .1, in the order of the bundle
}

// Ring is the rolling copy of a host's logs that grab watch keeps beforehand.
type Ring struct {
	Enabled bool          `yaml:"enabled"`
	Every   time.Duration `yaml:"every"`         // between two increments, at least a second
	Keep    time.Duration `yaml:"keep"`          // how far back
	MaxSize int64         `yaml:"max_size,size"` // compressed bytes per host, all families together
}

// Site is a group of hosts and the clusters and nodes whose alerts concern them.
type Site struct {
	Name     string         `yaml:"name"`
	Clusters []string       `yaml:"clusters"`
	Nodes    []string       `yaml:"nodes"`
	TimeZone *time.Location `yaml:"time_zone"` // nil if none is given. See Zone
	Hosts    []Host         `yaml:"hosts"`
	Quiet    []Quiet        `yaml:"quiet"`
	CUCM     []string       `yaml:"cucm"` // clusters of cucm:; empty: those among Clusters. See ClustersOf
}

// CatchAll reports whether the site takes the alerts that no other site claims.
func (s *Site) CatchAll() bool { return len(s.Clusters) == 0 && len(s.Nodes) == 0 }

// Zone is the site's time zone, UTC if none is given.
func (s *Site) Zone() *time.Location {
	if s.TimeZone == nil {
		return time.UTC
	}
	return s.TimeZone
}

// Host is one peer, with the settings that are in effect for it: its own keys
// over the file's ssh:, logs: and ring:.
type Host struct {
	Name    string `yaml:"name"`
	Role    string `yaml:"role"`     // "C", "E" or ""
	Address string `yaml:"address"`  // host:port or [v6]:port, lower case
	HostKey string `yaml:"host_key"` // "SHA256:…"; empty: SSH.KnownHosts decides
	SSH     SSH    `yaml:"ssh"`
	Logs    Logs   `yaml:"logs"`
	Ring    Ring   `yaml:"ring"`

	Diagnostics diagconf.Diagnostics `yaml:"diagnostics"`
}

// Bundle is the form of what analysts get.
type Bundle struct {
	Format string `yaml:"format"` // zip, tar.zst or tar.gz
	PCAPNG bool   `yaml:"pcapng"` // with report/sip.pcapng
}

// Within what the same thing has the same name: Mask.Scope.
const (
	ScopeSite = "site"
	ScopeCase = "case"
)

// Mask is how bundles are masked for people outside.
type Mask struct {
	Scope string `yaml:"scope"` // ScopeSite or ScopeCase
}

// Keep bounds what stays in the store.
type Keep struct {
	Age  time.Duration `yaml:"age"`
	Size int64         `yaml:"size,size"` // bytes that bundles in the store may take; 0: no limit
	Free int64         `yaml:"free,size"` // bytes of the store's disk that copying leaves free; 0: a tenth of it, from 1 GiB to 20 GiB; never over half of it
}
