package https

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// newTunnel is an HTTP proxy that wants a login, and returns its address.
func newTunnel(t *testing.T, user, password string) string {
	t.Helper()
	var wg sync.WaitGroup
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Authorization", r.Header.Get("Proxy-Authorization"))
		if u, p, ok := r.BasicAuth(); !ok || u != user || p != password {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		far, err := net.Dial("tcp", r.Host)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		near, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			far.Close()
			return
		}
		io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
		wg.Go(func() { io.Copy(far, near); far.Close() })
		wg.Go(func() { io.Copy(near, far); near.Close() })
	}))
	t.Cleanup(func() { s.Close(); wg.Wait() })
	return strings.TrimPrefix(s.URL, "http://")
}
