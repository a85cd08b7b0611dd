// Package diagconf is what the key diagnostics: of the configuration says, of the file and of a
// host: whether an Expressway's own diagnostic log is taken, and with which account. It does
// not know how it is taken.
package diagconf

import (
	"crypto/x509"

	"rtmtgrab/internal/config/secret"
	"rtmtgrab/internal/pin"
)

// What stands for what is not given, and the bounds.
const (
	defaultPort = 443
	defaultMax  = 512 << 20
	leastMax    = 1 << 20
)

// Diagnostics is whether a host's own diagnostic log is taken over its REST API, which sets
// log levels there.
type Diagnostics struct {
	Enabled  bool          `yaml:"enabled"`
	User     string        `yaml:"user"` // an administrator's account with API access
	Password secret.Secret `yaml:"password"`
	Port     int           `yaml:"port"`         // of the web interface
	CAFile   string        `yaml:"ca_file,path"` // PEM; empty: the system's authorities. See Roots
	ca       secret.CA     // what CAFile held when it was judged
	Pins     []string      `yaml:"pin,some"` // in place of CAFile: "SHA256:…" of its certificate
	Max      int64         `yaml:"max,size"` // bytes of one log
}

// Default is what an empty section means.
func Default() Diagnostics { return Diagnostics{Port: defaultPort, Max: defaultMax} }

// Roots is the authorities of CAFile, or nil for the system's if there is none.
func (d *Diagnostics) Roots() (*x509.CertPool, error) { return secret.Roots(d.CAFile, d.ca) }

// A Judge is what a configuration is checked with.
type Judge struct {
	Has    func(path string) bool // the file gives it
	Given  func(path string) bool // and it may be judged
	Bad    func(path, format string, args ...any)
	Text   func(path, value string) bool // a text that must be there
	CA     func(path, file string) secret.CA
	Secret func(path string, s secret.Secret)
	Needed func(path string, s secret.Secret) // that must be there
	Pins   func(path string, pins []string)
}

// Check checks a section. base is the file's own for that of a host, whose keys the host has
// unless it gives its own: its ca_file ends the file's pin, and the reverse.
func (d *Diagnostics) Check(at string, base *Diagnostics, j Judge) {
	ownCA, ownPins := j.Has(at+".ca_file"), j.Has(at+".pin")
	d.ca = j.CA(at+".ca_file", d.CAFile)
	switch {
	case ownCA && ownPins:
		j.Bad(at+".pin", "set pin or ca_file, not both: a pinned certificate is trusted whoever signed it")
	case base == nil:
	case ownCA:
		d.Pins = nil
	case ownPins:
		d.CAFile = ""
	default:
		d.ca = base.ca
	}
	if ownPins {
		j.Pins(at, d.Pins)
	}
	if (d.Port < 1 || d.Port > 65535) && j.Given(at+".port") {
		j.Bad(at+".port", "must be from 1 to 65535")
	}
	if d.Max < leastMax && j.Given(at+".max") {
		j.Bad(at+".max", "must be at least 1MiB")
	}
	if d.Enabled && d.Password.IsZero() {
		j.Needed(at+".password", d.Password)
	} else {
		j.Secret(at+".password", d.Password)
	}
	if d.Enabled {
		j.Text(at+".user", d.User)
	}
}

// Pinned are the certificates that are trusted whoever signed them.
func (d *Diagnostics) Pinned() []pin.Pin { return pin.List(d.Pins) }
