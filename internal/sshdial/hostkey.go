package sshdial

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"
)

// ParseFingerprint returns "SHA256:…" as OpenSSH prints it.
func ParseFingerprint(s string) (string, error) {
	b64, ok := strings.CutPrefix(strings.TrimSpace(s), "SHA256:")
	b64 = strings.TrimRight(b64, "=")
	sum, err := base64.RawStdEncoding.DecodeString(b64)
	if !ok || err != nil || len(sum) != 32 {
		return "", fmt.Errorf("%q is not a fingerprint: SHA256: and 43 characters, as ssh-keygen -l prints it", s)
	}
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum), nil
}

// A trust decides about host keys during one Dial.
type trust struct {
	algorithms []string              // to ask the server for
	pin        string                // fingerprint, or empty
	known      *knownhosts.HostKeyDB // nil: a pin, or there is no known_hosts file
	want, got  []string
}

// pinnedTypes remembers the type of a key by its fingerprint, once it was seen,
// so that a host with several keys costs one connection the next time. It holds
// facts about keys, true for ever, and one for each configured host.
var pinnedTypes sync.Map

var errNotPinned = errors.New("host key is not the pinned one")

func (c Config) trust() (*trust, error) {
	t := &trust{algorithms: hostKeyAlgorithms(c.Legacy)}
	switch {
	case (c.HostKey == "") == (c.KnownHosts == ""):
		return nil, errors.New("exactly one of a host key and a known_hosts file is needed")
	case c.HostKey != "":
		var err error
		t.pin, err = ParseFingerprint(c.HostKey)
		t.want = []string{t.pin}
		if first, ok := pinnedTypes.Load(t.pin); ok {
			t.algorithms = append(among(t.algorithms, first.([]string)), without(t.algorithms, first.([]string)...)...)
		}
		return t, err
	}
	if st, err := os.Stat(c.KnownHosts); errors.Is(err, fs.ErrNotExist) {
		return t, nil // no key is known yet: the error shows which it has
	} else if err != nil {
		return nil, &KnownHostsError{err}
	} else if !st.Mode().IsRegular() {
		return nil, &KnownHostsError{fmt.Errorf("%s is not a file", c.KnownHosts)}
	}
	var err error
	if t.known, err = ReadKnownHosts(c.KnownHosts); err != nil {
		return nil, err
	}
	pinned := t.known.HostKeyAlgorithms(c.Address)
	for _, k := range t.known.HostKeys(c.Address) {
		t.want = append(t.want, ssh.FingerprintSHA256(k.PublicKey))
	}
	if len(pinned) > 0 {
		// Only what is pinned is asked for: another type's key would look like a change.
		old := ssh.InsecureAlgorithms().HostKeys
		if c.Legacy {
			old = without(old, ssh.KeyAlgoRSA)
		}
		t.algorithms = without(pinned, old...)
		t.algorithms = slices.DeleteFunc(t.algorithms, func(a string) bool { return strings.HasPrefix(a, "sk-") })
		if len(t.algorithms) == 0 {
			return nil, fmt.Errorf("known_hosts has only keys of obsolete types for %s: %s", c.Address, strings.Join(pinned, ", "))
		}
	}
	return t, nil
}

// verify is called between the key exchange and the login.
func (t *trust) verify(host string, remote net.Addr, key ssh.PublicKey) error {
	print := ssh.FingerprintSHA256(key)
	if t.pin != "" && print == t.pin {
		pinnedTypes.Store(t.pin, algorithmsOf(key))
		return nil
	}
	if t.known != nil {
		err := t.known.HostKeyCallback()(host, remote, key)
		if err == nil {
			return nil
		}
		if _, revoked := errors.AsType[*xknownhosts.RevokedError](err); revoked {
			t.got = []string{print}
			return &Error{Kind: KindHostKeyChanged, Stage: StageExchange, Want: t.want, Got: t.got, Err: errors.New("the key is marked as revoked")}
		}
	}
	t.got = append(t.got, print)
	t.algorithms = without(t.algorithms, algorithmsOf(key)...)
	return errNotPinned
}

// next reports whether another handshake can still find the pinned key: a
// fingerprint does not say of what type the key is, and the server may have
// several. No login has begun then.
func (t *trust) next(err error) bool {
	return t.pin != "" && errors.Is(err, errNotPinned) && len(t.algorithms) > 0
}

// conclude makes the final error of a Dial.
func (t *trust) conclude(ctx context.Context, c Config, hop *Client, err error) error {
	ae, none := errors.AsType[*ssh.AlgorithmNegotiationError](err)
	none = none && ae.What == "host key"
	switch {
	case none && len(t.got) == 0 && len(t.want) > 0:
		// The server has no key of the pinned type any more: say which it has.
		keys, scanErr := c.scan(ctx, hop)
		if scanErr != nil {
			return err
		}
		for _, k := range keys {
			t.got = append(t.got, ssh.FingerprintSHA256(k))
		}
	case none && len(t.got) > 0, errors.Is(err, errNotPinned):
	default:
		return err
	}
	if len(t.got) == 0 {
		return err
	}
	if len(t.want) == 0 {
		return &Error{Kind: KindHostKeyUnknown, Stage: StageExchange, Got: t.got}
	}
	return &Error{Kind: KindHostKeyChanged, Stage: StageExchange, Want: t.want, Got: t.got}
}

// ScanHostKeys asks a server for its host keys, one of each type, in the order
// in which Dial prefers them: pin the first. It makes a connection for each and
// ends it before the login, so not even a user's name is sent. The Config's hops
// are logged in to, once; of the host itself Address and Legacy count. It ends
// with ctx and after Timeout. The error is an *Error.
func (c Config) ScanHostKeys(ctx context.Context) ([]ssh.PublicKey, error) {
	c.fill()
	limited, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	path := c.path()
	last := len(path) - 1
	hop, at, err := dialAll(limited, path[:last])
	if err != nil {
		return nil, at.final(ctx, err)
	}
	if hop != nil {
		defer hop.Close()
	}
	keys, err := path[last].scan(limited, hop)
	if err != nil {
		return nil, path[last].final(ctx, err)
	}
	return keys, nil
}

// scan is ScanHostKeys from the hop on.
func (c Config) scan(ctx context.Context, hop *Client) ([]ssh.PublicKey, error) {
	var keys []ssh.PublicKey
	left := hostKeyAlgorithms(c.Legacy)
	for len(left) > 0 {
		key, err := c.scanOne(ctx, hop, left)
		ae, none := errors.AsType[*ssh.AlgorithmNegotiationError](err)
		if none && ae.What == "host key" && len(keys) > 0 {
			break
		}
		if e, ok := errors.AsType[*Error](err); ok && e.Kind == KindBusy && rest(ctx) {
			continue
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
		left = without(left, algorithmsOf(key)...)
	}
	return keys, nil
}

// rest waits a little for a server that takes no more connections for now, which may be for the one
// of the key before; false: there is no more time.
func rest(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(300 * time.Millisecond):
		return true
	}
}

var errSeen = errors.New("host key seen")

func (c Config) scanOne(ctx context.Context, hop *Client, algorithms []string) (ssh.PublicKey, error) {
	cn, release, err := c.connect(ctx, hop)
	if err != nil {
		return nil, err
	}
	defer release()
	defer cn.Close()
	var key ssh.PublicKey
	conf := clientConfig(algorithms, c.Legacy)
	conf.HostKeyCallback = func(_ string, _ net.Addr, k ssh.PublicKey) error {
		key = k
		return errSeen
	}
	_, _, _, err = ssh.NewClientConn(cn, c.Address, conf)
	if key != nil {
		return key, nil
	}
	return nil, handshakeError(ctx, err, cn, &login{})
}

// algorithmsOf are the host key algorithms of a key's type.
func algorithmsOf(k ssh.PublicKey) []string {
	if k.Type() == ssh.KeyAlgoRSA {
		return rsaSignatures(true)
	}
	return []string{k.Type()}
}

func without(list []string, drop ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(drop, s) })
}

// among is the elements of list that are in allowed.
func among(allowed, list []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return !slices.Contains(allowed, s) })
}
