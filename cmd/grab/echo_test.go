//go:build !windows

package main

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"rtmtgrab/internal/testsite"
)

// echoes are the ways in which a server quotes what it was sent.
var echoes = map[string]func(string) string{
	"plain":         func(s string) string { return s },
	"percent":       url.QueryEscape,
	"percent lower": func(s string) string { return strings.ToLower(fmt.Sprintf("%%%02X", s[0])) + s[1:] },
	"percent all":   func(s string) string { return strings.ReplaceAll(fmt.Sprintf("% x", " "+s), " ", "%") },
	"base64":        func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 second": func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte("\x00" + s)) },
	"base64 third":  func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte("me" + s + "\x01")) },
	"hex":           func(s string) string { return hex.EncodeToString([]byte(s)) },
	"json": func(s string) string {
		b, _ := json.Marshal(s)
		return string(b[1 : len(b)-1])
	},
}

// echoSecrets are what the servers know, by whom.
var echoSecrets = map[string]string{"imap": `Im4p/"se+cret`, "smtp": "Sm7p&pa ss=word", "token": "c1ient~s3cr3t%41", "hook": "T00kXyZ9b-hook", "ssh": "Ssh<Passw0rd>"}

// readBack is all that a text says, in any of the ways.
func readBack(text string) (found []string) {
	for whose, secret := range echoSecrets {
		for how, echo := range echoes {
			said := echo(secret)
			if strings.HasPrefix(how, "base64") {
				said = strings.TrimRight(said, "=")
				said = said[2 : len(said)-2] // what is around it does not matter
			}
			if strings.Contains(text, said) {
				found = append(found, whose+" "+how)
			}
		}
	}
	return found
}

// echoTCP is a server that says hello, and to each line what answer makes of it.
func echoTCP(t *testing.T, hello string, answer func(line string) string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				fmt.Fprint(c, hello)
				for in := bufio.NewScanner(c); in.Scan(); {
					fmt.Fprint(c, answer(in.Text()))
				}
			}()
		}
	}()
	return l.Addr().String()
}

// echoSite is a configuration all of whose servers quote their secrets in one way.
func echoSite(t *testing.T, echo func(string) string) (dir string) {
	t.Helper()
	said := func(whose string) string { return echo(echoSecrets[whose]) }
	imap := echoTCP(t, "* OK hello\r\n", func(line string) string {
		tag, command, _ := strings.Cut(line, " ")
		if strings.HasPrefix(command, "CAPABILITY") {
			return "* CAPABILITY IMAP4rev1\r\n" + tag + " OK\r\n"
		}
		return tag + " NO [AUTHENTICATIONFAILED] you sent " + said("imap") + "\r\n"
	})
	smtp := echoTCP(t, "220 hello\r\n", func(line string) string {
		if strings.HasPrefix(line, "EHLO") {
			return "250-x\r\n250 AUTH PLAIN\r\n"
		}
		return "535 5.7.8 you sent " + said("smtp") + "\r\n"
	})
	ssh := echoTCP(t, "go away "+said("ssh")+"\r\n", func(string) string { return "" })
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		if r.URL.Path == "/token" {
			json.NewEncoder(w).Encode(map[string]string{"error": "invalid_client", "error_description": "you sent " + said("token")})
			return
		}
		fmt.Fprintf(w, "no hook %s here", said("hook"))
	}))
	t.Cleanup(web.Close)

	dir = t.TempDir()
	for name, text := range echoSecrets {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := fmt.Sprintf(`store: store
mail:
  - {name: one, server: "%[1]s", tls: none, user: me@example.com, password: {file: imap}}
  - {name: two, mailbox: Other, server: "%[1]s", tls: none, user: me@example.com, oauth: {provider: custom, token_url: "%[4]s/token", client_id: me, client_secret: {file: token}, scopes: [x]}}
smtp: {server: "%[2]s", tls: none, user: me@example.com, password: {file: smtp}, from: me@example.com}
notify:
  after: 0s
  mail: {to: [noc@example.com]}
  webhooks: [{url: "%[4]s/services/%[5]s"}]
ssh: {user: root, password: {file: ssh}, warm: true}
sites:
  - name: hq
    time_zone: UTC
    hosts: [{name: expc01, role: C, address: "%[3]s", host_key: "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]
`, imap, smtp, ssh, web.URL, echoSecrets["hook"])
	if err := os.WriteFile(filepath.Join(dir, "grab.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestEcho: whatever the servers quote, and in which encoding, no output of a command and
// no file of the store has the secret.
func TestEcho(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long")
	}
	t.Parallel()
	for _, how := range []string{"percent", "base64 second"} { // package redact tries them all
		echo := echoes[how]
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			dir := echoSite(t, echo)
			cfg := filepath.Join(dir, "grab.yaml")
			watch := program("watch", "-c", cfg)
			var log testsite.SafeBuffer
			watch.Stderr = &log
			if err := watch.Start(); err != nil {
				t.Fatal(err)
			}
			defer watch.Process.Kill()
			for _, of := range []string{"name=one", "name=two", "channel=mail", "channel=webhook-1"} {
				log.Until(t, of)
			}

			outputs := map[string]string{}
			for _, args := range [][]string{{"status"}, {"status", "--json"}, {"check", "--notify", "--timeout", "5s"}, {"check", "--notify", "--json", "--timeout", "5s"}, {"now", "--after", "0s", "--patience", "0s"}} {
				r := runGrab(append([]string{"-c", cfg}, args...)...)
				outputs[strings.Join(args, " ")] = r.out + r.err
			}
			watch.Process.Signal(syscall.SIGTERM)
			watch.Wait()
			outputs["log"] = log.String()
			err := filepath.WalkDir(filepath.Join(dir, "store"), func(path string, d fs.DirEntry, err error) error {
				if err != nil || !d.Type().IsRegular() {
					return err
				}
				b, err := os.ReadFile(path)
				outputs[path] = string(b)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			for of, text := range outputs {
				if found := readBack(text); len(found) > 0 {
					t.Errorf("%s has the secrets %q:\n%s", of, found, text)
				}
			}
			for _, of := range []string{"log", "status", "check --notify --timeout 5s"} {
				if !strings.Contains(outputs[of], "you sent ***") {
					t.Errorf("%s does not say what the servers say:\n%s", of, outputs[of])
				}
			}
		})
	}
}
