package hubinit

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// How long certificates are good, and how long before their end a new one is made.
const (
	authorityFor = 20 * 365 * 24 * time.Hour
	serverFor    = 825 * 24 * time.Hour
	renewBefore  = 90 * 24 * time.Hour
)

// CAFile is where the hub's own authority is, below the folder of Make: for fleet.ca_file.
const CAFile = "ca.pem"

// authorityName is what the hub's own authority is called.
const authorityName = "grab hub"

// A pair is a certificate and its key.
type pair struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// certificates makes the authority, and a certificate for each server that has none, or one that
// ends soon or is for another name.
func (f *folder) certificates(servers []Server) error {
	ca, err := f.pair(CAFile, filepath.Join("keys", "ca.key"))
	if err == nil && ca == nil {
		ca, err = f.authority()
	}
	if err != nil {
		return fmt.Errorf("the hub's authority: %w", err)
	}
	for _, s := range servers {
		if err := f.serverCertificate(s, ca); err != nil {
			return fmt.Errorf("certificate of %s: %w", s.Name, err)
		}
	}
	return nil
}

// pair reads a certificate and its key; there are none: nil.
func (f *folder) pair(cert, key string) (*pair, error) {
	c, err := f.read(cert)
	if err != nil {
		return nil, err
	}
	k, err := f.read(key)
	if err != nil || k == nil {
		return nil, err
	}
	if c == nil {
		return nil, nil // it was interrupted: both are made
	}
	cb, _ := pem.Decode(c)
	kb, _ := pem.Decode(k)
	if cb == nil || kb == nil {
		return nil, fmt.Errorf("%s or %s is damaged: bring both back from a copy", cert, key)
	}
	p := &pair{pem: c}
	if p.cert, err = x509.ParseCertificate(cb.Bytes); err != nil {
		return nil, fmt.Errorf("%s: %w", cert, err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(kb.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	var ok bool
	if p.key, ok = parsed.(*ecdsa.PrivateKey); !ok || !p.key.PublicKey.Equal(p.cert.PublicKey) {
		return nil, fmt.Errorf("%s is not the key of %s", key, cert)
	}
	return p, nil
}

func (f *folder) authority() (*pair, error) {
	c := &x509.Certificate{
		Subject: pkix.Name{CommonName: authorityName}, NotAfter: time.Now().Add(authorityFor),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	return f.issue(c, nil, CAFile, filepath.Join("keys", "ca.key"))
}

// foreign marks, in a server's folder, that its certificate is somebody else's to renew.
const foreign = "certificate-is-foreign"

func (f *folder) serverCertificate(s Server, ca *pair) error {
	dir := filepath.Join("servers", s.Name)
	if err := f.authorities(ca.pem, dir); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(f.dir, dir, foreign)); err == nil {
		return nil
	}
	p, err := f.pair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		return err
	}
	if p != nil && p.cert.CheckSignatureFrom(ca.cert) != nil {
		return errors.New("it is not by this hub's authority: if that is meant, make a file " + filepath.Join(dir, foreign) + ", and renew it yourself")
	}
	if p != nil && p.cert.VerifyHostname(s.Host) == nil && time.Until(p.cert.NotAfter) > renewBefore {
		return nil
	}
	c := &x509.Certificate{
		Subject: pkix.Name{CommonName: s.Host}, NotAfter: time.Now().Add(serverFor), BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, // servers are each other's clients
	}
	if ip := net.ParseIP(s.Host); ip != nil {
		c.IPAddresses = []net.IP{ip}
	} else {
		c.DNSNames = []string{s.Host}
	}
	_, err = f.issue(c, ca, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	return err
}

// authorities writes by whom a server knows the others: the hub's own authority, and what a person has put beside it.
func (f *folder) authorities(own []byte, dir string) error {
	was, err := os.ReadFile(filepath.Join(f.dir, dir, "ca.pem")) // no secret, whoever else may read it
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	all := slices.Clone(own)
	for {
		var b *pem.Block
		if b, was = pem.Decode(was); b == nil {
			return f.write(all, dir, "ca.pem")
		}
		text := pem.EncodeToMemory(b)
		if c, err := x509.ParseCertificate(b.Bytes); err == nil && c.Subject.CommonName != authorityName && !bytes.Contains(all, text) {
			all = append(all, text...)
		}
	}
}

// trusted are the authorities of servers' certificates: the hub's own, and those that stand in a server's folder.
func (m *maker) trusted() (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	own, err := m.read(CAFile)
	if err != nil {
		return nil, err
	}
	if !pool.AppendCertsFromPEM(own) {
		return nil, fmt.Errorf("%s contains no certificate", filepath.Join(m.dir, CAFile))
	}
	for _, s := range m.state.Servers {
		beside, err := os.ReadFile(filepath.Join(m.dir, "servers", s.Name, "ca.pem"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		pool.AppendCertsFromPEM(beside)
	}
	return pool, nil
}

// issue makes a certificate by an authority, or by itself. The key is there first.
func (f *folder) issue(c *x509.Certificate, by *pair, cert, key string) (*pair, error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if c.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, err
	}
	c.NotBefore = time.Now().Add(-24 * time.Hour) // collectors' clocks may be late
	parent, signer := c, k
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, k.Public(), signer)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, err
	}
	p := &pair{key: k, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
	if p.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	if err := f.write(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), key); err != nil {
		return nil, err
	}
	return p, f.write(p.pem, cert)
}
