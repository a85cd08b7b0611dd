package rtmt

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// A Mailbox is an IMAP server over TLS with one user and IDLE, in memory. Its
// certificate is signed by a CA of its own. It is safe for concurrent use.
type Mailbox struct {
	User, Password string // for LOGIN and PLAIN

	listen func(network, address string) (net.Listener, error)
	user   *imapmemserver.User
	caPEM  []byte
	tls    *tls.Config
	server *imapserver.Server
	stop   func() bool
	wg     sync.WaitGroup // the listener's loop and one per connection

	mu       sync.Mutex
	addr     string
	ln       net.Listener // nil while down
	conns    map[*tracked]struct{}
	sessions map[*session]struct{}
	closed   bool
}

// NewMailbox starts one on a free port of 127.0.0.1 with an empty INBOX. It lives
// until Close or until ctx is done; Close must be called in either case.
func NewMailbox(ctx context.Context) (*Mailbox, error) { return NewMailboxOn(ctx, net.Listen) }

// NewMailboxOn is NewMailbox with another net.Listen.
func NewMailboxOn(ctx context.Context, listen func(network, address string) (net.Listener, error)) (*Mailbox, error) {
	m := &Mailbox{User: "grab@example.com", Password: rand.Text(), listen: listen, addr: "127.0.0.1:0", conns: map[*tracked]struct{}{}, sessions: map[*session]struct{}{}}
	var err error
	if m.caPEM, m.tls, err = NewTLS(); err != nil {
		return nil, fmt.Errorf("start mailbox: %w", err)
	}
	m.user = imapmemserver.NewUser(m.User, m.Password)
	if err := m.user.Create("INBOX", nil); err != nil {
		return nil, fmt.Errorf("start mailbox: %w", err)
	}
	m.server = imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return m.newSession(), nil, nil
		},
		Caps:   imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapUIDPlus: {}, imap.CapMove: {}, imap.CapNamespace: {}},
		Logger: log.New(io.Discard, "", 0),
	})
	if err := m.SetDown(false); err != nil {
		return nil, fmt.Errorf("start mailbox: %w", err)
	}
	m.stop = context.AfterFunc(ctx, m.hangUp)
	return m, nil
}

// Addr is where it listens, host:port; it stays the same while it is down.
func (m *Mailbox) Addr() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.addr
}

// CAPEM is the certificate of its CA.
func (m *Mailbox) CAPEM() []byte { return bytes.Clone(m.caPEM) }

// Deliver puts a mail into INBOX with the given INTERNALDATE; zero: now.
func (m *Mailbox) Deliver(raw []byte, internal time.Time) error {
	_, err := m.user.Append("INBOX", bytes.NewReader(raw), &imap.AppendOptions{Time: internal})
	if err != nil {
		return fmt.Errorf("deliver mail: %w", err)
	}
	m.changed()
	return nil
}

// Recreate empties INBOX and gives it another UIDVALIDITY. Open sessions keep the old one.
func (m *Mailbox) Recreate() error {
	if err := m.user.Delete("INBOX"); err != nil {
		return fmt.Errorf("recreate mailbox: %w", err)
	}
	return m.user.Create("INBOX", nil)
}

// Connections is how many clients are connected.
func (m *Mailbox) Connections() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.conns)
}

// SetDown takes the server off the net, connections and all, or brings it back on
// the same port with the same mails.
func (m *Mailbox) SetDown(down bool) error {
	if down {
		m.hangUp()
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ln != nil || m.closed {
		return nil
	}
	ln, err := m.listen("tcp", m.addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	m.ln, m.addr = ln, ln.Addr().String()
	served := tls.NewListener(&trackingListener{ln, m}, m.tls)
	m.wg.Go(func() { m.server.Serve(served) })
	return nil
}

// Close hangs up and waits for everything.
func (m *Mailbox) Close() error {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.stop()
	m.hangUp()
	m.wg.Wait()
	return nil
}

func (m *Mailbox) hangUp() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ln != nil {
		m.ln.Close()
		m.ln = nil
	}
	for c := range m.conns {
		c.Conn.Close() // the server's goroutine then ends and closes c itself
	}
}

// trackingListener knows the connections, which the library's server does not wait for.
type trackingListener struct {
	net.Listener
	m *Mailbox
}

func (l *trackingListener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &tracked{Conn: nc, m: l.m}
		l.m.mu.Lock()
		up := l.m.ln == l.Listener
		if up {
			l.m.conns[c] = struct{}{}
			l.m.wg.Add(1)
		}
		l.m.mu.Unlock()
		if up {
			return c, nil
		}
		nc.Close()
	}
}

type tracked struct {
	net.Conn
	m    *Mailbox
	once sync.Once
}

// Close is called by the server's goroutine when it ends.
func (c *tracked) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		c.m.mu.Lock()
		delete(c.m.conns, c)
		c.m.mu.Unlock()
		c.m.wg.Done()
	})
	return err
}

// NewTLS makes a CA and a certificate for 127.0.0.1, ::1 and localhost.
func NewTLS() ([]byte, *tls.Config, error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	from, to := time.Now().Add(-24*time.Hour), time.Now().Add(365*24*time.Hour)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "grab laboratory CA"}, NotBefore: from, NotAfter: to,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return nil, nil, err
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: from, NotAfter: to,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	if err != nil {
		return nil, nil, err
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}), cfg, nil
}
