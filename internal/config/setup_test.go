package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
	_ "time/tzdata"
)

const print1 = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"

// folder makes a folder with every file that configurations of these tests name.
func folder(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	put(t, dir, "imap.secret", "hunter2\n")
	put(t, dir, "expe.secret", "hunter3\n")
	put(t, dir, "id_ecdsa", "PEM\n")
	put(t, dir, "id_ecdsa.pub", "ecdsa-sha2-nistp384 AAAA\n")
	put(t, dir, "known_hosts", "")
	put(t, dir, "empty.secret", "")
	put(t, dir, "open.secret", "hunter4\n")
	if err := os.Chmod(filepath.Join(dir, "open.secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "ca.pem", certificate(t))
	put(t, dir, "notes.pem", "no certificate\n")
	return dir
}

func put(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func certificate(t testing.TB) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// minimal is the least that loads: what a test adds stands before it.
const minimal = `ssh: {key: {file: id_ecdsa}}
sites: [{name: hq, clusters: [A], hosts: [{name: c1, address: 10.0.0.1}]}]
`

func load(t testing.TB, text string) (*Config, error) {
	t.Helper()
	return Load(put(t, folder(t), "grab.yaml", text))
}

func mustLoad(t testing.TB, text string) *Config {
	t.Helper()
	cfg, err := load(t, text)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}
