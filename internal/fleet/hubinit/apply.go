package hubinit

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"rtmtgrab/internal/fleet/hub"
)

// shortLived is how long the credentials are good by which a hub is set up: they are made for
// that and never written down.
const shortLived = 10 * time.Minute

// ensureFor bounds one attempt at making streams and buckets.
const ensureFor = 15 * time.Second

// Apply brings the accounts of a folder of Make to its servers, which have to run, and makes the
// tenants' streams and buckets there. It may be repeated. say is told what was done.
func Apply(ctx context.Context, dir string, say func(string)) error {
	m := &maker{folder: &folder{dir: dir}}
	var err error
	if m.state, err = ReadState(dir); err != nil {
		return err
	}
	if err := m.loadKeys(); err != nil {
		return err
	}
	if err := m.push(ctx); err != nil {
		return err
	}
	say(fmt.Sprintf("tenants whose accounts are on the servers: %d", len(m.state.Tenants)))
	for _, t := range m.state.Tenants {
		h, err := m.open(public(m.keys.tenants[t.Name].account), m.keys.tenants[t.Name].account)
		if err != nil {
			return err
		}
		err = h.Wait(ctx)
		if err == nil {
			err = ensure(ctx, h, m.state.Replicas())
		}
		h.Close()
		if err != nil {
			return fmt.Errorf("tenant %s: %w", t.Name, err)
		}
		say(fmt.Sprintf("tenant %s: its streams and buckets are there, copies of each: %d", t.Name, m.state.Replicas()))
	}
	return nil
}

// ensure waits for a cluster that has only just found itself.
func ensure(ctx context.Context, h *hub.Hub, replicas int) error {
	for {
		once, cancel := context.WithTimeout(ctx, ensureFor) // nobody answers where there is no leader
		err := hub.Ensure(once, h.Stream, replicas)
		cancel()
		if err == nil || !hub.Passing(err) {
			return err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return err
		}
	}
}

// open connects as somebody whom a key's account believes for a moment, and who may do
// everything there.
func (m *maker) open(account string, signer nkeys.KeyPair) (*hub.Hub, error) {
	pool, err := m.trusted()
	if err != nil {
		return nil, err
	}
	k, err := nkeys.CreateUser()
	if err != nil {
		return nil, err
	}
	c := jwt.NewUserClaims(public(k))
	c.Name, c.Expires = "grab hub init", time.Now().Add(shortLived).Unix()
	if account != public(signer) {
		c.IssuerAccount = account
	}
	text, err := sealed(c, signer, k)
	if err != nil {
		return nil, err
	}
	o := hub.Options{Name: c.Name, TLS: &tls.Config{RootCAs: pool}, Creds: func() (string, error) { return string(text), nil }}
	for _, s := range m.state.Servers {
		o.Servers = append(o.Servers, s.URL())
	}
	return hub.Open(o)
}

// push has the servers take over the accounts, newer ones too.
func (m *maker) push(ctx context.Context) error {
	h, err := m.open(public(m.keys.system), m.keys.system)
	if err != nil {
		return err
	}
	defer h.Close()
	if err := h.Wait(ctx); err != nil {
		return err
	}
	tokens, err := m.tokens()
	if err != nil {
		return err
	}
	for _, key := range m.accountKeys() {
		reply, err := h.Conn.RequestWithContext(ctx, "$SYS.REQ.CLAIMS.UPDATE", []byte(tokens[key]))
		if err != nil {
			return fmt.Errorf("bring account %s to the servers: %w", key, err)
		}
		var answer struct {
			Error *struct {
				Description string `json:"description"`
			} `json:"error"`
		}
		if err := json.Unmarshal(reply.Data, &answer); err != nil || answer.Error != nil {
			what := errors.New("its answer is not understood")
			if answer.Error != nil {
				what = errors.New(answer.Error.Description)
			}
			return fmt.Errorf("bring account %s to the servers: %w", key, what)
		}
	}
	return nil
}
