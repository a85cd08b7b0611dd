package fleetconf

import (
	"fmt"
	"strings"
	"testing"

	"rtmtgrab/internal/config/secret"
)

// TestServers: what is no way to a hub is said, with the key; also that servers are of one kind.
func TestServers(t *testing.T) {
	for text, want := range map[string]string{
		"tls://a:4222 tls://b:4222":              "",
		"wss://a:443 wss://b":                    "",
		"nats://127.0.0.1:4222 tls://a":          "",
		"ws://localhost:80":                      "",
		"tls://a:4222 wss://a:443":               "f.servers: name either",
		"WSS://a:443 tls://a:4222":               "f.servers: name either",
		"":                                       "f.servers: required",
		"nats://a:4222":                          "f.servers[0]: nats:// is not encrypted",
		"tls://a tls://somebody:something@b":     "f.servers[1]: a URL with a login",
		"hub.example.com":                        "f.servers[0]: write the server as a URL",
		"https://hub.example.com tls://b tls://": "f.servers[2]: write the server",
	} {
		var said []string
		f := &Fleet{Servers: strings.Fields(text), Tenant: "acme", Name: "dmz-a", Creds: secret.New("zq8-creds")}
		f.Check("f", Judge{
			Bad:    func(path, format string, args ...any) { said = append(said, path+": "+fmt.Sprintf(format, args...)) },
			Text:   func(string, string) bool { return true },
			CA:     func(string, string) secret.CA { return secret.CA{} },
			Secret: func(string, secret.Secret) {},
			Pair:   func(string, string, string) {},
		})
		if got := strings.Join(said, "\n"); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
