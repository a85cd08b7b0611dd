package webhook

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/testsite"
)

// send posts ours over the network.
func send(t *testing.T, client *http.Client, url, host string) int {
	t.Helper()
	r, err := http.NewRequest("POST", url+"/alerts", strings.NewReader(ours))
	if err != nil {
		t.Fatal(err)
	}
	stamp := strconv.FormatInt(testNow.Unix(), 10)
	r.Header.Set(TimestampHeader, stamp)
	r.Header.Set(SignatureHeader, Sign(testSecret, stamp, []byte(ours)))
	r.Host = host
	resp, err := client.Do(r)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// Who holds connections open, in the header or in the body, keeps no sender out; many who
// send the same make one alert; a page whose name leads here is not answered.
func TestDoor(t *testing.T) {
	d := newDesk(t)
	in := *d.Config().Alerts.Webhook
	in.Listen, in.Hosts = testsite.FreeAddr(t), []string{"grab.example.com"}
	door := &Door{Handler: d, Log: d.Log}
	if err := door.Serve(&in); err != nil {
		t.Fatal(err)
	}
	defer door.Close()
	for i := range 200 {
		c, err := net.Dial("tcp", in.Listen)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		switch i % 3 {
		case 0:
			io.WriteString(c, "POST /alerts HTTP/1.1\r\nHost: localhost\r\nX: ")
		case 1:
			io.WriteString(c, "POST /alerts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n{")
		}
	}
	url := "http://" + in.Listen
	var wg sync.WaitGroup
	var mu sync.Mutex
	codes := map[int]int{}
	for range 20 {
		wg.Go(func() {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			code := 0
			for deadline := time.Now().Add(time.Minute); code == 0 && time.Now().Before(deadline); {
				code = send(t, client, url, "grab.example.com")
			}
			mu.Lock()
			defer mu.Unlock()
			codes[code]++
		})
	}
	wg.Wait()
	if codes[202] != 20 || len(d.taken) != 1 {
		t.Errorf("%v, %d taken", codes, len(d.taken))
	}
	if code := send(t, http.DefaultClient, url, "attacker.example"); code != 421 {
		t.Errorf("by a name that is not ours: %d", code)
	}
	http.DefaultClient.CloseIdleConnections()
}

// A reload changes address and certificate; what cannot be had leaves what there is.
func TestServeAnew(t *testing.T) {
	d := newDesk(t)
	in := *d.Config().Alerts.Webhook
	in.Listen = testsite.FreeAddr(t)
	door := &Door{Handler: d, Log: d.Log}
	if err := door.Serve(&in); err != nil {
		t.Fatal(err)
	}
	defer door.Close()
	bad := in
	bad.TLS = &config.ServerTLS{CertFile: "none", KeyFile: "none"}
	if err := door.ServeAnew(&bad); err == nil {
		t.Error("a certificate that is not there was taken")
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if code := send(t, client, "http://"+in.Listen, ""); code != 202 {
		t.Errorf("the old one is gone: %d", code)
	}

	borrowed := httptest.NewTLSServer(http.NotFoundHandler())
	defer borrowed.Close()
	safe := in
	safe.TLS = pair(t, borrowed.TLS.Certificates[0])
	if err := door.ServeAnew(&safe); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(borrowed.Certificate())
	client.Transport = &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots}}
	for _, host := range []string{"", "example.com"} { // the second is a name of the certificate
		if code := send(t, client, "https://"+in.Listen, host); code != 202 {
			t.Errorf("by TLS, as %q: %d", host, code)
		}
	}
	if err := door.ServeAnew(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", in.Listen); err == nil {
		t.Error("it is served still")
	}
}

// pair writes a certificate and its key.
func pair(t *testing.T, cert tls.Certificate) *config.ServerTLS {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := &config.ServerTLS{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	for name, block := range map[string][]byte{files.CertFile: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}), files.KeyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})} {
		if err := os.WriteFile(name, block, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}
