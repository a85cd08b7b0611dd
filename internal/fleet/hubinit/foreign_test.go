package hubinit

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestForeignCertificate: a server whose certificate is by a person's own authority is reached by who makes accounts, and
// what he has put beside the hub's authority in its folder stays there.
func TestForeignCertificate(t *testing.T) {
	t.Parallel()
	a := startHub(t, map[string][]string{"acme": {"dmz-a"}})
	other, dir := &folder{dir: t.TempDir()}, filepath.Join(a.dir, ServerDir(a.state.Servers[0].Name))
	ca, err := other.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "corp"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil, "ca.pem", "ca.key")
	if err == nil {
		_, err = other.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "hub"}, NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true}, ca, "cert.pem", "key.pem")
	}
	own, errOwn := os.ReadFile(filepath.Join(a.dir, CAFile))
	both := string(own) + string(ca.pem)
	if err := errors.Join(err, errOwn, os.CopyFS(filepath.Join(dir, "new"), os.DirFS(other.dir))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cert.pem", "key.pem"} {
		if err := os.Rename(filepath.Join(dir, "new", name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.WriteFile(filepath.Join(dir, foreign), nil, 0o600), os.WriteFile(filepath.Join(dir, "ca.pem"), []byte(both), 0o644)); err != nil {
		t.Fatal(err)
	}
	a.server.Stop()
	a.server.Start()
	for range 2 {
		if _, err := Make(a.dir, Wish{Tenant: "acme", Collectors: []string{"dmz-b"}}); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(filepath.Join(dir, "ca.pem")); err != nil || strings.TrimSpace(string(b)) != strings.TrimSpace(both) {
			t.Fatalf("the authorities of the server's folder are not what they were: %v", err)
		}
		if err := Apply(t.Context(), a.dir, func(string) {}); err != nil {
			t.Fatal(err)
		}
	}
}
