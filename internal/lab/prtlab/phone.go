package prtlab

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"rtmtgrab/internal/loopback"
)

// A Phone posts reports.
type Phone struct {
	Device, Serial, User string
	From                 string      // its address, one of 127.0.0.0/8; zero: any
	TLS                  *tls.Config // for https; nil: the system's
}

// An Answer is what the receiver said.
type Answer struct {
	Status int
	Text   string // its first 4 KiB
}

// Post sends a report, with what is wrong about it. An error is a connection that broke, or
// was refused; what the receiver answered before is told with it.
func (p *Phone) Post(ctx context.Context, url string, r Report, w Wrong) (Answer, error) {
	body, length := p.form(r, w)
	if w.Cut > 0 {
		body = io.MultiReader(io.LimitReader(body, w.Cut), broken{})
	}
	if w.Pause > 0 {
		body = &slow{r: body, ctx: ctx, pause: w.Pause}
	}
	if w.Gate != nil {
		body = io.MultiReader(io.LimitReader(body, 1), &gated{body, ctx, w.Gate})
	}
	method := http.MethodPost
	if w.Method != "" {
		method = w.Method
	}
	req, err := http.NewRequestWithContext(ctx, method, url, io.NopCloser(body))
	if err != nil {
		return Answer{}, err
	}
	if !loopback.Host(req.URL.Hostname()) {
		return Answer{}, fmt.Errorf("post a report: %s is not this machine", req.URL.Host)
	}
	req.Header.Set("Content-Type", contentType(w))
	req.Header.Set("User-Agent", "Cisco-CP8865/14.1.1")
	if req.ContentLength = length + w.TooLong; w.Chunked {
		req.ContentLength = -1
	}
	if w.Expect {
		req.Header.Set("Expect", "100-continue")
	}
	return p.do(req)
}

func (p *Phone) do(req *http.Request) (Answer, error) {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	if p.From != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(p.From)}
	}
	tr := &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: p.TLS, DisableKeepAlives: true, ExpectContinueTimeout: 5 * time.Second}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	return Answer{Status: resp.StatusCode, Text: string(b)}, err
}

const boundary = "----------------------------8f3a=c1.2d"

// form is the body, and how long it is.
func (p *Phone) form(r Report, w Wrong) (io.Reader, int64) {
	file, size := contents(w, r)
	if w.NoForm {
		return file, size
	}
	name := r.Name
	if w.FileName != "" {
		name = w.FileName
	}
	var fields strings.Builder
	for _, f := range p.fields(w) {
		fmt.Fprintf(&fields, "--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n", boundary, f[0], f[1])
	}
	head := fmt.Sprintf("--%s\r\nContent-Disposition: form-data; name=\"prt_file\"; filename=\"%s\"\r\nContent-Type: application/octet-stream\r\n\r\n", boundary, name)
	end := "\r\n--" + boundary + "--\r\n"
	if w.NoEnd {
		end = ""
	}
	list := []any{fields.String(), head, file}
	total := int64(fields.Len()+len(head)+len(end)) + size
	switch {
	case w.NoFile:
		list = []any{fields.String() + "--" + boundary + "--\r\n"}
		total, end = int64(len(list[0].(string))), ""
	case w.FileFirst:
		list = []any{head, file, "\r\n" + fields.String()}
		end = strings.TrimPrefix(end, "\r\n")
	case w.TwoFiles:
		again, _ := contents(w, r)
		list = append(list, "\r\n"+head, again)
		total += size + int64(len(head)) + 2
	}
	var readers []io.Reader
	for _, one := range append(list, end) {
		switch one := one.(type) {
		case string:
			readers = append(readers, strings.NewReader(one))
		case io.Reader:
			readers = append(readers, one)
		}
	}
	return io.MultiReader(readers...), total
}

// fields are the form's, in their order.
func (p *Phone) fields(w Wrong) [][2]string {
	device := p.Device
	if w.Device != "" {
		device = w.Device
	}
	out := [][2]string{{"devicename", device}, {"serialno", p.Serial}, {"username", p.User}}
	if w.NoDevice {
		out = out[1:]
	}
	if w.Quotes {
		for i := range out {
			out[i][1] = `"` + out[i][1] + `"`
		}
	}
	for i := range w.Fields {
		out = append(out, [2]string{fmt.Sprintf("more%d", i), "x"})
	}
	if w.Long > 0 {
		out = append(out, [2]string{"comment", strings.Repeat("long ", w.Long/5)})
	}
	return out
}

// broken is a connection that breaks off.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the phone was unplugged") }

// slow gives a byte after each pause.
type slow struct {
	r     io.Reader
	ctx   context.Context
	pause time.Duration
}

func (s *slow) Read(p []byte) (int, error) {
	timer := time.NewTimer(s.pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return s.r.Read(p[:min(1, len(p))])
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
}

// gated waits for a gate first.
type gated struct {
	r    io.Reader
	ctx  context.Context
	gate <-chan struct{}
}

func (g *gated) Read(p []byte) (int, error) {
	select {
	case <-g.gate:
		return g.r.Read(p)
	case <-g.ctx.Done():
		return 0, g.ctx.Err()
	}
}
