package sshdial

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf16"

	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/testserver"
)

func knownHosts(t *testing.T, lines ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(name, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func line(addr string, k testserver.Key) string {
	return xknownhosts.Line([]string{xknownhosts.Normalize(addr)}, k.Public)
}

func print(k testserver.Key) string { return ssh.FingerprintSHA256(k.Public) }

// A server with three keys, and every way to have pinned one of them.
func TestPins(t *testing.T) {
	rsa, ec, ed := testserver.NewKey(t, "rsa"), testserver.NewKey(t, "ecdsa"), testserver.NewKey(t, "ed25519")
	other, otherRSA := testserver.NewKey(t, "ed25519"), testserver.NewKey(t, "rsa")
	f := (&fake{Password: "right", HostKeys: []testserver.Key{rsa, ec, ed}}).start(t)
	hashed := xknownhosts.Line([]string{xknownhosts.HashHostname(xknownhosts.Normalize(f.Addr))}, rsa.Public)
	_, port, _ := strings.Cut(f.Addr, ":")
	for name, tt := range map[string]struct {
		pin   string
		known []string
		ok    string // the fingerprint that is used, or the kind of error
	}{
		"fingerprint rsa":      {pin: print(rsa), ok: print(rsa)},
		"fingerprint ecdsa":    {pin: print(ec), ok: print(ec)},
		"fingerprint ed25519":  {pin: print(ed), ok: print(ed)},
		"padded fingerprint":   {pin: " " + print(ed) + "=", ok: print(ed)},
		"wrong fingerprint":    {pin: anyPin, ok: string(KindHostKeyChanged)},
		"no fingerprint":       {pin: "MD5:00:11", ok: string(KindLocal)},
		"known rsa":            {known: []string{line(f.Addr, rsa)}, ok: print(rsa)},
		"known ecdsa":          {known: []string{line(f.Addr, ec)}, ok: print(ec)},
		"known, all types":     {known: []string{line(f.Addr, rsa), line(f.Addr, ec), line(f.Addr, ed)}, ok: print(rsa)},
		"hashed":               {known: []string{hashed}, ok: print(rsa)},
		"hashed among others":  {known: []string{"# comment", line("10.0.0.1:22", other), hashed}, ok: print(rsa)},
		"changed":              {known: []string{line(f.Addr, other)}, ok: string(KindHostKeyChanged)},
		"changed rsa":          {known: []string{line(f.Addr, otherRSA)}, ok: string(KindHostKeyChanged)},
		"standard port only":   {known: []string{line("127.0.0.1:22", rsa)}, ok: string(KindHostKeyUnknown)},
		"wildcard, any port":   {known: []string{"127.0.0.* " + strings.TrimSpace(string(ssh.MarshalAuthorizedKey(ec.Public)))}, ok: print(ec)},
		"other port":           {known: []string{line("127.0.0.1:1", rsa)}, ok: string(KindHostKeyUnknown)},
		"by name, not address": {known: []string{line("localhost:"+port, rsa)}, ok: string(KindHostKeyUnknown)},
		"empty":                {known: []string{""}, ok: string(KindHostKeyUnknown)},
		"revoked":              {known: []string{"@revoked * " + strings.TrimSpace(string(ssh.MarshalAuthorizedKey(ed.Public)))}, ok: string(KindHostKeyChanged)},
		"broken":               {known: []string{"127.0.0.1 ssh-rsa !!!"}, ok: string(KindLocal)},
		"both":                 {pin: print(rsa), known: []string{line(f.Addr, rsa)}, ok: string(KindLocal)},
		"neither":              {ok: string(KindLocal)},
	} {
		t.Run(name, func(t *testing.T) {
			c := f.conf(withPassword("right"))
			c.HostKey, c.KnownHosts = tt.pin, ""
			if tt.known != nil {
				c.KnownHosts = knownHosts(t, tt.known...)
			}
			before := f.none.Load()
			if strings.HasPrefix(tt.ok, "SHA256:") {
				want(t, "key", wantLogin(t, c).HostKey, tt.ok)
				return
			}
			e := wantKind(t, c, Kind(tt.ok))
			want(t, "permanent", e.Permanent(), true)
			want(t, "logins", f.none.Load(), before)
			if e.Kind == KindLocal {
				return
			}
			want(t, "reason", e.Reason(), evidence.ReasonHostKey)
			if len(e.Got) == 0 || !slices.Contains([]string{print(rsa), print(ec), print(ed)}, e.Got[0]) {
				t.Errorf("saw %v", e.Got)
			}
			for _, fp := range slices.Concat(e.Want, e.Got) {
				if !strings.Contains(e.Error(), fp) {
					t.Errorf("%s is not in %q", fp, e)
				}
			}
			if name == "changed rsa" {
				want(t, "pinned", strings.Join(e.Want, " "), print(otherRSA))
				want(t, "now", strings.Join(e.Got, " "), print(rsa))
			}
		})
	}
}

// A known_hosts file pins the same, however an editor or a shell on Windows has saved it.
func TestMarkedKnownHosts(t *testing.T) {
	key := testserver.NewKey(t, "ed25519")
	f := (&fake{Password: "right", HostKeys: []testserver.Key{key}}).start(t)
	for name, text := range map[string]string{
		"mark before a host": "\ufeff" + line(f.Addr, key) + "\r\n", "mark before a comment": "\ufeff# of ssh-keyscan\n" + line(f.Addr, key), "UTF-16": wide("# of ssh-keyscan\r\n" + line(f.Addr, key) + "\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			c := f.conf(withPassword("right"))
			c.HostKey, c.KnownHosts = "", filepath.Join(t.TempDir(), "known_hosts")
			if err := os.WriteFile(c.KnownHosts, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			want(t, "key", wantLogin(t, c).HostKey, print(key))
		})
	}

	c := f.conf(withPassword("right"))
	c.HostKey, c.KnownHosts = "", knownHosts(t, wide("127.0.0.1 ssh-rsa !!!\n"))
	e := wantKind(t, c, KindLocal)
	if of, ok := errors.AsType[*KnownHostsError](e); !ok || !strings.Contains(of.Error(), c.KnownHosts+":1") {
		t.Errorf("%v: want the file and its line", e)
	}
}

// wide is a text as PowerShell's > writes it.
func wide(text string) string {
	b := []byte("\xff\xfe")
	for _, u := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}

// A pin of a type that is not asked for first costs a second connection, once.
func TestPinnedTypeIsRemembered(t *testing.T) {
	rsa, ed := testserver.NewKey(t, "rsa"), testserver.NewKey(t, "ed25519")
	f := (&fake{Password: "right", HostKeys: []testserver.Key{rsa, ed}}).start(t)
	wantLogin(t, f.conf(withPassword("right")))
	want(t, "connections", f.conns.Load(), 2)
	wantLogin(t, f.conf(withPassword("right")))
	want(t, "connections", f.conns.Load(), 3)
	want(t, "logins", f.none.Load(), 2)
}

// The pinned type has gone from the server: that is a change as well, and the
// error shows what is there now.
func TestPinnedTypeIsGone(t *testing.T) {
	ec, pinned := testserver.NewKey(t, "ecdsa"), testserver.NewKey(t, "ed25519")
	f := (&fake{Password: "right", HostKeys: []testserver.Key{ec}}).start(t)
	c := f.conf(withPassword("right"))
	c.HostKey, c.KnownHosts = "", knownHosts(t, line(f.Addr, pinned))
	e := wantKind(t, c, KindHostKeyChanged)
	want(t, "pinned", strings.Join(e.Want, " "), print(pinned))
	want(t, "now", strings.Join(e.Got, " "), print(ec))
	want(t, "logins", f.none.Load(), 0)
}

func TestScanHostKeys(t *testing.T) {
	rsa, ec, ed := testserver.NewKey(t, "rsa"), testserver.NewKey(t, "ecdsa"), testserver.NewKey(t, "ed25519")
	f := (&fake{Password: "right", HostKeys: []testserver.Key{rsa, ec, ed}}).start(t)
	keys, err := Config{Address: f.Addr}.ScanHostKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range keys {
		got = append(got, ssh.FingerprintSHA256(k))
	}
	if !slices.Equal(got, []string{print(ed), print(ec), print(rsa)}) {
		t.Errorf("got %v", got)
	}
	f.stop()
	want(t, "logins", f.none.Load(), 0)

	_, err = Config{Address: f.Addr}.ScanHostKeys(t.Context())
	if e, ok := err.(*Error); !ok || e.Kind != KindRefused {
		t.Errorf("got %v", err)
	}
}

// A server that lets in one login at a time turns away who comes again before it has seen that the
// connection before has ended: all its keys are had all the same.
func TestScanOfBusyServer(t *testing.T) {
	f := (&fake{Password: "right", HostKeys: []testserver.Key{testserver.NewKey(t, "rsa"), testserver.NewKey(t, "ecdsa")}}).start(t)
	busy := talk(t, func(c net.Conn) { c.Write([]byte("Exceeded MaxStartups\r\n")) })
	var dials atomic.Int32
	c := Config{Address: f.Addr, Timeout: hang, Conn: func(ctx context.Context, address string) (net.Conn, error) {
		if dials.Add(1)%2 == 0 {
			address = busy
		}
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}}
	if keys, err := c.ScanHostKeys(t.Context()); err != nil || len(keys) != 2 {
		t.Errorf("%d keys, %v", len(keys), err)
	}
}

func FuzzParseFingerprint(f *testing.F) {
	f.Add(anyPin)
	f.Add("SHA256:AAAA")
	f.Add("SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=")
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseFingerprint(s)
		if err != nil {
			return
		}
		if b, err := ParseFingerprint(a); err != nil || a != b || len(a) != len(anyPin) {
			t.Errorf("%q -> %q -> %q, %v", s, a, b, err)
		}
	})
}
