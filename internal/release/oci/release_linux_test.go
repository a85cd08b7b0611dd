package oci

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"rtmtgrab/internal/lab/rtmt"
)

// TestImage looks at the image of a release, and runs what is in it: as its user, in a root that
// cannot be written but for its volume and /tmp. `make release-test` says where everything is.
func TestImage(t *testing.T) {
	file := os.Getenv("GRAB_IMAGE")
	if file == "" {
		t.Skip("make release-test runs it, on the image that make release made")
	}
	r := Release{os.Getenv("GRAB_VERSION"), os.Getenv("GRAB_COMMIT"), os.Getenv("GRAB_HOME_URL"), os.Getenv("GRAB_DATE")}
	l, err := Open(file, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	images, err := l.Images()
	if err != nil {
		t.Fatal(err)
	}

	for _, arch := range []string{"amd64", "arm64"} {
		i := images[arch]
		if i == nil {
			t.Errorf("there is no image for %s", arch)
			continue
		}
		root := t.TempDir()
		files, err := i.Unpack(root)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range append(i.Faults(r, arch), FileFaults(files, arch)...) {
			t.Error(fault)
		}
		sameFiles(t, root, filepath.Join(os.Getenv("GRAB_ARCHIVES"), "linux-"+arch))
		authorities(t, root)
		if arch == runtime.GOARCH && !t.Failed() {
			runs(t, root, r.Version)
		}
	}
}

// sameFiles: the image has the files of the archive for the same system.
func sameFiles(t *testing.T, root, archive string) {
	t.Helper()
	for in, of := range map[string]string{"usr/bin/grab": "grab", "usr/share/doc/grab/LICENSE": "LICENSE", "usr/share/doc/grab/third-party.txt": "third-party.txt",
		"usr/share/doc/grab/sbom.cdx.json": "sbom.cdx.json", "usr/share/doc/grab/grab.example.yaml": "configs/grab.example.yaml"} {
		got, err := os.ReadFile(filepath.Join(root, in))
		if err != nil {
			t.Error(err)
			continue
		}
		want, err := os.ReadFile(filepath.Join(archive, of))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("%s is not the %s of the archive %s", in, of, filepath.Base(archive))
		}
	}
}

// authorities: the file has those that mailboxes need, and nothing that is none.
func authorities(t *testing.T, root string) {
	t.Helper()
	rest, err := os.ReadFile(filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"))
	if err != nil {
		t.Error(err)
		return
	}
	names := map[string]bool{}
	for block, rest := pem.Decode(rest); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil || !c.IsCA {
			t.Errorf("an authority that is none: %v", err)
			continue
		}
		names[c.Subject.CommonName] = true
	}
	for _, name := range []string{"ISRG Root X1", "DigiCert Global Root G2", "GTS Root R1", "GlobalSign Root R46", "Amazon Root CA 1"} {
		if !names[name] {
			t.Errorf("of %d authorities none is %s", len(names), name)
		}
	}
}

// box is the unpacked image, as an engine would run it.
type box struct {
	t    *testing.T
	root string
}

// run runs grab to its end.
func (b box) run(args ...string) (string, error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 5*time.Minute)
	defer cancel()
	out, err := b.command(ctx, args...).CombinedOutput()
	return string(out), err
}

// command is grab with the image's user, no privileges to gain, and a root that is read only. A signal
// reaches it, for it takes the place of what starts it.
func (b box) command(ctx context.Context, args ...string) *exec.Cmd {
	script := `set -e
		mount --make-rprivate / && mount --bind "$1" "$1"
		mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev"
		mount --bind "$2" "$1/var/lib/grab" && mount --bind "$3" "$1/etc/grab" && mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
		mount -o remount,bind,ro "$1"
		root=$1; shift 3
		cd "$root" && exec setpriv --no-new-privs chroot --userspec=65532:65532 --groups= "$root" /usr/bin/grab "$@"`
	cmd := exec.CommandContext(ctx, "unshare", append([]string{"--mount", "sh", "-c", script, "sh",
		b.root, filepath.Join(b.root, "../store"), filepath.Join(b.root, "../config")}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/var/lib/grab", "GRAB_CONFIG=/etc/grab/grab.yaml"}
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// runs: what is in the image works with nothing else beside it.
func runs(t *testing.T, image, version string) {
	top := t.TempDir()
	b := box{t, filepath.Join(top, "root")}
	if err := os.Rename(image, b.root); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"root/proc", "root/dev", "store", "config"} { // what an engine mounts upon
		if err := os.Mkdir(filepath.Join(top, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(b.root, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Join(top, "store"), user, user); err != nil {
		t.Fatalf("%v: root can run this test, nobody else", err)
	}

	if out, err := b.run("version"); err != nil || !strings.Contains(out, version) {
		t.Fatalf("grab version: %v\n%s", err, out)
	}
	if out, err := b.run("demo", "--out", "/var/lib/grab/demo"); err != nil || !strings.Contains(out, "Coverage") {
		t.Errorf("grab demo: %v\n%s", err, out)
	}
	if out, err := b.run("demo", "--out", "/usr/demo"); err == nil {
		t.Errorf("grab demo could write into a root that is read only:\n%s", out)
	}
	zone(t, b)
	trust(t, b)
}

// zone: a site's time zone is known, though the image has no files of zones.
func zone(t *testing.T, b box) {
	t.Helper()
	b.configure(t, "127.0.0.1:9", "America/New_York")
	if out, err := b.run("check", "--offline"); err != nil {
		t.Errorf("a configuration with a time zone: %v\n%s", err, out)
	}
	b.configure(t, "127.0.0.1:9", "America/Nowhere")
	if out, err := b.run("check", "--offline"); err == nil {
		t.Errorf("a time zone that does not exist is taken:\n%s", out)
	}
}

// trust: a mailbox whose authority is in the image's file is believed, and no other.
func trust(t *testing.T, b box) {
	t.Helper()
	mail, err := rtmt.NewMailbox(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer mail.Close()
	b.configure(t, mail.Addr(), "America/New_York")
	b.secret(t, "imap.secret", mail.Password)

	if f := b.mailbox(t); f.Status != "FAIL" || !strings.Contains(f.Detail, "unknown authority") {
		t.Errorf("a mailbox whose authority nobody knows: %+v", f)
	}
	file := filepath.Join(b.root, "etc/ssl/certs/ca-certificates.crt")
	known, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(known, mail.CAPEM()...), 0o644); err != nil {
		t.Fatal(err)
	}
	if f := b.mailbox(t); f.Status != "ok" {
		t.Errorf("a mailbox whose authority the image's file has: %+v", f)
	}
	watches(t, b)
}

// watches: the image's default command watches, and the health check of the compose file hears from
// it. No host answers, so that is no good news.
func watches(t *testing.T, b box) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var said bytes.Buffer
	watch := b.command(ctx, "watch")
	watch.Stdout, watch.Stderr = &said, &said
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}

	var out string
	var err error
	for ctx.Err() == nil {
		if out, err = b.run("status", "--check"); strings.Contains(out, "| problems=") {
			break // what a watch says has performance data
		}
		time.Sleep(200 * time.Millisecond)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(out, "| problems=") {
		t.Errorf("grab status --check, while no host answers: %v\n%s", err, out)
	}

	if err := watch.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := watch.Wait(); err != nil {
		t.Errorf("grab watch, told to stop: %v\n%s", err, &said)
	}
}

func (b box) configure(t *testing.T, mail, zone string) {
	t.Helper()
	b.secret(t, "imap.secret", "p4ss-0f-n0-b0x")
	b.secret(t, "host.secret", "p4ss-0f-n0-h0st")
	b.secret(t, "known_hosts", "")
	text := fmt.Sprintf(`store: /var/lib/grab
mail: {server: %q, user: grab@example.com, password: {file: /etc/grab/imap.secret}}
ssh: {user: root, password: {file: /etc/grab/host.secret}, known_hosts: /etc/grab/known_hosts}
sites:
- name: hq
  clusters: [StandAloneCluster]
  time_zone: %s
  hosts: [{name: expc01, role: C, address: "127.0.0.1:9"}]
`, mail, zone)
	b.secret(t, "grab.yaml", text)
}

// secret writes a file that the image's user alone reads.
func (b box) secret(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(b.root, "../config", name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, user, user); err != nil {
		t.Fatal(err)
	}
}

type finding struct{ What, Status, Detail string }

// mailbox is what grab check says of the mailbox. No host answers, so it exits with an error.
func (b box) mailbox(t *testing.T) finding {
	t.Helper()
	out, _ := b.run("check", "--json", "--timeout", "20s")
	var report struct{ Checks []finding }
	if err := json.NewDecoder(strings.NewReader(out[max(0, strings.Index(out, "{")):])).Decode(&report); err != nil {
		t.Fatalf("grab check: %v\n%s", err, out)
	}
	for _, f := range report.Checks {
		if strings.HasPrefix(f.What, "mailbox") {
			return f
		}
	}
	t.Fatalf("grab check says nothing of the mailbox:\n%s", out)
	return finding{}
}
