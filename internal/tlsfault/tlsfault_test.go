package tlsfault

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"path/filepath"
	"testing"

	"rtmtgrab/internal/testserver"
)

// shake is how a handshake ends for a client, its first read included: by TLS 1.3 a
// server tells only then what it thinks of the client's certificate.
func shake(t *testing.T, server, client *tls.Config) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		b, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer b.Close()
		s := tls.Server(b, server)
		if s.Handshake() == nil {
			s.Write([]byte("hello"))
		}
	}()
	c := tls.Client(a, client)
	err = c.HandshakeContext(t.Context())
	if err == nil {
		_, err = io.ReadFull(c, make([]byte, 5))
	}
	a.Close()
	<-done
	return err
}

func TestFaults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	testserver.KeyPair(t, dir)
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert.Leaf)
	good := &tls.Config{RootCAs: pool, ServerName: "localhost"}
	server := &tls.Config{Certificates: []tls.Certificate{cert}}
	demanding := &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool()}
	stranger := good.Clone()
	stranger.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	elsewhere := good.Clone()
	elsewhere.ServerName = "elsewhere.example.com"
	old := &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS12}
	new := good.Clone()
	new.MinVersion = tls.VersionTLS13

	for name, c := range map[string]struct {
		server, client           *tls.Config
		certificate, alert, ours bool
	}{
		"good":                {server, good, false, false, false},
		"unknown authority":   {server, &tls.Config{ServerName: "localhost", RootCAs: x509.NewCertPool()}, true, false, false},
		"another name":        {server, elsewhere, true, false, false},
		"none of ours":        {demanding, good, false, true, true},
		"ours is not known":   {demanding, stranger, false, true, true},
		"the server is older": {old, new, false, true, false},
	} {
		err := shake(t, c.server, c.client)
		_, alert := Alert(err)
		if Certificate(err) != c.certificate || alert != c.alert || OurCertificate(err) != c.ours || (err == nil) != (name == "good") {
			t.Errorf("%s: %v: certificate %v, alert %v, ours %v", name, err, Certificate(err), alert, OurCertificate(err))
		}
	}
	for _, err := range []error{nil, io.EOF, context.Canceled, &net.OpError{Op: "dial", Err: errors.New("remote error: tls: bad certificate")}, &net.OpError{Op: "remote error"}} {
		if _, ok := Alert(err); ok || Certificate(err) || OurCertificate(err) {
			t.Errorf("%v", err)
		}
	}
}
