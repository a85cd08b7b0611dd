package sshdial_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/internal/testsite"
)

// What a person does about a host is seen without asking the host.
func TestFixed(t *testing.T) {
	dir := t.TempDir()
	known, secret := filepath.Join(dir, "known_hosts"), "wrong"
	write := func(at time.Time) {
		if err := errors.Join(os.WriteFile(known, nil, 0o600), os.Chtimes(known, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	c := sshdial.Config{Name: "h", Address: "127.0.0.1:9", User: "root", KnownHosts: known, Ledger: &sshdial.Ledger{Dir: filepath.Join(dir, "logins")},
		Auth: sshdial.Auth{Kind: sshdial.AuthPassword, Password: func() (string, error) { return secret, nil }}}
	write(time.Now().Add(-time.Hour))
	is := sshdial.Fixed(t.Context(), c, &sshdial.Error{Kind: sshdial.KindHostKeyChanged})
	if is() {
		t.Error("the key is trusted, and nobody has said so")
	}
	write(time.Now())
	if !is() {
		t.Error("known_hosts was written, and it does not see it")
	}
	for _, kind := range []sshdial.Kind{sshdial.KindTimeout, sshdial.KindLoginRefused} { // the latter: nothing is in the ledger
		if sshdial.Fixed(t.Context(), c, &sshdial.Error{Kind: kind}) != nil {
			t.Error(kind)
		}
	}
	peer := testsite.New(t, lab.ExpresswayConfig{Role: "C", Password: "right"}).Peers[0]
	c.Address, c.KnownHosts, c.HostKey = peer.Addr(), "", ssh.FingerprintSHA256(peer.HostKey())
	_, err := sshdial.Dial(t.Context(), c)
	if is = sshdial.Fixed(t.Context(), c, err); is == nil || is() {
		t.Fatalf("%v: the refusal stands", err)
	}
	secret = "right"
	if !is() || peer.Stats().Connections != 1 {
		t.Errorf("another secret is not seen, or the host was asked: %+v", peer.Stats())
	}
}
