package config

import (
	"strings"
	"testing"
)

func TestHTTP(t *testing.T) {
	for _, tt := range []struct {
		text, listen, want string
		loopback           bool
	}{
		{"", "", "", false},
		{"http: {listen: 127.0.0.1}\n", "127.0.0.1:9618", "", true},
		{"http: {listen: \"localhost:80\"}\n", "localhost:80", "", true},
		{"http: {listen: \"[::1]:9618\"}\n", "[::1]:9618", "", true},
		{"http: {listen: 0.0.0.0}\n", "0.0.0.0:9618", "", false},
		{"http: {listen: \"a b\"}\n", "", "is not an address", false},
		{"http: {listen: \"127.0.0.1:99999\"}\n", "", "port", false},
		{"http: {address: 127.0.0.1}\n", "", "unknown key", false},
	} {
		cfg, err := Load(put(t, folder(t), "grab.yaml", tt.text+minimal))
		if tt.want != "" {
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v", tt.text, err)
			}
			continue
		}
		if err != nil || cfg.HTTP.Listen != tt.listen || cfg.HTTP.Loopback() != tt.loopback {
			t.Errorf("%s: %v %+v", tt.text, err, cfg)
		}
	}
}
