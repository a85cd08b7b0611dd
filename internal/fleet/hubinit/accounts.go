package hubinit

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"rtmtgrab/internal/fleet"
)

// What one tenant may take of a hub, so that it leaves something to the others.
const (
	mostConsumers = 50_000
	mostStreams   = 32
)

// users makes the credentials files that are missing, of users that never had one, and anew of
// those that are wished so.
func (m *maker) users(w Wish) error {
	for i := range m.state.Tenants {
		t := &m.state.Tenants[i]
		for j := range t.Users {
			u := &t.Users[j]
			anew := t.Name == w.Tenant && slices.Contains(w.Renew, u.Name)
			if err := m.user(t, u, anew); err != nil {
				return fmt.Errorf("credentials of %s: %w", u.Name, err)
			}
		}
	}
	return nil
}

// CredsFile is where the credentials of a tenant's user are, below the folder of Make.
func CredsFile(tenant, user string) string {
	return filepath.Join("creds", fleet.Token(tenant), "user-"+fleet.Token(user)+".creds") // con.creds is no file on Windows
}

func (m *maker) user(t *Tenant, u *User, anew bool) error {
	file := CredsFile(t.Name, u.Name)
	if u.Key == "" { // it may be that it was made, and not written down
		b, err := m.read(file)
		if err != nil {
			return err
		}
		if k, err := nkeys.ParseDecoratedUserNKey(b); err == nil && b != nil {
			u.Key = public(k)
		}
	}
	if u.Key != "" && !anew {
		return nil // its file may have been taken to the collector
	}
	k, err := nkeys.CreateUser()
	if err != nil {
		return err
	}
	text, err := m.credentials(t.Name, u.Name, k)
	if err != nil {
		return err
	}
	if err := m.write(text, file); err != nil {
		return err
	}
	if u.Key != "" {
		u.Revoked = append(u.Revoked, Revoked{Key: u.Key, Unix: time.Now().Unix()})
	}
	u.Key = public(k)
	return nil
}

// credentials is the text of a user's credentials file.
func (m *maker) credentials(tenant, user string, k nkeys.KeyPair) ([]byte, error) {
	signer := m.keys.tenants[tenant].collector
	if user == Viewer {
		signer = m.keys.tenants[tenant].viewer
	}
	c := jwt.NewUserClaims(public(k))
	c.Name, c.IssuerAccount = fleet.Token(user), public(m.keys.tenants[tenant].account)
	c.Tags.Add(Tag)
	c.SetScoped(true)
	return sealed(c, signer, k)
}

// sealed is a credentials file of claims.
func sealed(c *jwt.UserClaims, signer, k nkeys.KeyPair) ([]byte, error) {
	token, err := c.Encode(signer)
	if err != nil {
		return nil, err
	}
	seed, err := k.Seed()
	if err != nil {
		return nil, err
	}
	return jwt.FormatUserConfig(token, seed)
}

// accounts signs the operator, the system account and those of tenants. What says the same as
// before stays as it was.
func (m *maker) accounts() error {
	op := jwt.NewOperatorClaims(public(m.keys.operator))
	op.Name, op.SystemAccount = "grab", public(m.keys.system)
	if err := m.sign(op, "operator"); err != nil {
		return err
	}
	sys := jwt.NewAccountClaims(public(m.keys.system))
	sys.Name = "SYS"
	if err := m.sign(sys, sys.Subject); err != nil {
		return err
	}
	for _, t := range m.state.Tenants {
		if err := m.sign(m.account(t), public(m.keys.tenants[t.Name].account)); err != nil {
			return fmt.Errorf("account of %s: %w", t.Name, err)
		}
	}
	return nil
}

func (m *maker) account(t Tenant) *jwt.AccountClaims {
	k := m.keys.tenants[t.Name]
	a := jwt.NewAccountClaims(public(k.account))
	a.Name = t.Name
	// Memory that an account may have is reserved for it by a server that is alone, which has little: a second tenant would
	// have none. Streams are what takes it, and no user of a tenant may make any.
	a.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: jwt.NoLimit, DiskStorage: jwt.NoLimit, Streams: mostStreams, Consumer: mostConsumers}
	a.SigningKeys.AddScopedSigner(Collector().scope(public(k.collector), collectorKey))
	a.SigningKeys.AddScopedSigner(Viewing().scope(public(k.viewer), viewerKey))
	for _, u := range t.Users {
		for _, r := range u.Revoked {
			a.RevokeAt(r.Key, time.Unix(r.Unix, 0))
		}
	}
	return a
}

// sign writes claims as a JWT, if they say another thing than those that are there.
func (m *maker) sign(c jwt.Claims, name string) error {
	was, err := m.read("jwt", name+".jwt")
	if err != nil {
		return err
	}
	if was != nil && sameClaims(string(was), c) {
		return nil
	}
	var v jwt.ValidationResults
	c.Validate(&v)
	if errs := v.Errors(); len(errs) > 0 {
		return errors.Join(errs...)
	}
	token, err := c.Encode(m.keys.operator)
	if err != nil {
		return err
	}
	return m.write([]byte(token), "jwt", name+".jwt")
}

// sameClaims reports whether a JWT says what c would, but for when.
func sameClaims(token string, c jwt.Claims) bool {
	k, err := nkeys.CreateOperator()
	if err != nil {
		return false
	}
	fresh, err := c.Encode(k)
	if err != nil {
		return false
	}
	var texts [2]string
	for i, t := range []string{token, fresh} {
		d, err := jwt.Decode(t)
		if err != nil {
			return false
		}
		d.Claims().ID, d.Claims().IssuedAt, d.Claims().Issuer = "", 0, ""
		texts[i] = d.String()
	}
	return texts[0] == texts[1]
}
