//go:build !windows

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testserver"
	"rtmtgrab/internal/testsite"
)

// A bundle comes to an SFTP server and to a bucket, by itself and once; one whose login is
// refused is tried once, and said.
func TestHandoverOverNetworks(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{Name: "expc01", Role: "C"})
	key := testserver.NewKey(t, "ecdsa")
	d := testserver.StartSSHD(t, testserver.SSHDOptions{AuthorizedKeys: []string{testserver.AuthorizedKey(key.Public, "")}})
	locked := testserver.StartSSHD(t, testserver.SSHDOptions{})
	bucket := testserver.StartS3(t, "bundles")
	drop := t.TempDir()
	for name, text := range map[string]string{"id_drop": string(key.PEM), "s3.access": bucket.Access, "s3.secret": bucket.Secret, "s3.pem": string(bucket.CA)} {
		if err := os.WriteFile(filepath.Join(c.Dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pin := func(d *testserver.SSHD) string { return ssh.FingerprintSHA256(d.HostKeys["ecdsa"]) }
	c.Extra = fmt.Sprintf(`handover:
  - name: drop
    mask: none
    sftp: {address: %q, user: %s, key: {file: id_drop}, host_key: %q, dir: %s}
  - name: bucket
    mask: none
    s3: {endpoint: %q, bucket: bundles, region: %s, ca_file: s3.pem, access_key: {file: s3.access}, secret_key: {file: s3.secret}, proxy: none}
  - name: locked
    mask: none
    sftp: {address: %q, user: %s, key: {file: id_drop}, host_key: %q}
`, d.Addr(), d.User, pin(d), drop, bucket.Addr, bucket.Region, locked.Addr(), locked.User, pin(locked))
	c.StartMail()
	stop := c.watching(c.Socket())
	if r := c.grab("now", "--case", "698112233"); r.code != 0 {
		t.Fatal(r)
	}
	there := func(dir string) (zips []string) {
		zips, _ = filepath.Glob(filepath.Join(dir, "*.zip"))
		return zips
	}
	var st status.Report
	testsite.Until(t, "two are delivered, and one is refused", func() bool {
		st = handed[status.Report](t, c.grab("status", "--json"))
		n := 0
		for _, to := range st.Handover {
			if to.Name == "locked" && to.Error != "" {
				n++
			}
			n += int(to.Count)
		}
		return n == 3
	})
	for _, dir := range []string{drop, filepath.Join(bucket.Root, "bundles")} {
		zips := there(dir)
		if len(zips) != 1 {
			t.Fatalf("%s has %v", dir, zips)
		}
		if r := c.grab("verify", zips[0]); r.code != 0 {
			t.Error(r)
		}
	}
	locked.WaitLog("Connection closed by authenticating user", 1)
	testsite.Until(t, "it is said to be refused", func() bool {
		r := c.grab("send", "@last", "--to", "locked", "--wait", "1s", "--json")
		return r.code == 1 && strings.Contains(r.out, "refused")
	})
	if n := strings.Count(locked.Log(), "Connection closed by authenticating user"); n != 1 {
		t.Errorf("%d logins were refused", n)
	}
	stop()
}
