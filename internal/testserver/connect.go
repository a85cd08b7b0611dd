package testserver

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A Connect is an HTTP proxy that passes CONNECT on, to whatever is asked for.
type Connect struct {
	URL    string // http://127.0.0.1:port
	passed atomic.Int64
}

// Passed is how many connections it has passed on.
func (c *Connect) Passed() int { return int(c.passed.Load()) }

// StartConnect starts a proxy that asks for a login unless user is empty; it ends with the test.
func StartConnect(tb testing.TB, user, password string) *Connect {
	tb.Helper()
	c := &Connect{}
	var wg sync.WaitGroup
	end := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		login := &http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}
		if u, p, _ := login.BasicAuth(); user != "" && (u != user || p != password) {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		to, err := net.DialTimeout("tcp", r.Host, patience)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		from, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			to.Close()
			return
		}
		from.SetDeadline(time.Time{})
		io.WriteString(from, "HTTP/1.1 200 Connection established\r\n\r\n")
		c.passed.Add(1)
		wg.Go(func() {
			<-end
			to.Close()
			from.Close()
		})
		for _, pair := range [][2]net.Conn{{to, from}, {from, to}} {
			wg.Go(func() {
				io.Copy(pair[0], pair[1])
				to.Close()
				from.Close()
			})
		}
	}))
	c.URL = s.URL
	tb.Cleanup(func() {
		s.Close()
		close(end)
		wg.Wait()
	})
	return c
}
