package wiring

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/handover/sink/cxd"
	"rtmtgrab/internal/handover/sink/https"
	"rtmtgrab/internal/handover/sink/mail"
	"rtmtgrab/internal/handover/sink/s3"
	"rtmtgrab/internal/handover/sink/sftp"
	"rtmtgrab/internal/handover/sink/web"
)

// NetworkSink is what delivers to a destination that is reached over a network. shelf may be
// nil.
func NetworkSink(cfg *config.Config, h *config.Handover, shelf *TokenSources) (sink.Sink, error) {
	switch {
	case h.SFTP != nil:
		return sftpSink(cfg, h), nil
	case h.S3 != nil:
		return s3Sink(h.S3)
	case h.HTTPS != nil:
		return httpsSink(h.HTTPS)
	case h.CXD != nil:
		return cxdSink(h)
	case h.Mail != nil:
		server, err := SMTPServer(cfg, shelf)
		if err != nil {
			return nil, err
		}
		server.Refused = nil // its queue makes one attempt after a reload, and no other until the next
		return &mail.Sink{Server: *server, From: cfg.SMTP.From, To: h.Mail.To, Link: h.Mail.Link}, nil
	}
	return nil, fmt.Errorf("destination %s names no place", h.Name)
}

func sftpSink(cfg *config.Config, h *config.Handover) *sftp.Sink {
	s := h.SFTP
	dial := leg(s.Address, s.HostKey, s.Account)
	dial.Name, dial.Ledger = "handover "+h.Name, Ledger(cfg) // no host is called so
	for _, j := range s.Jump {
		dial.Jump = append(dial.Jump, leg(j.Address, j.HostKey, j.Account))
	}
	return &sftp.Sink{Dial: dial, Dir: s.Dir}
}

func s3Sink(c *config.S3Sink) (sink.Sink, error) {
	roots, err := c.Roots()
	if err != nil {
		return nil, err
	}
	s := &s3.Sink{Endpoint: c.Endpoint, Region: c.Region, Bucket: c.Bucket, Prefix: c.Prefix, PathStyle: c.PathStyle, Plain: c.Plain,
		KMSKey: c.KMSKey, Client: web.Client{Roots: roots, Proxy: reading(c.Proxy.Secret)}}
	if c.Encryption != "none" {
		s.Encryption = c.Encryption
	}
	if !c.AccessKey.IsZero() {
		s.Keys = func() (k s3.Keys, err error) {
			access, aerr := c.AccessKey.Read()
			secret, serr := c.SecretKey.Read()
			token, terr := "", error(nil)
			if !c.SessionToken.IsZero() {
				token, terr = c.SessionToken.Read()
			}
			return s3.Keys{Access: access, Secret: secret, Token: token}, errors.Join(aerr, serr, terr)
		}
	}
	return s, nil
}

func httpsSink(c *config.HTTPSSink) (sink.Sink, error) {
	roots, err := c.Roots()
	if err != nil {
		return nil, err
	}
	s := &https.Sink{URL: checked(c.URL), Hidden: c.URL.Source() != "memory", Method: c.Method, Password: reading(c.Password), Bearer: reading(c.Bearer),
		Client: web.Client{Roots: roots, Certificate: reading(c.Certificate), Proxy: reading(c.Proxy.Secret)}}
	if c.User != "" {
		s.User = func() (string, error) { return c.User, nil }
	}
	for _, h := range c.Headers {
		s.Headers = append(s.Headers, https.Header{Name: h.Name, Value: h.Value.Read})
	}
	return s, nil
}

// checked reads a URL, which may be a secret that was not judged when it was configured.
func checked(a config.Address) func() (string, error) {
	return func() (string, error) {
		text, err := a.Read()
		if err != nil {
			return "", err
		}
		if what := config.CheckURL(text); what != "" {
			return "", errors.New(what)
		}
		return text, nil
	}
}

func cxdSink(h *config.Handover) (sink.Sink, error) {
	c := h.CXD
	roots, err := c.Roots()
	if err != nil {
		return nil, err
	}
	return &cxd.Sink{URL: checked(c.URL), Token: caseToken(h), Client: web.Client{Roots: roots, Proxy: reading(c.Proxy.Secret)}}, nil
}

// caseToken reads the token of a case: that of the entry's own case, or the file that is
// called like it.
func caseToken(h *config.Handover) func(number string) (string, error) {
	c := h.CXD
	return func(number string) (string, error) {
		if !config.CaseNumber(number) {
			return "", fmt.Errorf("%q is not a case number", number)
		}
		if !c.Token.IsZero() && number == h.Case {
			return c.Token.Read()
		}
		if c.Tokens == "" {
			return "", fmt.Errorf("there is no token for case %s: cxd.token is that of case %s; set cxd.tokens to a folder with a file for each case", number, h.Case)
		}
		name := filepath.Join(c.Tokens, number)
		if _, err := os.Stat(name); errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("there is no token for case %s: write it into %s", number, name)
		}
		if err := config.CheckSecretFile(name); err != nil {
			return "", err
		}
		return config.SecretFile(name).Read()
	}
}
