package cucmlab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"time"
)

// A Cert says which certificate a node shows.
type Cert string

// The kinds. The zero value is one that the cluster's authority signed.
const (
	SelfSigned Cert = "self_signed"
	Expired    Cert = "expired"
	OtherName  Cert = "other_name" // for a host that is not this one
)

// An authority signs the nodes' certificates.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pem  []byte
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CUCM laboratory CA"}, NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &authority{key: key, cert: ca, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}, nil
}

// issue makes a certificate for a node.
func (a *authority) issue(fqdn string, kind Cert, serial int64) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: fqdn, Organization: []string{"laboratory"}}, NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		DNSNames: []string{fqdn, shortName(fqdn), "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	parent, signer := a.cert, a.key
	switch kind {
	case SelfSigned:
		parent, signer = leaf, key
	case Expired:
		leaf.NotBefore, leaf.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-time.Hour)
	case OtherName:
		leaf.DNSNames, leaf.IPAddresses = []string{"another.example.com"}, nil
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// tlsFor is what a node shows to one connection.
func (n *Node) tlsFor(*tls.ClientHelloInfo) (*tls.Config, error) {
	f := n.cluster.fault()
	cert, err := n.certificate(f.Cert)
	if err != nil {
		return nil, err
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*cert}, NextProtos: []string{"http/1.1"}}
	if f.TLS12 {
		cfg.MaxVersion = tls.VersionTLS12
	}
	return cfg, nil
}

// certificate is the present one, made when it is first shown.
func (n *Node) certificate(kind Cert) (*tls.Certificate, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.leaf == nil || n.kind != kind {
		leaf, err := n.cluster.ca.issue(n.FQDN, kind, int64(1000*(n.index+1)+n.epoch))
		if err != nil {
			return nil, err
		}
		n.leaf, n.kind = leaf, kind
		n.epoch++
	}
	return n.leaf, nil
}

// Renew gives the node another certificate of the present kind, and hangs up on nobody.
func (n *Node) Renew() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.leaf = nil
}

// Fingerprint is the SHA-256 of its present certificate, in hex.
func (n *Node) Fingerprint() string {
	cert, err := n.certificate(n.cluster.fault().Cert)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(cert.Certificate[0])
	return hex.EncodeToString(sum[:])
}

// CertificatePEM is its present certificate.
func (n *Node) CertificatePEM() []byte {
	cert, err := n.certificate(n.cluster.fault().Cert)
	if err != nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})
}
