package config

import (
	"crypto/x509"
	"errors"

	"rtmtgrab/internal/config/secret"
)

// A Secret says where a password, passphrase or private key is to be found. It
// holds a pointer and prints as stars, whoever prints it. The zero Secret is
// none.
type Secret = secret.Secret

// NewSecret is a secret that this process made up itself and keeps in memory.
func NewSecret(value string) Secret { return secret.New(value) }

// SecretFile is the secret in a file.
func SecretFile(name string) Secret { return secret.File(name) }

// SecretEnv is the secret in a variable of the environment.
func SecretEnv(name string) Secret { return secret.Env(name) }

// caText is what a file of authorities held.
type caText = secret.CA

// Roots is the authorities of CAFile, or nil for the system's if there is none.
func (m *Mail) Roots() (*x509.CertPool, error) { return roots(m.CAFile, m.ca) }

// Roots is that of Mail, for the token endpoint.
func (o *OAuth) Roots() (*x509.CertPool, error) { return roots(o.CAFile, o.ca) }

func roots(file string, ca caText) (*x509.CertPool, error) { return secret.Roots(file, ca) }

// CheckSecretFile is what is wrong with a file that holds a secret and that a configuration
// does not name itself, or nil.
func CheckSecretFile(name string) error {
	if what := secret.CheckFile(name); what != "" {
		return errors.New(what)
	}
	return nil
}
