package httpproxy

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// proxyThat is a proxy that says an answer to each request, and then nothing until it is left.
func proxyThat(t *testing.T, answer string, asked chan<- *http.Request) Func {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() { // ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // ends when the test closes its side
				defer c.Close()
				req, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil {
					return
				}
				asked <- req
				io.WriteString(c, answer)
				if strings.HasPrefix(answer, "HTTP/1.1 200") || answer == "" {
					io.Copy(io.Discard, c)
				}
			}()
		}
	}()
	return http.ProxyURL(&url.URL{Scheme: "http", Host: l.Addr().String(), User: url.UserPassword("zq8-user", "zq8-word")})
}

// TestDial: a proxy is asked for the server by its name, with the login of its URL, and what it
// says is told without that login.
func TestDial(t *testing.T) {
	for what, c := range map[string]struct{ answer, want string }{
		"good":         {"HTTP/1.1 200 OK\r\n\r\n", ""},
		"login":        {"HTTP/1.1 407 Who?\r\nContent-Length: 0\r\n\r\n", "wants a login"},
		"refused":      {"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "does not pass on to hub.example.com:443: it answers 403"},
		"no proxy":     {"SSH-2.0-OpenSSH_9.2\r\n", "does not answer CONNECT"},
		"endless":      {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2*maxAnswer), "does not answer CONNECT"},
		"speaks first": {"HTTP/1.1 200 OK\r\n\r\nhello", "more than its answer"},
	} {
		asked := make(chan *http.Request, 1)
		conn, err := Dial(t.Context(), proxyThat(t, c.answer, asked), nil, "hub.example.com:443")
		if conn != nil {
			conn.Close()
		}
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "zq8")) {
			t.Errorf("%s: %v", what, err)
		}
		req := <-asked
		login := &http.Request{Header: http.Header{"Authorization": req.Header["Proxy-Authorization"]}}
		if user, pw, ok := login.BasicAuth(); req.Method != "CONNECT" || req.Host != "hub.example.com:443" || !ok || user != "zq8-user" || pw != "zq8-word" {
			t.Errorf("%s: asked for %s %s, %v", what, req.Method, req.Host, req.Header)
		}
	}
}

// TestDialGivesUp: a proxy that says nothing costs no more than the context.
func TestDialGivesUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan *http.Request, 1)
	proxy := proxyThat(t, "", asked)
	over := make(chan error, 1)
	go func() {
		_, err := Dial(ctx, proxy, nil, "hub.example.com:443")
		over <- err
	}()
	<-asked
	cancel()
	if err := <-over; err == nil {
		t.Error("connected to nothing")
	}
	if _, err := Dial(ctx, nil, nil, "127.0.0.1:9"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := Dial(t.Context(), http.ProxyURL(&url.URL{Scheme: "socks5", Host: "127.0.0.1:9"}), nil, "hub.example.com:443"); err == nil || !strings.Contains(err.Error(), "no HTTP proxy") {
		t.Error(err)
	}
}
