package openhttp

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
)

func served(t *testing.T, h http.Handler) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(Serve("test", l.Addr().String(), l, nil, h, slog.New(slog.DiscardHandler)).Close)
	return l.Addr().String()
}

// TestIdleConnections: those who hold connections open, silent or in the middle of a
// request, keep nobody out.
func TestIdleConnections(t *testing.T) {
	addr := served(t, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "ok") }))
	for i := range 3 * maxConns {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if i%2 == 0 {
			io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: x\r\nX: ")
		}
	}
	for range 5 {
		client := http.Client{Transport: &http.Transport{}}
		resp, err := client.Get("http://" + addr + "/")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
}

func TestByName(t *testing.T) {
	names := Names{"monitor:9618", []string{"Grab.example.com"}, "http.hosts"}
	addr := served(t, ByName(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "ok") }), func() Names { return names }))
	for host, want := range map[string]int{
		"127.0.0.1": 200, "10.1.2.3:9618": 200, "[::1]:9618": 200, "[::1]": 200, "localhost": 200, "LOCALHOST:1": 200, "localhost.": 200,
		"monitor": 200, "monitor:80": 200, "grab.example.com:9618": 200, "GRAB.example.com.": 200,
		"attacker.example": 421, "localhost.attacker.example": 421, "127.0.0.1.attacker.example": 421, "grab.example.com.attacker.example:9618": 421, "localhost:x:y": 421, "x": 421,
	} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "GET /metrics HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host)
		b, err := io.ReadAll(c)
		c.Close()
		if err != nil || len(b) < 12 || string(b[9:12]) != fmt.Sprint(want) {
			t.Errorf("Host %s: %.60q, %v; want %d", host, b, err, want)
		}
	}
}
