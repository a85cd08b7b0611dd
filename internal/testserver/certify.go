package testserver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// certify makes a certificate that is its own authority, for 127.0.0.1 and
// localhost, and writes cert.pem and key.pem; it returns the certificate as PEM.
func certify(tb testing.TB, dir string) []byte {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(tb, err)
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "server of a test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	must(tb, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	must(tb, err)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	must(tb, os.WriteFile(filepath.Join(dir, "cert.pem"), ca, 0o644))
	must(tb, os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	return ca
}

// KeyPair writes a certificate and its key, cert.pem and key.pem, into a folder.
func KeyPair(tb testing.TB, dir string) {
	tb.Helper()
	certify(tb, dir)
}

// CertificatePEM is a certificate that can stand where one is wanted and nobody connects.
func CertificatePEM(tb testing.TB) []byte {
	tb.Helper()
	return certify(tb, tb.TempDir())
}
