// Package cucm asks one CUCM cluster over its SOAP services: which phones are registered
// how (RISPort70), counters (PerfMon), log files (Log Collection), and has a phone reset
// (AXL).
//
// It guarantees that the cluster is asked at most 5 times a minute for phones and 40
// times for counters, whoever asks in this process, and for phones over its restarts too
// (Budgets.Keep); that of a device the newest record over all nodes counts; that what may be missing from an answer is said; that a refused
// login stops the account (package ledger); and that errors are told apart by Error.Kind.
//
// It does not know incidents, nor what is done with what it finds. No line of it was
// tried on a real CUCM: docs/cucm.md says on what each part rests.
package cucm

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/cucm/soap"
	"rtmtgrab/internal/ledger"
)

// An Error says why the cluster did not give what it was asked for.
type Error = soap.Error

// A Kind tells errors apart by what a person has to do about them.
type Kind = soap.Kind

// The kinds of errors.
const (
	KindUnreachable = soap.KindUnreachable
	KindCertificate = soap.KindCertificate
	KindRefused     = soap.KindRefused
	KindBlocked     = soap.KindBlocked
	KindRole        = soap.KindRole
	KindService     = soap.KindService
	KindBusy        = soap.KindBusy
	KindRate        = soap.KindRate
	KindMissing     = soap.KindMissing
	KindFault       = soap.KindFault
	KindAnswer      = soap.KindAnswer
	KindLocal       = soap.KindLocal
	KindCanceled    = soap.KindCanceled
)

// A Node is one server of a cluster.
type Node struct {
	Name    string
	Address string // host:port
	Aliases []string
}

// Is reports whether a name or address means this node. Names that differ by their
// domain alone mean the same.
func (n Node) Is(name string) bool {
	host, _, _ := strings.Cut(n.Address, ":")
	for _, own := range append([]string{n.Name, n.Address, host}, n.Aliases...) {
		if SameNode(own, name) {
			return true
		}
	}
	return false
}

// SameNode reports whether two names are of one node: equal, or one the first label of
// the other. Addresses in numbers are compared whole.
func SameNode(a, b string) bool {
	a, b = strings.ToLower(strings.TrimSuffix(a, ".")), strings.ToLower(strings.TrimSuffix(b, "."))
	if a == "" || b == "" {
		return false
	}
	if a == b {
		return true
	}
	if isIP(a) || isIP(b) {
		return false
	}
	return strings.HasPrefix(a, b+".") || strings.HasPrefix(b, a+".")
}

// A Config says how a cluster is reached.
type Config struct {
	Cluster   string // its name, as in its mails' subjects
	Known     string // the name by which its logins and calls are remembered; empty: Cluster. One for all that are the same machines
	Publisher string // host:port
	Nodes     []Node // none: they are found by the publisher
	User      string
	Password  func() (string, error)
	Roots     *x509.CertPool         // nil: the system's
	Pins      []soap.Pin             // not empty: these certificates, whoever signed them
	Proxy     func() (string, error) // as of httpproxy.Of
	Zone      *time.Location         // of the nodes; nil: what they say themselves, else UTC
	Ledger    *ledger.Ledger         // nil: a refusal is remembered by this process alone
	Override  bool                   // a person has a login made, whatever was refused before
	Budgets   *Budgets               // of the process; nil: this cluster has one of its own

	ResetUser     string // for Reset alone
	ResetPassword func() (string, error)

	FirstByte time.Duration // until an answer begins; zero: 90 s
}

// A Cluster is safe for concurrent use. Several of one cluster share their budget by
// Config.Budgets.
type Cluster struct {
	cfg    Config
	soap   *soap.Client
	axl    *soap.Client
	ris    *budget
	perf   *budget
	clocks clocks
	found  catalogue

	selects func(ctx context.Context, c *Cluster, n Node, status string, items []string) (answer, error) // selectPhones
}

// New makes a cluster. Nothing is asked yet.
func New(cfg Config) *Cluster {
	c := &Cluster{cfg: cfg, selects: selectPhones}
	known := cmp.Or(cfg.Known, cfg.Cluster)
	c.ris, c.perf = cfg.Budgets.of(known + "\x00" + cfg.Publisher)
	base := soap.Client{Cluster: cfg.Cluster, Roots: cfg.Roots, Pins: cfg.Pins, Proxy: cfg.Proxy, FirstByte: cfg.FirstByte, Clock: c.clocks.note}
	client, reset := base, base
	now := time.Now() // both may be one account
	client.Login = &ledger.Login{Ledger: cfg.Ledger, Peer: known, User: cfg.User, Secret: cfg.Password, Override: cfg.Override, Before: now}
	reset.Login = &ledger.Login{Ledger: cfg.Ledger, Peer: known, User: cfg.ResetUser, Secret: cfg.ResetPassword, Override: cfg.Override, Before: now}
	c.soap, c.axl = &client, &reset
	return c
}

// Name is the cluster's.
func (c *Cluster) Name() string { return c.cfg.Cluster }

// Publisher is the node that is asked first.
func (c *Cluster) Publisher() Node {
	for _, n := range c.cfg.Nodes {
		if n.Address == c.cfg.Publisher {
			return n
		}
	}
	host := c.cfg.Publisher
	if i := strings.LastIndexByte(host, ':'); i > 0 {
		host = host[:i]
	}
	return Node{Name: host, Address: c.cfg.Publisher}
}

// Blocked is what stops the account, nil if nothing does: nothing is asked.
func (c *Cluster) Blocked() error { return c.blocked(c.soap, "") }

// ResetBlocked is what stops the account for resets, nil if nothing does or there is none.
func (c *Cluster) ResetBlocked() error {
	if c.cfg.ResetUser == "" || c.cfg.ResetPassword == nil {
		return nil
	}
	return c.blocked(c.axl, "AXL")
}

func (c *Cluster) blocked(by *soap.Client, service string) error {
	err := by.Login.Blocked()
	if err == nil {
		return nil
	}
	p, kind := c.Publisher(), KindLocal
	if _, refused := errors.AsType[*ledger.BlockedError](err); refused {
		kind = KindBlocked
	}
	return &Error{Kind: kind, Cluster: c.cfg.Cluster, Node: p.Name, Address: p.Address, Service: service, Err: err}
}

func target(n Node) soap.Target {
	return soap.Target{Node: n.Name, Address: n.Address, Names: n.Aliases}
}

// clocks is how far the nodes' clocks are ahead of ours, by the latest answer of each.
type clocks struct {
	mu    sync.Mutex
	ahead map[string]time.Duration
}

func (c *clocks) note(node string, ahead time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ahead == nil {
		c.ahead = map[string]time.Duration{}
	}
	c.ahead[node] = ahead
}

// Ahead is how far a node's clock is ahead of this machine's, by the Date of its latest
// answer: within a second, and half of what the answer took. ok: one has come.
func (c *Cluster) Ahead(n Node) (ahead time.Duration, ok bool) {
	c.clocks.mu.Lock()
	defer c.clocks.mu.Unlock()
	ahead, ok = c.clocks.ahead[n.Name]
	return ahead, ok
}

// axlVersion is older than the servers': they serve some versions back.
const axlVersion = "14.0"

// Reset has a phone reset, by the account for that alone. nil: CUCM has taken the order;
// whether the phone comes back only Phones tells.
func (c *Cluster) Reset(ctx context.Context, device string) error {
	n := c.Publisher()
	if c.cfg.ResetUser == "" || c.cfg.ResetPassword == nil {
		return &Error{Kind: KindLocal, Cluster: c.cfg.Cluster, Node: n.Name, Address: n.Address, Service: "AXL", Err: errors.New("no account for resets is configured: cucm[].reset")}
	}
	return c.axlCall(ctx, n, "doDeviceReset", "<deviceName>"+escape(device)+"</deviceName><isHardReset>true</isHardReset>", func(d *xml.Decoder, start xml.StartElement) error {
		if start.Name.Local != "dodeviceresetresponse" {
			return fmt.Errorf("this is no answer to a reset: %s", start.Name.Local)
		}
		var answer struct {
			Return string `xml:"return"`
		}
		if err := d.DecodeElement(&answer, &start); err != nil {
			return err
		}
		if v := clean(answer.Return); v == "" || v == "false" {
			return fmt.Errorf("CUCM answers %q", v)
		}
		return nil
	})
}

// Unsure reports whether CUCM may have taken an order all the same: it went out, and no answer came that
// says whether it did.
func Unsure(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok || !e.Sent {
		return false
	}
	switch e.Kind {
	case KindUnreachable, KindCanceled:
		return true
	case KindAnswer:
		return e.Status < 300 || e.Status >= 500
	case KindBusy:
		return e.Status != http.StatusServiceUnavailable // the gateway's: something before CUCM gave up waiting
	}
	return false
}

// TryReset logs in with the account for resets, asks AXL for CUCM's version and changes
// nothing. Any answer of AXL will do, a fault too: whether a phone may be reset only a reset tells.
func (c *Cluster) TryReset(ctx context.Context) error {
	n := c.Publisher()
	if c.cfg.ResetUser == "" || c.cfg.ResetPassword == nil {
		return &Error{Kind: KindLocal, Cluster: c.cfg.Cluster, Node: n.Name, Address: n.Address, Service: "AXL", Err: errors.New("no account for resets is configured: cucm[].reset")}
	}
	err := c.axlCall(ctx, n, "getCCMVersion", "", func(*xml.Decoder, xml.StartElement) error { return nil })
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == KindFault {
		return nil
	}
	return err
}

// axlCall has AXL do something.
func (c *Cluster) axlCall(ctx context.Context, n Node, operation, fields string, read func(*xml.Decoder, xml.StartElement) error) error {
	body := fmt.Sprintf(`<x:%[1]s xmlns:x="http://www.cisco.com/AXL/API/%[2]s" sequence="1">%[3]s</x:%[1]s>`, operation, axlVersion, fields)
	r := soap.Request{Service: "AXL", Path: "/axl/", Action: "CUCM:DB ver=" + axlVersion + " " + operation, Body: body}
	return c.axl.Call(ctx, target(n), r, read)
}
