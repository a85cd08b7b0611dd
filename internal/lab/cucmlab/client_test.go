package cucmlab

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/mra"
)

// start is a cluster that is closed in the end.
func start(t *testing.T, cfg Config) *Cluster {
	t.Helper()
	c, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// site is one with a C and an E, whose phones lived until now.
func site(t *testing.T, cfg mra.SiteConfig, past time.Duration, events ...mra.Event) *mra.Site {
	t.Helper()
	for role, list := range map[string]*[]*lab.Expressway{"C": &cfg.C, "E": &cfg.E} {
		e, err := lab.NewExpressway(t.Context(), lab.ExpresswayConfig{Name: "exp" + strings.ToLower(role) + "01", Role: role, IP: map[string]string{"C": "10.0.30.2", "E": "10.0.40.5"}[role], Dir: t.TempDir(), Logs: lab.LogConfig{RotateSize: -1}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { e.Close() })
		*list = append(*list, e)
	}
	s, err := mra.NewSite(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range events {
		if err := s.Schedule(ev); err != nil {
			t.Fatal(err)
		}
	}
	s.Backfill(time.Now().Add(-past))
	t.Cleanup(s.Close)
	return s
}

// A caller speaks to a cluster by hand.
type caller struct {
	t       *testing.T
	account Account
	http    *http.Client
	header  http.Header // beside the usual
}

func (c *Cluster) caller(t *testing.T) *caller {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(c.CAPEM())
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	t.Cleanup(tr.CloseIdleConnections)
	return &caller{t: t, account: c.Account(RoleRealtime), http: &http.Client{Transport: tr}, header: http.Header{}}
}

// A reply is what came back.
type reply struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
}

const (
	risPath  = "/realtimeservice2/services/RISService70"
	perfPath = "/perfmonservice2/services/PerfmonService"
	logPath  = "/logcollectionservice2/services/LogCollectionPortTypeService"
	dimePath = "/logcollectionservice/services/DimeGetFileService"
)

// try posts an envelope with that body.
func (c *caller) try(ctx context.Context, n *Node, path, body string) (reply, error) {
	text := `<S:Envelope xmlns:S="` + nsSOAP + `" xmlns:a="` + nsAST + `" xmlns:d="` + nsDIME + `"><S:Header/><S:Body>` + body + `</S:Body></S:Envelope>`
	req, err := http.NewRequestWithContext(ctx, "POST", "https://"+n.Addr()+path, strings.NewReader(text))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Content-Type", "text/xml;charset=UTF-8")
	req.Header.Set("SOAPAction", "x")
	for k, v := range c.header {
		req.Header[k] = v
	}
	req.SetBasicAuth(c.account.User, c.account.Password)
	resp, err := c.http.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(b), err}, nil
}

func (c *caller) post(n *Node, path, body string) reply {
	c.t.Helper()
	r, err := c.try(c.t.Context(), n, path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// want is a reply of that status, in which a pattern is found.
func (c *caller) want(r reply, status int, patterns ...string) {
	c.t.Helper()
	if r.status != status {
		c.t.Errorf("status %d, want %d: %.600s", r.status, status, r.body)
	}
	for _, p := range patterns {
		if !regexp.MustCompile(p).MatchString(r.body) {
			c.t.Errorf("%q is not in %.3000s", p, r.body)
		}
	}
}

func ris(status string, items ...string) string {
	var list string
	for _, i := range items {
		list += "<a:item><a:Item>" + i + "</a:Item></a:item>"
	}
	return `<a:selectCmDevice><a:StateInfo/><a:CmSelectionCriteria><a:MaxReturnedDevices>1000</a:MaxReturnedDevices><a:DeviceClass>Phone</a:DeviceClass><a:Model>255</a:Model>` +
		`<a:Status>` + status + `</a:Status><a:NodeName/><a:SelectBy>Name</a:SelectBy><a:SelectItems>` + list + `</a:SelectItems><a:Protocol>Any</a:Protocol><a:DownloadStatus>Any</a:DownloadStatus></a:CmSelectionCriteria></a:selectCmDevice>`
}

func askLogs(service, system string, since, until time.Time) string {
	return fmt.Sprintf(`<a:selectLogFiles><a:FileSelectionCriteria><a:ServiceLogs><a:item>%s</a:item></a:ServiceLogs><a:SystemLogs><a:item>%s</a:item></a:SystemLogs><a:SearchStr/><a:Frequency>OnDemand</a:Frequency><a:JobType>DownloadtoClient</a:JobType>`+
		`<a:ToDate>%s</a:ToDate><a:FromDate>%s</a:FromDate><a:TimeZone>Client: (GMT+0:0)Etc/UTC</a:TimeZone><a:RelText>None</a:RelText><a:RelTime>0</a:RelTime><a:Port/><a:IPAddress/><a:UserName/><a:Password/><a:ZipInfo/><a:RemoteFolder/></a:FileSelectionCriteria></a:selectLogFiles>`,
		service, system, until.UTC().Format("01/02/06 03:04 PM"), since.UTC().Format("01/02/06 03:04 PM"))
}

func dimeGet(name string) string {
	return `<d:GetOneFile><FileName>` + name + `</FileName></d:GetOneFile>`
}

func counters(host string) string {
	return `<a:perfmonCollectCounterData><a:Host>` + host + `</a:Host><a:Object>Cisco CallManager</a:Object></a:perfmonCollectCounterData>`
}
