package testserver

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A daemon is a server in a folder and a group of processes of its own, with a port for
// TLS from the start and one for STARTTLS. Its certificate names 127.0.0.1 and localhost.
type daemon struct {
	CA  []byte // PEM of the authority, which is the certificate itself
	Dir string

	tb     testing.TB
	binary string // absolute
	args   []string
	log    string // path
	work   string // where it is started; "": here

	addrs  [2]string // for STARTTLS, for TLS from the start
	cmd    *exec.Cmd
	exited chan struct{} // nil: it does not run
}

// newDaemon makes the folder, which anybody may look into, and the certificate; all
// ends with the test. log is the name of the server's log in the folder.
func newDaemon(tb testing.TB, binary, log string) *daemon {
	tb.Helper()
	d := &daemon{tb: tb, binary: Need(tb, binary)}
	dir, err := os.MkdirTemp("", filepath.Base(binary)[:2]) // short, for the names of sockets have at most 107 bytes
	must(tb, err)
	d.Dir, d.log = dir, filepath.Join(dir, log)
	tb.Cleanup(func() { os.RemoveAll(dir) })
	ShowLog(tb, d.log)
	tb.Cleanup(d.Stop)
	must(tb, os.Chmod(dir, 0o755))
	d.CA = certify(tb, dir)
	return d
}

// run starts the server for the first time, on two ports that configure is told.
func (d *daemon) run(configure func(start, tlsPort int)) {
	d.tb.Helper()
	for try := 0; ; try++ { // another process may take a port that was free
		start, tlsPort := FreePort(d.tb), FreePort(d.tb)
		configure(start, tlsPort)
		d.addrs = [2]string{fmt.Sprintf("127.0.0.1:%d", start), fmt.Sprintf("127.0.0.1:%d", tlsPort)}
		err := d.start()
		if err == nil {
			return
		}
		d.Stop()
		if try == 2 {
			d.tb.Fatalf("start %s: %v\n%s", d.binary, err, Tail(d.log))
		}
	}
}

// start returns when both ports answer.
func (d *daemon) start() error {
	cmd, exited := exec.Command(d.binary, d.args...), make(chan struct{})
	ownGroup(cmd)
	cmd.Dir = d.work
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return err
	}
	d.cmd, d.exited = cmd, exited
	go func() { // ends when Stop has ended the process
		cmd.Wait()
		close(exited)
	}()

	alive := func() error {
		select {
		case <-exited:
			return fmt.Errorf("it ended: %s", strings.TrimSpace(out.String()))
		default:
			return nil
		}
	}
	for _, addr := range d.addrs {
		if err := WaitPort(addr, alive); err != nil {
			return err
		}
	}
	return nil
}

// Log is the path of the server's log.
func (d *daemon) Log() string { return d.log }

// Pid is the server's process, while it runs.
func (d *daemon) Pid() int { return d.cmd.Process.Pid }

// Stop ends the server and all its connections; Start brings it back. Left to itself a
// server may take seconds to end: it has a moment for its farewells.
func (d *daemon) Stop() {
	if d.exited == nil {
		return
	}
	d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.exited:
	case <-time.After(300 * time.Millisecond):
	}
	killGroup(d.cmd) // whoever is left
	<-d.exited
	d.exited = nil
}

// Kill ends the server at once, as kill -9 does; Start brings it back.
func (d *daemon) Kill() {
	if d.exited == nil {
		return
	}
	killGroup(d.cmd)
	<-d.exited
	d.exited = nil
}

// Start starts a server that was stopped, on the same ports.
func (d *daemon) Start() {
	d.tb.Helper()
	if err := d.start(); err != nil {
		d.tb.Fatalf("start %s again: %v", d.binary, err)
	}
}

// Restart is Stop and Start.
func (d *daemon) Restart() {
	d.tb.Helper()
	d.Stop()
	d.Start()
}

// ClientTLS trusts this server and nothing else.
func (d *daemon) ClientTLS() *tls.Config {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(d.CA)
	return &tls.Config{RootCAs: pool}
}
