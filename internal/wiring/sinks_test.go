package wiring

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/testserver"
)

const restOfFile = `
ssh: {key: {file: /etc/grab/id_drop}, known_hosts: /etc/grab/known_hosts}
sites: [{name: hq, hosts: [{name: c1, address: 10.0.0.1}]}]
`

var namedFile = regexp.MustCompile(`/etc/grab/[a-z0-9_.]+`)

// blocks are the parts of a configuration in a document that have handover: in them.
func blocks(t *testing.T) (out []string) {
	t.Helper()
	b, err := os.ReadFile("../../docs/handover.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(b), -1) {
		if strings.Contains(m[1], "handover:") {
			out = append(out, m[1])
		}
	}
	return out
}

// load has a configuration of a block, with all files that it names.
func load(t *testing.T, block string, files map[string]string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	text := "store: " + filepath.Join(dir, "store") + "\n" + block + restOfFile
	for _, name := range namedFile.FindAllString(text, -1) {
		base := filepath.Base(name)
		content, ok := files[base]
		switch {
		case ok:
		case base == "cxd":
			if err := os.MkdirAll(filepath.Join(dir, base), 0o700); err != nil {
				t.Fatal(err)
			}
			content = ""
		case base == "analysts.txt":
			content = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\n"
		case base == "ca.pem":
			content = string(testserver.CertificatePEM(t))
		case base == "intake.url":
			content = "https://intake.example.com/in\n"
		default:
			content = "hunter2-hunter2\n"
		}
		if base == "cxd" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, base), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(block, "[analysts.txt]") {
		os.WriteFile(filepath.Join(dir, "analysts.txt"), []byte("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\n"), 0o600)
	}
	file := filepath.Join(dir, "grab.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "/etc/grab/", dir+"/")), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatalf("%v\n%s", err, block)
	}
	return cfg
}

// TestDocumentedSinks: what docs/handover.md shows is right, and each kind is shown.
func TestDocumentedSinks(t *testing.T) {
	var kinds []string
	for _, block := range blocks(t) {
		cfg := load(t, block, nil)
		for i := range cfg.Handover {
			h := &cfg.Handover[i]
			kinds = append(kinds, h.Sink())
			if h.Folder != "" {
				continue
			}
			if s, err := NetworkSink(cfg, h, nil); err != nil || s == nil {
				t.Errorf("%s: %v", h.Name, err)
			}
		}
	}
	for _, kind := range []string{"sftp", "s3", "https", "cxd", "mail"} {
		if !slices.Contains(kinds, kind) {
			t.Errorf("docs/handover.md shows no %s", kind)
		}
	}
}

func artifact(t *testing.T) sink.Artifact {
	t.Helper()
	b := []byte(strings.Repeat("evidence ", 5000))
	name := filepath.Join(t.TempDir(), "artifact")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return sink.Artifact{Path: name, Name: "b.zip", Size: int64(len(b)), SHA256: hex.EncodeToString(sum[:]), ID: "00112233445566778899aabbccddeeff", Case: "612345678"}
}

// TestSFTPFromConfiguration: the documented block delivers to a real server.
func TestSFTPFromConfiguration(t *testing.T) {
	key := testserver.NewKey(t, "ecdsa")
	d := testserver.StartSSHD(t, testserver.SSHDOptions{AuthorizedKeys: []string{testserver.AuthorizedKey(key.Public, "")}})
	block := documented(t, "sftp:")
	dir := t.TempDir()
	block = strings.NewReplacer("sftp.example.com:22", d.Addr(), "user: grab", "user: "+d.User, "dir: upload", "dir: "+dir,
		"SHA256:8SJi7vJo6AWkrMxPzxpuGL2sIAcEUhsi/l9WegtXA6g", ssh.FingerprintSHA256(d.HostKeys["ecdsa"])).Replace(block)
	cfg := load(t, block, map[string]string{"id_drop": string(key.PEM)})
	deliver(t, cfg, "drop", sink.BySHA256)
	if _, err := os.Stat(filepath.Join(dir, "b.zip")); err != nil {
		t.Error(err)
	}
	// A refusal is of the ledger of logins, beside those of hosts.
	d.SetAuthorizedKeys()
	s, err := NetworkSink(cfg, cfg.Destination("drop"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var e *sink.Error
		if _, err := s.Deliver(t.Context(), artifact(t)); !errors.As(err, &e) || e.Cause != sink.Refused {
			t.Fatal(err)
		}
	}
	d.WaitLog("Connection closed by authenticating user", 1)
	if n := strings.Count(d.Log(), "Connection closed by authenticating user"); n != 1 {
		t.Errorf("%d logins were refused", n)
	}
}

// TestS3FromConfiguration: the documented block delivers to a real server.
func TestS3FromConfiguration(t *testing.T) {
	d := testserver.StartS3(t, "grab-bundles")
	block := strings.ReplaceAll(documented(t, "s3:"), "s3.example.com:9000", d.Addr)
	cfg := load(t, block, map[string]string{"ca.pem": string(d.CA), "s3.access": d.Access, "s3.secret": d.Secret})
	deliver(t, cfg, "bucket", sink.BySHA256)
}

func documented(t *testing.T, what string) string {
	t.Helper()
	for _, b := range blocks(t) {
		if strings.Contains(b, what) {
			return b
		}
	}
	t.Fatalf("no block has %s", what)
	return ""
}

func deliver(t *testing.T, cfg *config.Config, name, by string) {
	t.Helper()
	s, err := NetworkSink(cfg, cfg.Destination(name), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Check(ctx); err != nil {
		t.Error(err)
	}
	r, err := s.Deliver(ctx, artifact(t))
	if err != nil || r.Verified != by {
		t.Fatalf("%+v, %v", r, err)
	}
}

// TestCaseToken: each case has its own, and a name leads nowhere else.
func TestCaseToken(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"token": "of the entry\n", "699": "of 699\n", "open": "x\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "open"), 0o644); err != nil {
		t.Fatal(err)
	}
	h := &config.Handover{Case: "612", CXD: &config.CXDSink{Token: config.SecretFile(filepath.Join(dir, "token")), Tokens: dir}}
	for number, want := range map[string]string{"612": "of the entry", "699": "of 699", "700": "", "../token": "", "": "", "open": ""} {
		if number == "open" && runtime.GOOS == "windows" {
			continue // access lists say who may read there
		}
		if got, err := caseToken(h)(number); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", number, got, err)
		} else if err != nil && strings.Contains(fmt.Sprint(err), "of the entry") {
			t.Error(err)
		}
	}
	h.CXD.Tokens = ""
	if _, err := caseToken(h)("699"); err == nil || !strings.Contains(err.Error(), "cxd.tokens") {
		t.Error(err)
	}
}
