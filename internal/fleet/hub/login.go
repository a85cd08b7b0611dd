package hub

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// A credential is what a credentials file says: a JWT and the seed of its user, or the seed of
// an nkey alone.
type credential struct {
	jwt string // "": an nkey alone
	key nkeys.KeyPair
}

// readCredential reads text that read returns. No error quotes it.
func readCredential(read func() (string, error)) (credential, error) {
	text, err := read()
	if err != nil {
		return credential{}, fmt.Errorf("credentials: %w", err)
	}
	return parseCredential(text)
}

func parseCredential(text string) (c credential, err error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "SU") && !strings.ContainsAny(text, " \t\r\n") {
		c.key, err = nkeys.FromSeed([]byte(text))
	} else {
		if c.jwt, err = nkeys.ParseDecoratedJWT([]byte(text)); err != nil || strings.Count(c.jwt, ".") != 2 {
			return credential{}, errors.New("credentials: this is neither a credentials file (as grab hub init makes it) nor the seed of an nkey (SU...)")
		}
		c.key, err = nkeys.ParseDecoratedUserNKey([]byte(text))
	}
	if err == nil {
		var seed []byte
		if seed, err = c.key.Seed(); err == nil && !bytes.HasPrefix(seed, []byte("SU")) {
			err = errors.New("it is not a user's")
		}
	}
	if err != nil {
		return credential{}, errors.New("credentials: the seed in it is damaged, or is not a user's: have grab hub init make it anew")
	}
	return c, nil
}

// A login proves who the collector is at each connection, by what read returns then: a new
// credentials file needs no reload.
type login struct {
	read func() (string, error)

	mu     sync.Mutex
	now    credential // of this attempt
	public string     // of an nkey alone; it cannot change while the hub is open
}

// option is how nats.go is told.
func (l *login) option() nats.Option {
	if c, err := readCredential(l.read); err == nil && c.jwt == "" {
		if l.public, err = c.key.PublicKey(); err == nil {
			return nats.Nkey(l.public, l.sign)
		}
	}
	return nats.UserJWT(l.token, l.sign)
}

func (l *login) token() (string, error) {
	c, err := readCredential(l.read)
	if err == nil && c.jwt == "" {
		err = errors.New("credentials: there is the seed of an nkey where a credentials file was: grab reload")
	}
	if err != nil {
		return "", err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = c
	return c.jwt, nil
}

func (l *login) sign(nonce []byte) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.public != "" {
		c, err := readCredential(l.read)
		if err != nil {
			return nil, err
		}
		if public, err := c.key.PublicKey(); err != nil || public != l.public {
			return nil, errors.New("credentials: there is another key in them than when the hub was opened: grab reload")
		}
		l.now = c
	}
	if l.now.key == nil {
		return nil, errors.New("credentials: there are none")
	}
	return l.now.key.Sign(nonce)
}
