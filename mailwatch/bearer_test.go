package mailwatch

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rtmtgrab/internal/oauth"
	"rtmtgrab/internal/testserver"
)

// script is a server that speaks lines: what it says, and what it wants to hear
// in between. TAG is the tag of the command that was heard last. One element is
// one connection.
type script [][]string

// open logs in on the script, over pipes.
func (sc script) open(t *testing.T, s Server) error {
	t.Helper()
	dialled := 0
	dial := func(ctx context.Context, _ string) (net.Conn, error) {
		if dialled == len(sc) {
			return nil, errors.New("one connection too many")
		}
		lines := sc[dialled]
		dialled++
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			br, tag := bufio.NewReader(server), ""
			for _, l := range lines {
				if want, ok := strings.CutPrefix(l, "C: "); ok {
					got, err := br.ReadString('\n')
					if err != nil {
						return
					}
					got = strings.TrimSuffix(got, "\r\n")
					if strings.HasPrefix(want, "TAG ") {
						tag, got, _ = strings.Cut(got, " ")
						want = want[4:]
					}
					if got != want {
						t.Errorf("heard %q, want %q", got, want)
					}
				} else if _, err := fmt.Fprintf(server, "%s\r\n", strings.ReplaceAll(l, "TAG", tag)); err != nil {
					return
				}
			}
			br.ReadString(0)
		}()
		return client, nil
	}
	s.Addr, s.TLS = "127.0.0.1:1143", TLSNone
	if err := s.validate(); err != nil {
		t.Fatal(err)
	}
	se, err := s.open(t.Context(), dial)
	if se != nil {
		se.close()
	}
	if dialled != len(sc) {
		t.Errorf("%d connections, want %d", dialled, len(sc))
	}
	return err
}

func b64of(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// handing gives tokens, the next one for each that is refused; the last stays.
func handing(list ...string) func(context.Context, string) (string, error) {
	i := 0
	return func(_ context.Context, refused string) (string, error) {
		if refused == list[i] && i+1 < len(list) {
			i++
		}
		return list[i], nil
	}
}

const fault = `{"status":"401","schemes":"bearer","scope":"https://mail.google.com/"}`

func TestBearerExchange(t *testing.T) {
	x := func(token string) string { return b64of("user=a,b=c\x01auth=Bearer " + token + "\x01\x01") }
	o := b64of("n,a=a=2Cb=3Dc,\x01host=127.0.0.1\x01port=1143\x01auth=Bearer t0k3n\x01\x01")
	in := []string{"TAG OK [CAPABILITY IMAP4rev1 IDLE] in", "C: TAG NOOP", "TAG OK done"}
	greet := func(caps string) []string { return []string{"* OK [CAPABILITY IMAP4rev1 " + caps + "] ready"} }
	refusal := []string{"+ " + b64of(fault), "C: ", "TAG NO [AUTHENTICATIONFAILED] SASL authentication failed"}
	both := "SASL-IR AUTH=PLAIN AUTH=XOAUTH2 AUTH=OAUTHBEARER"
	join := func(lists ...[]string) []string {
		var all []string
		for _, l := range lists {
			all = append(all, l...)
		}
		return all
	}
	for _, c := range []struct {
		name, login string
		tokens      []string
		script      script
		refused     bool
		want        string // in the error; "" for none
	}{
		{"auto takes OAUTHBEARER", "", []string{"t0k3n"}, script{join(greet(both), []string{"C: TAG AUTHENTICATE OAUTHBEARER " + o}, in)}, false, ""},
		{"auto takes XOAUTH2", LoginAuto, []string{"t0k3n"}, script{join(greet("SASL-IR AUTH=PLAIN AUTH=XOAUTH2"), []string{"C: TAG AUTHENTICATE XOAUTH2 " + x("t0k3n")}, in)}, false, ""},
		{"as is wished", LoginXOAuth2, []string{"t0k3n"}, script{join(greet(both), []string{"C: TAG AUTHENTICATE XOAUTH2 " + x("t0k3n")}, in)}, false, ""},
		{"without SASL-IR", LoginOAuthBearer, []string{"t0k3n"}, script{join(greet("AUTH=OAUTHBEARER"), []string{"C: TAG AUTHENTICATE OAUTHBEARER", "+ ", "C: " + o}, in)}, false, ""},
		{"refused", LoginXOAuth2, []string{"t0k3n"}, script{join(greet(both), []string{"C: TAG AUTHENTICATE XOAUTH2 " + x("t0k3n")}, refusal)}, true, "(the server said about the token: " + fault + ")"},
		{"refused by OAUTHBEARER", "", []string{"t0k3n"}, script{join(greet(both), []string{"C: TAG AUTHENTICATE OAUTHBEARER " + o, "+ " + b64of(fault), "C: AQ==", "TAG NO no"})}, true, "about the token: " + fault},
		{"refused, then new", LoginXOAuth2, []string{"old", "t0k3n"}, script{join(greet(both), []string{"C: TAG AUTHENTICATE XOAUTH2 " + x("old")}, refusal), join(greet(both), []string{"C: TAG AUTHENTICATE XOAUTH2 " + x("t0k3n")}, in)}, false, ""},
		{"refused twice", LoginXOAuth2, []string{"old", "t0k3n", "more"}, script{join(greet(both), []string{"C: TAG AUTHENTICATE XOAUTH2 " + x("old")}, refusal), join(greet(both), []string{"C: TAG AUTHENTICATE XOAUTH2 " + x("t0k3n"), "TAG NO AUTHENTICATE failed."})}, true, "AUTHENTICATE failed."},
		{"not now", LoginXOAuth2, []string{"old", "t0k3n"}, script{join(greet(both), []string{"C: TAG AUTHENTICATE XOAUTH2 " + x("old"), "TAG NO [UNAVAILABLE] later"})}, false, "later"},
		{"neither is offered", "", []string{"t0k3n"}, script{greet("AUTH=PLAIN")}, true, "neither OAUTHBEARER nor XOAUTH2"},
		{"what go-imap cannot read", LoginXOAuth2, []string{"old", "t0k3n"}, script{join(greet(both), []string{"C: TAG AUTHENTICATE XOAUTH2 " + x("old"),
			`TAG NO [Error="AuthResultFromPopImapEnd=0 Proxy=AM0:1993:SSL"] AUTHENTICATE failed for Bearer old`})}, false, "AuthResultFromPopImapEnd=0"},
		{"not connected", LoginXOAuth2, []string{"t0k3n"}, script{join(greet(both), []string{"C: TAG AUTHENTICATE XOAUTH2 " + x("t0k3n")}, in[:1], []string{"C: TAG NOOP", "TAG BAD User is authenticated but not connected."})}, false, "User is authenticated but not connected."},
		{"it repeats the token", LoginXOAuth2, []string{"tokentoken"}, script{join(greet(both), []string{"C: TAG AUTHENTICATE XOAUTH2 " + x("tokentoken"), "TAG NO your tokentoken " + x("tokentoken")})}, true, "your *** ***"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.script.open(t, Server{User: "a,b=c", Login: c.login, Token: handing(c.tokens...)})
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			stage, ok := errors.AsType[*StageError](err)
			if !ok || stage.Stage != StageLogin || stage.Refused != c.refused || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "token"+"token") {
				t.Errorf("%v", err)
			}
		})
	}
}

// verdict is an error of a token endpoint.
type verdict bool

func (verdict) Error() string   { return "no token" }
func (v verdict) Refused() bool { return bool(v) }

// Without a token nobody is dialled, and a judged request waits as a refused
// login does.
func TestNoToken(t *testing.T) {
	for _, v := range []verdict{true, false} {
		err := script{}.open(t, Server{User: "u", Token: func(context.Context, string) (string, error) { return "", fmt.Errorf("x: %w", v) }})
		if stage, ok := errors.AsType[*StageError](err); !ok || stage.Refused != bool(v) || stage.Stage != StageLogin {
			t.Errorf("%v", err)
		}
	}
	for _, s := range []Server{{Login: LoginPlain, Token: handing("x")}, {Login: LoginXOAuth2, Password: func() (string, error) { return "", nil }}, {}} {
		s.Addr = "127.0.0.1:1"
		if s.validate() == nil {
			t.Errorf("%+v is valid", s)
		}
	}
}

// TestDovecotBearer: both mechanisms against the real server, which asks the
// token endpoint about each token; refusals; a watcher whose token is revoked.
func TestDovecotBearer(t *testing.T) {
	ts, err := testserver.NewTokenServer("rtmt@example.com")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ts.Close() })
	args := filepath.Join(t.TempDir(), "oauth2")
	if err := os.WriteFile(args, []byte("introspection_mode = post\nintrospection_url = "+ts.Introspection()+"\nusername_attribute = username\nactive_attribute = active\nactive_value = true\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d := testserver.StartDovecot(t, testserver.DovecotOptions{ExtraCfg: "auth_mechanisms = plain login xoauth2 oauthbearer\npassdb {\n driver = oauth2\n mechanisms = xoauth2 oauthbearer\n args = " + args + "\n}\n"})
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ts.CAPEM())
	source := oauth.New(oauth.Config{TokenURL: ts.URL(), ClientID: ts.ClientID, Roots: roots, Secret: func() (string, error) { return ts.Secret, nil }})
	d.Deliver("", alert("one"))
	for _, mode := range []string{TLSImplicit, TLSStart} {
		for _, login := range []string{LoginAuto, LoginXOAuth2, LoginOAuthBearer} {
			s := dovecotServer(d)
			if s.TLS, s.Login = mode, login; mode == TLSStart {
				s.Addr = d.IMAP
			}
			s.Password, s.Token = nil, source.Token
			if rep, err := Check(t.Context(), s, ""); err != nil || rep.Messages != 1 {
				t.Fatalf("%s %s: %+v, %v", mode, login, rep, err)
			}
			s.Token = handing("worthless")
			_, err := Check(t.Context(), s, "")
			if stage, ok := errors.AsType[*StageError](err); !ok || !stage.Refused || !strings.Contains(err.Error(), "the server said about the token: {") || strings.Contains(err.Error(), "worthless") {
				t.Errorf("%s %s: %v", mode, login, err)
			}
		}
	}
	if n := len(ts.Requests()); n != 1 {
		t.Errorf("%d requests for one token", n)
	}

	k := newKeeper(t)
	s := dovecotServer(d)
	s.Password, s.Token = nil, source.Token
	k.run(k.watcher(s))
	k.gets("one")
	ts.Revoke()
	d.Restart()
	d.Deliver("", alert("two"))
	k.gets("one", "two")
	if n := len(ts.Requests()); n != 2 || k.lines("refused") != 0 {
		t.Errorf("%d requests, want 2\n%s", n, k.log.String())
	}
	_, err = Check(t.Context(), s, "Alertz")
	if err == nil || !strings.Contains(err.Error(), `there are "INBOX"`) {
		t.Error(err)
	}
}
