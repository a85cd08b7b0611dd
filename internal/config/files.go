package config

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Roots is the authorities of CAFile, or nil for the system's if there is none.
func (m *Mail) Roots() (*x509.CertPool, error) { return roots(m.CAFile, m.ca) }

// Roots is that of Mail, for the token endpoint.
func (o *OAuth) Roots() (*x509.CertPool, error) { return roots(o.CAFile, o.ca) }

// roots are the authorities in ca, the contents of a file when the configuration was
// read: somebody may be writing it at this moment. If ca is of another file, the file is read.
func roots(file string, ca caText) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	if ca.file != file {
		var err error
		if ca, err = readCA(file); err != nil {
			return nil, err
		}
	}
	rest := []byte(ca.pem)
	pool, n := x509.NewCertPool(), 0
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s contains a damaged certificate", file)
		}
		pool.AddCert(cert)
		n++
	}
	if bytes.Contains(rest, []byte("-----BEGIN")) { // half of one: it is being written
		return nil, fmt.Errorf("%s contains a damaged certificate", file)
	}
	if n == 0 {
		return nil, fmt.Errorf("%s contains no certificate in PEM form", file)
	}
	return pool, nil
}

// caText is what a file of authorities held.
type caText struct{ file, pem string }

func readCA(file string) (caText, error) {
	f, err := openRegular(file)
	if err != nil {
		return caText{}, errors.New(plain(err))
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return caText{}, errors.New(plain(err))
	}
	return caText{file, string(b)}, nil
}

// secretFile says what is wrong with a file that holds a secret, or "".
func secretFile(name string) string {
	fi, err := os.Stat(name)
	if err != nil {
		return plain(err)
	}
	switch {
	case !fi.Mode().IsRegular():
		return name + " is not a file"
	case fi.Size() == 0:
		return name + " is empty"
	case fi.Size() > maxSecret+2:
		return name + " is larger than 64 KiB"
	case runtime.GOOS != "windows" && fi.Mode().Perm()&^allowed(name) != 0:
		return fmt.Sprintf("%s can be read by others (mode %04o): chmod 600 %s", name, fi.Mode().Perm(), name)
	}
	if what := exposed(name); what != "" {
		return what
	}
	if err := opens(name); err != nil {
		return plain(err)
	}
	return ""
}

// CheckSecretFile is what is wrong with a file that holds a secret and that a configuration
// does not name itself, or nil.
func CheckSecretFile(name string) error {
	if what := secretFile(name); what != "" {
		return errors.New(what)
	}
	return nil
}

// opens says why this process cannot read a file.
func opens(name string) error {
	f, err := openRegular(name)
	if err != nil {
		return err
	}
	return f.Close()
}

// allowed is the permissions that a secret's file may have. The files that
// systemd lays out for LoadCredential= may show group-readable, for their access
// list does (the folder above them is closed).
func allowed(name string) fs.FileMode {
	for _, dir := range []string{os.Getenv("CREDENTIALS_DIRECTORY"), "/run/credentials"} {
		if dir != "" && strings.HasPrefix(name, filepath.Clean(dir)+string(filepath.Separator)) {
			return 0o740
		}
	}
	return 0o700
}

// plain is an error of the file system in the words "NAME: reason".
func plain(err error) string {
	var p *fs.PathError
	switch {
	case !errors.As(err, &p):
		return err.Error()
	case errors.Is(err, fs.ErrNotExist):
		return p.Path + " does not exist"
	case errors.Is(err, fs.ErrPermission):
		return p.Path + " cannot be read by this user"
	}
	return fmt.Sprintf("%s: %v", p.Path, p.Err)
}
