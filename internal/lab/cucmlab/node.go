package cucmlab

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/lab/mra"
)

// A Node is one CUCM: an HTTPS server with all services.
type Node struct {
	cluster *Cluster
	index   int
	FQDN    string
	IP      string // the laboratory's, as it stands in logs; it listens on loopback
	addr    string
	server  *http.Server

	mu    sync.Mutex
	leaf  *tls.Certificate // nil: to be made
	kind  Cert             // of it
	epoch int              // of its certificate: each renewal is one more
}

func startNode(c *Cluster, index int, fqdn string) (*Node, error) {
	ln, err := c.cfg.Listen(index)
	if err != nil {
		return nil, err
	}
	n := &Node{cluster: c, index: index, FQDN: fqdn, IP: mra.NodeAddress(fqdn), addr: ln.Addr().String()}
	n.server = &http.Server{
		Handler:     n,
		ErrorLog:    log.New(io.Discard, "", 0),
		BaseContext: func(net.Listener) context.Context { return c.ctx },
		TLSConfig:   &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: n.tlsFor},
		// Tomcat on a CUCM speaks HTTP/1.1.
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){},
		ReadHeaderTimeout: time.Minute,
	}
	c.wg.Go(func() { n.server.ServeTLS(ln, "", "") })
	return n, nil
}

// Name is how the services call it.
func (n *Node) Name() string { return n.cluster.cfg.Name(n.FQDN) }

// Addr is where it listens, host:port.
func (n *Node) Addr() string { return n.addr }

// is reports whether a node is meant by a name, whatever its form.
func (n *Node) is(name string) bool {
	return strings.EqualFold(name, n.FQDN) || strings.EqualFold(name, n.Name()) || strings.EqualFold(name, shortName(n.FQDN)) || name == n.IP
}

// now is what its clock says.
func (n *Node) now() time.Time {
	return n.cluster.cfg.Now().Add(n.cluster.cfg.Clocks[n.FQDN])
}
