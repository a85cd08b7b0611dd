package loopback

import "testing"

func TestLoopback(t *testing.T) {
	for s, want := range map[string]bool{
		"localhost:143": true, "127.9.9.9:1": true, "[::1]:143": true, "[::ffff:127.0.0.1]:1": true, "[::1%eth0]:1": true,
		"10.0.0.1:1": false, "localhost.example.com:1": false, "127.0.0.1.example.com:1": false, "": false, ":80": false, "localhost": false, "127.0.0.1": false, "0.0.0.0:80": false, "[::]:80": false, "LOCALHOST:1": false, "127.1:1": false,
	} {
		if HostPort(s) != want {
			t.Errorf("HostPort(%q) is not %v", s, want)
		}
	}
	for s, want := range map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true, "::ffff:127.9.9.9": true, "[::1]": false, "": false, "localhost.": false, "192.0.2.1": false, "localhost:1": false} {
		if Host(s) != want {
			t.Errorf("Host(%q) is not %v", s, want)
		}
	}
}
