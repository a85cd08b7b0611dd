package soap

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"rtmtgrab/internal/ledger"
)

const secret = "Xy7-quartz-lantern"

// node is a CUCM node that answers as handle says. Its client trusts it.
func node(t *testing.T, handle http.HandlerFunc) (*Client, Target) {
	t.Helper()
	s := httptest.NewTLSServer(handle)
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c := &Client{Cluster: "Cluster", Roots: roots, Proxy: func() (string, error) { return "none", nil },
		Login: &ledger.Login{Ledger: &ledger.Ledger{Dir: t.TempDir()}, Peer: "Cluster", User: "grab", Secret: func() (string, error) { return secret, nil }}}
	return c, Target{Node: "cucm01", Address: s.Listener.Addr().String()}
}

func envelope(prefix, content string) string {
	return `<?xml version="1.0" encoding="utf-8"?><` + prefix + `Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:E="http://schemas.xmlsoap.org/soap/envelope/" xmlns="http://schemas.xmlsoap.org/soap/envelope/"><` + prefix + `Header/><` + prefix + `Body>` + content + `</` + prefix + `Body></` + prefix + `Envelope>`
}

func fault(code, text string) string {
	return envelope("E:", `<E:Fault><faultcode xmlns:ns1="http://xml.apache.org/axis/">ns1:`+code+`</faultcode><faultstring>`+text+`</faultstring><detail><ns2:hostname xmlns:ns2="x">cucm01</ns2:hostname></detail></E:Fault>`)
}

const rateText = "AxisFault: Exceeded allowed rate for Reatime information. Current allowed rate for realtime information is 15 requests per minute.selectCmDevice"

// call asks for the text of the answer's first element.
func call(ctx context.Context, c *Client, t Target) (string, error) {
	var got string
	err := c.Call(ctx, t, Request{Service: "RIS", Path: "/p", Action: "a", Body: "<a:x/>"}, func(d *xml.Decoder, s xml.StartElement) error {
		var v struct {
			Name string `xml:"name"`
		}
		err := d.DecodeElement(&v, &s)
		got = v.Name
		return err
	})
	return got, err
}

// TestCallManners: each way in which a node may answer.
func TestCallManners(t *testing.T) {
	html := "<html><head><title>Apache Tomcat/9</title><style>x{}</style></head><body><h1>HTTP Status 401</h1>" + secret + "</body></html>"
	for name, c := range map[string]struct {
		status      int
		media, body string
		want        string
		kind        Kind
		text        string
	}{
		"plain":           {200, "text/xml;charset=utf-8", envelope("soapenv:", `<ns1:r xmlns:ns1="u"><ns1:Name>one</ns1:Name></ns1:r>`), "one", "", ""},
		"no prefix":       {200, "text/xml", envelope("", `<r><name>two</name></r>`), "two", "", ""},
		"no type":         {200, "", envelope("E:", `<r><NAME>three</NAME></r>`), "three", "", ""},
		"multipart":       {200, `multipart/related; type="text/xml"; start="<A1>"; boundary="----=_Part_1_2.3"`, "\r\n------=_Part_1_2.3\r\nContent-Type: text/xml; charset=UTF-8\r\n\r\n" + envelope("E:", `<r><name>four</name></r>`) + "\r\n------=_Part_1_2.3--\r\n", "four", "", ""},
		"unquoted":        {200, `multipart/related; type=text/xml; start=<A1>; boundary=----=_Part_1_2.3`, "------=_Part_1_2.3\r\n\r\n" + envelope("E:", `<r><name>five</name></r>`) + "\r\n------=_Part_1_2.3--", "five", "", ""},
		"latin1":          {200, "text/xml", strings.Replace(envelope("E:", "<r><name>M\xfcller</name></r>"), "utf-8", "iso-8859-1", 1), "Müller", "", ""},
		"bad utf-8":       {200, "text/xml", envelope("E:", "<r><name>M\xfcller</name></r>"), "M\ufffdller", "", ""},
		"rate 500":        {500, "text/xml", fault("Server.RateControl", rateText), "", KindRate, "Exceeded allowed rate"},
		"rate 200":        {200, "text/xml", fault("Server.RateControl", rateText), "", KindRate, "Exceeded allowed rate"},
		"rate 503":        {503, "text/xml", fault("Server", rateText), "", KindRate, "Exceeded allowed rate"},
		"busy":            {503, "text/html", "<html><body>Service Unavailable</body></html>", "", KindBusy, "Service Unavailable"},
		"refused":         {401, "text/html", html, "", KindRefused, "HTTP Status 401"},
		"role":            {403, "text/html", "<p>Access denied</p>", "", KindRole, "Access denied"},
		"role as a fault": {403, "text/xml", fault("Server", "Access to the requested resource has been denied"), "", KindRole, "denied"},
		"service":         {404, "text/html", "<p>gone</p>", "", KindService, "gone"},
		"fault":           {500, "text/xml", fault("Server.userException", "something\nelse"), "", KindFault, "something else"},
		"axl fault":       {500, "text/xml", envelope("E:", `<E:Fault><faultcode>E:Server</faultcode><faultstring>x</faultstring><detail><axlError><axlcode>5007</axlcode><axlmessage>Item not valid: SEP1 was not found</axlmessage><request>doDeviceReset</request></axlError></detail></E:Fault>`), "", KindFault, "Item not valid: SEP1 was not found (AXL 5007)"},
		"redirect":        {302, "", "", "", KindAnswer, "elsewhere"},
		"page":            {200, "text/html", "<html>log in</html>", "", KindAnswer, "log in"},
		"cut":             {200, "text/xml", envelope("E:", `<r><name>x</name></r>`)[:255], "", KindAnswer, ""},
		"empty":           {200, "text/xml", envelope("E:", ""), "", KindAnswer, ""},
		"nothing":         {200, "text/xml", "", "", KindAnswer, ""},
		"dime":            {200, "application/dime", "x", "", KindAnswer, "DIME"},
		"500 page":        {500, "text/html", "<html>java.lang</html>", "", KindAnswer, "java.lang"},
	} {
		t.Run(name, func(t *testing.T) {
			client, target := node(t, func(w http.ResponseWriter, r *http.Request) {
				if user, password, ok := r.BasicAuth(); !ok || user != "grab" || password != secret || r.Header.Get("SOAPAction") != `"a"` || r.Method != "POST" {
					t.Errorf("asked with %v", r.Header)
				}
				w.Header()["Content-Type"] = []string{c.media}
				w.Header().Set("Location", "https://elsewhere.example.com/")
				w.Header().Add("Set-Cookie", "JSESSIONID=1")
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			})
			got, err := call(t.Context(), client, target)
			if c.kind == "" {
				if err != nil || got != c.want {
					t.Fatalf("%q, %v; want %q", got, err, c.want)
				}
				return
			}
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Kind != c.kind || !strings.Contains(e.Text, c.text) || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "<h1>") {
				t.Errorf("%v (%+v); want %s with %q", err, e, c.kind, c.text)
			}
		})
	}
}

// TestRefusedOnce: after one 401 nothing is sent, whatever is asked, also by others who
// use the same folder.
func TestRefusedOnce(t *testing.T) {
	var asked atomic.Int64
	c, target := node(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusUnauthorized)
	})
	other := *c
	other.Login = &ledger.Login{Ledger: c.Login.Ledger, Peer: "Cluster", User: "grab", Secret: c.Login.Secret}
	done := make(chan error)
	for i := range 8 {
		client := []*Client{c, &other}[i%2]
		go func() {
			_, err := call(t.Context(), client, target)
			done <- err
		}()
	}
	kinds := map[Kind]int{}
	for range 8 {
		if e, ok := errors.AsType[*Error](<-done); ok {
			kinds[e.Kind]++
		}
	}
	if asked.Load() != 1 || kinds[KindRefused] != 1 || kinds[KindBlocked] != 7 {
		t.Errorf("asked %d times, %v", asked.Load(), kinds)
	}
}

// TestCertificates: by pin, by authority, and what else a node may show.
func TestCertificates(t *testing.T) {
	ok := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		io.WriteString(w, envelope("E:", "<r><name>x</name></r>"))
	}
	c, target := node(t, ok)
	right := pinned(t)
	for name, change := range map[string]func(*Client){
		"roots":      func(*Client) {},
		"no roots":   func(c *Client) { c.Roots = x509.NewCertPool() },
		"other pin":  func(c *Client) { c.Pins = []Pin{sha256.Sum256(nil)} },
		"right pin":  func(c *Client) { c.Roots, c.Pins = nil, []Pin{right} },
		"of several": func(c *Client) { c.Roots, c.Pins = nil, []Pin{{}, right} },
	} {
		client := *c
		change(&client)
		_, err := call(t.Context(), &client, target)
		bad := name == "no roots" || name == "other pin"
		e, _ := errors.AsType[*Error](err)
		if bad != (err != nil) || bad && e.Kind != KindCertificate {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// pinned is the pin of the certificate that all of httptest's servers show.
func pinned(t *testing.T) Pin {
	s := httptest.NewTLSServer(nil)
	t.Cleanup(s.Close)
	return sha256.Sum256(s.Certificate().Raw)
}
