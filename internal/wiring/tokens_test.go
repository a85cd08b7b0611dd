package wiring

import (
	"os"
	"path/filepath"
	"testing"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/oauth"
)

// A source stays as long as all that its tokens depend on, and no longer than it is
// asked for.
func TestTokenShelf(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	secret := put("secret", "one")
	cfg := &config.Config{Store: dir}
	o := config.OAuth{Provider: config.ProviderCustom, TokenURL: "https://login.example.com/token", ClientID: "c", ClientSecret: config.SecretFile(secret), Scopes: []string{"a"}}
	var shelf TokenSources
	get := func(o config.OAuth, user string) *oauth.Source {
		t.Helper()
		s, err := shelf.Source(cfg, &o, user)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := get(o, "u")
	if get(o, "u") != first {
		t.Error("two folders of one mailbox have two sources")
	}
	for range 3 {
		shelf.Turn()
		if get(o, "u") != first {
			t.Error("it was lost by a reload")
		}
	}
	scoped, client, env := o, o, o
	scoped.Scopes = []string{"a", "b"}
	client.ClientID = "d"
	t.Setenv("GRAB_TEST_SECRET", "one")
	env.ClientSecret = config.SecretEnv("GRAB_TEST_SECRET")
	for i, other := range []config.OAuth{scoped, client, env} {
		if get(other, "u") == first {
			t.Errorf("%d: other settings, the same source", i)
		}
	}
	if get(o, "v") == first {
		t.Error("another user, the same source")
	}
	put("secret", "two")
	shelf.Turn()
	second := get(o, "u")
	if second == first {
		t.Error("another secret, the same source")
	}
	shelf.Turn()
	shelf.Turn() // nobody asked meanwhile
	if get(o, "u") == second {
		t.Error("what nobody uses was kept")
	}
	if err := os.Remove(secret); err != nil {
		t.Fatal(err)
	}
	shelf.Turn()
	if lost := get(o, "u"); lost == second {
		t.Error("the secret is gone, the source is the same")
	}
	if s, err := shelf.Source(cfg, nil, "u"); s != nil || err != nil {
		t.Errorf("a password: %v, %v", s, err)
	}
}
