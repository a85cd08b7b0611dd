package cucm_test

import (
	"crypto/x509"
	"errors"
	"testing"

	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/lab/cucmlab"
	"rtmtgrab/internal/ledger"
)

// TestOneAccountForBoth: where resets have the same account as all else, what a person has tried
// logs in once, and not once for each: CUCM locks an account after three.
func TestOneAccountForBoth(t *testing.T) {
	lab, err := cucmlab.New(t.Context(), cucmlab.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer lab.Close()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(lab.CAPEM())
	wrong := func() (string, error) { return "quartz-lantern", nil }
	user, book := lab.Account(cucmlab.RoleRealtime).User, &ledger.Ledger{Dir: t.TempDir()}
	for tries := 1; tries <= 2; tries++ { // each time somebody runs grab check
		c := cucm.New(cucm.Config{Cluster: "Main", Publisher: lab.Nodes()[0].Addr(), User: user, Password: wrong, ResetUser: user, ResetPassword: wrong,
			Roots: roots, Proxy: func() (string, error) { return "none", nil }, Ledger: book, Override: true})
		_, first := c.Phones(t.Context(), cucm.Query{Once: true})
		second := c.TryReset(t.Context())
		kinds := map[cucm.Kind]int{}
		for _, err := range []error{first, second} {
			e, ok := errors.AsType[*cucm.Error](err)
			if !ok {
				t.Fatal(err)
			}
			kinds[e.Kind]++
		}
		if kinds[cucm.KindRefused] != 1 || kinds[cucm.KindBlocked] != 1 || lab.Failed(user) != tries {
			t.Errorf("%v, %d logins were refused after %d tries", kinds, lab.Failed(user), tries)
		}
	}
}
