package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"testing"
)

// TestCAFileBeingWritten: a configuration goes on with the authorities with which it was
// judged, whatever happens to the file, and half a file is none.
func TestCAFileBeingWritten(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	write("ca.pem", ca)
	write("secret", []byte("x9"))
	write("grab.yaml", fmt.Appendf(nil, `store: store
mail: {server: "127.0.0.1:993", user: a@example.com, password: {file: secret}, ca_file: ca.pem}
smtp: {server: "127.0.0.1:465", user: a@example.com, password: {file: secret}, from: a@example.com, ca_file: ca.pem}
sites: [{name: hq, time_zone: UTC, hosts: [{name: c, role: C, address: 127.0.0.1, host_key: "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", ssh: {password: {file: secret}}}]}]
`))
	cfg, err := Load(filepath.Join(dir, "grab.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, half := range [][]byte{nil, ca[:len(ca)/2], append(append([]byte{}, ca...), ca[:len(ca)/2]...)} {
		write("ca.pem", half)
		if _, err := Load(filepath.Join(dir, "grab.yaml")); err == nil {
			t.Errorf("%d bytes of a file of %d are taken", len(half), len(ca))
		}
		for what, roots := range map[string]func() (*x509.CertPool, error){"mail": cfg.Mails[0].Roots, "smtp": cfg.SMTP.Roots} {
			if pool, err := roots(); err != nil || pool == nil {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
}
