package secret

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

	"rtmtgrab/internal/access"
	"rtmtgrab/internal/plaintext"
)

// maxCA bounds a file of authorities.
const maxCA = 1 << 20

// OpenRegular opens a file that is no pipe, device or folder: opening those may
// block for ever.
func OpenRegular(name string) (*os.File, error) {
	fi, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", name)
	}
	return os.Open(name)
}

// Roots are the authorities in a file, as ca has them from when the configuration was
// read: somebody may be writing it at this moment. If ca is of another file, the file is
// read. nil: no file is named.
func Roots(file string, ca CA) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	if ca.file != file {
		var err error
		if ca, err = ReadCA(file); err != nil {
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

// CA is what a file of authorities held.
type CA struct{ file, pem string }

// ReadCA reads a file of authorities.
func ReadCA(file string) (CA, error) {
	f, err := OpenRegular(file)
	if err != nil {
		return CA{}, errors.New(Plain(err))
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxCA))
	if err != nil {
		return CA{}, errors.New(Plain(err))
	}
	return CA{file, string(plaintext.Of(b))}, nil
}

// CheckFile says what is wrong with a file that holds a secret, or "".
func CheckFile(name string) string {
	fi, err := os.Stat(name)
	if err != nil {
		return Plain(err)
	}
	switch {
	case !fi.Mode().IsRegular():
		return name + " is not a file"
	case fi.Size() == 0:
		return name + " is empty"
	case fi.Size() > Max+2:
		return name + " is larger than 64 KiB"
	case runtime.GOOS != "windows" && fi.Mode().Perm()&^allowed(name) != 0:
		return fmt.Sprintf("%s can be read by others (mode %04o): chmod 600 %s", name, fi.Mode().Perm(), name)
	}
	if what := exposed(name); what != "" {
		return what
	}
	if err := Opens(name); err != nil {
		return Plain(err)
	}
	return ""
}

// Opens says why this process cannot read a file.
func Opens(name string) error {
	f, err := OpenRegular(name)
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

// Plain is an error of the file system in the words "NAME: reason".
func Plain(err error) string {
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

// exposed says that the access list of a secret's file lets others at it, or "". It is
// for Windows: elsewhere modes say so.
func exposed(name string) string {
	who, err := access.Exposed(name)
	if err != nil {
		return err.Error()
	}
	if who == nil {
		return ""
	}
	return openTo(name, who)
}

// openTo is the fault of a file that the groups of who can read or change, with what to
// do: the list that comes from above is made the file's own, then the groups go.
func openTo(name string, who []string) string {
	return fmt.Sprintf(`%s can be read or changed by %s: run icacls "%s" /inheritance:d and icacls "%s" /remove:g *S-1-1-0 *S-1-5-11 *S-1-5-32-545, or move it into %%ProgramData%%\grab`,
		name, strings.Join(who, ", "), name, name)
}
