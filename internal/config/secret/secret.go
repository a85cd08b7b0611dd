// Package secret is where a password, a passphrase or a private key is to be found: what
// a configuration says in place of the secret itself; and what a file of secrets, or of
// certificate authorities, has to be like.
//
// It guarantees that nothing that prints a Secret prints the secret, that a file is read
// within bounds and never one that blocks, and that authorities are those that were there
// when the configuration was judged. It does not know what secrets are for.
package secret

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"rtmtgrab/internal/plaintext"
	"rtmtgrab/internal/redact"
)

// Max is the most bytes of a secret.
const Max = 64 << 10

// Stars are what is printed of a secret.
const Stars = "***"

// A Secret says where a password, passphrase or private key is to be found. It
// holds a pointer and prints as stars, whoever prints it. The zero Secret is
// none.
type Secret struct{ s *source }

type source struct {
	file, env string
	value     *string // for New and Text
	plain     bool    // it may be shown
}

// New is a secret that this process made up itself and keeps in memory.
func New(value string) Secret { return Secret{&source{value: &value}} }

// Text is text that stands where a secret may stand, and is none: package redact is not
// told, or it would star each "none".
func Text(value string) Secret { return Secret{&source{value: &value, plain: true}} }

// File is the secret in a file.
func File(name string) Secret { return Secret{&source{file: name}} }

// Env is the secret in a variable of the environment.
func Env(name string) Secret { return Secret{&source{env: name}} }

// IsZero reports whether no secret is named.
func (s Secret) IsZero() bool { return s.s == nil }

// Source tells a person where the secret is: "file NAME", "environment variable
// NAME", "memory", or "" of the zero Secret.
func (s Secret) Source() string {
	switch {
	case s.s == nil:
		return ""
	case s.s.file != "":
		return "file " + s.s.file
	case s.s.env != "":
		return "environment variable " + s.s.env
	}
	return "memory"
}

// FileName is the file that the secret is in, "" if it is in none.
func (s Secret) FileName() string {
	if s.s == nil {
		return ""
	}
	return s.s.file
}

// EnvName is the variable of the environment that the secret is in, "" if it is in none.
func (s Secret) EnvName() string {
	if s.s == nil {
		return ""
	}
	return s.s.env
}

// Read fetches the secret anew, less one newline at its end. It is at most
// 64 KiB and never empty. From then on package redact knows it.
func (s Secret) Read() (string, error) {
	v, err := s.read()
	if err == nil && !s.s.plain {
		redact.Add(v)
	}
	return v, err
}

func (s Secret) read() (string, error) {
	var v string
	var err error
	switch {
	case s.s == nil:
		return "", errors.New("no secret is configured")
	case s.s.file != "":
		v, err = readSecret(s.s.file)
	case s.s.env != "":
		v, err = s.fromEnv()
	default:
		return *s.s.value, nil
	}
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	v = strings.TrimSuffix(strings.TrimSuffix(v, "\n"), "\r")
	switch {
	case len(v) > Max:
		return "", fmt.Errorf("read secret: %s is larger than 64 KiB", s.Source())
	case v == "":
		return "", fmt.Errorf("read secret: %s is empty", s.Source())
	}
	return v, nil
}

func (s Secret) fromEnv() (string, error) {
	v, ok := os.LookupEnv(s.s.env)
	if !ok {
		return "", fmt.Errorf("%s is not set", s.Source())
	}
	return v, nil
}

func readSecret(name string) (string, error) {
	f, err := OpenRegular(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, Max+3)) // room for the newline that is cut off
	return string(plaintext.Of(b)), err
}

// String is stars, or nothing of the zero Secret.
func (s Secret) String() string {
	if s.s == nil {
		return ""
	}
	return Stars
}

// GoString is String.
func (s Secret) GoString() string { return s.String() }

// Format writes String, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// MarshalText is String.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON is String, quoted.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

// LogValue is String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// A Proxy is the HTTP proxy by which a server is reached: text, or a Secret if there is a
// password in its URL. The zero Proxy is what the environment says (HTTPS_PROXY, NO_PROXY).
type Proxy struct{ Secret }
