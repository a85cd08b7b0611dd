// Package hubserver runs a hub's server, NATS with JetStream, inside this process, from a
// server's folder as package hubinit makes it.
//
// It guarantees that what the server acknowledges is synced to disk before, whatever the folder
// says, and that it listens without TLS on loopback addresses only. A certificate that changes
// in the folder is taken over while it runs. It does not know what collectors send.
//
// It is the one room that imports the NATS server.
package hubserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/loopback"
)

// Options are how a server is run.
type Options struct {
	Dir    string // the server's folder, with nats.conf
	Disk   int64  // most bytes of all streams together; 0: three quarters of what is free
	Memory int64  // most bytes of streams in memory; 0: DefaultMemory
	Log    *slog.Logger
	Ready  func() // called once it takes connections; nil: nobody is told
}

// DefaultMemory is what streams in memory may take: consumers that read once are, and no more.
const DefaultMemory = 256 << 20

// readyFor is how long it may take until it takes connections: a large store is read first.
const readyFor = 2 * time.Minute

// running is the configuration as this process runs it, in the server's folder: its paths do not
// depend on where the process was started.
const running = "running.conf"

// Run runs a server until ctx ends, and returns when all of it is on disk.
func Run(ctx context.Context, o Options) error {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return err
	}
	unlock, err := lock(ctx, dir)
	if err != nil {
		return err
	}
	defer unlock()

	conf, err := configured(dir, o)
	if err != nil {
		return err
	}
	s, err := server.NewServer(conf)
	if err != nil {
		return fmt.Errorf("hub server: %w", err)
	}
	said := &words{log: o.Log, fatal: make(chan error, 1)}
	s.SetLoggerV2(said, false, false, false)
	go s.Start() // ends with Shutdown, which is waited for
	defer func() {
		s.Shutdown()
		s.WaitForShutdown()
	}()
	if err := ready(ctx, s, said); err != nil {
		return err
	}
	if o.Ready != nil {
		o.Ready()
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-said.fatal:
		return err
	}
}

// lock keeps a second server out of the folder.
func lock(ctx context.Context, dir string) (unlock func(), err error) {
	if _, err := os.Stat(filepath.Join(dir, "nats.conf")); err != nil {
		return nil, fmt.Errorf("%s is no server's folder, it has no nats.conf: make one with grab hub init, and name servers/NAME in it", dir)
	}
	once, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	unlock, err = atomicfile.LockUntil(once, filepath.Join(dir, "serve.lock"))
	if err != nil {
		return nil, fmt.Errorf("another grab hub serve has %s: %w", dir, err)
	}
	return unlock, nil
}

// configured is the folder's configuration with what is not left to it.
func configured(dir string, o Options) (*server.Options, error) {
	b, err := os.ReadFile(filepath.Join(dir, "nats.conf"))
	if err != nil {
		return nil, err
	}
	text := string(b)
	for _, name := range []string{"cert.pem", "key.pem", "ca.pem", "data", "accounts"} {
		text = strings.ReplaceAll(text, ": "+strconv.Quote(name), ": "+strconv.Quote(filepath.Join(dir, name)))
	}
	file := filepath.Join(dir, running)
	if err := atomicfile.WriteBytes(file, []byte(text)); err != nil {
		return nil, err
	}
	conf, err := server.ProcessConfigFile(file)
	if err != nil {
		return nil, fmt.Errorf("hub server: %w", err)
	}
	conf.NoSigs, conf.SyncAlways = true, true
	conf.JetStreamMaxMemory = DefaultMemory
	if o.Memory > 0 {
		conf.JetStreamMaxMemory = o.Memory
	}
	if o.Disk > 0 {
		conf.JetStreamMaxStore = o.Disk
	}
	if err := encrypted(conf); err != nil {
		return nil, err
	}
	for _, c := range []*tls.Config{conf.TLSConfig, conf.Websocket.TLSConfig, conf.Cluster.TLSConfig} {
		if c != nil {
			newest(c, dir, o.Log)
		}
	}
	return conf, nil
}

// encrypted says where a configuration would listen for strangers without TLS.
func encrypted(c *server.Options) error {
	var errs []error
	plain := func(what, host string) {
		errs = append(errs, fmt.Errorf("%s on %s would be without TLS: write tls into nats.conf, or let it listen on a loopback address", what, host))
	}
	if c.TLSConfig == nil && !loopback.Host(c.Host) {
		plain("clients", c.Host)
	}
	if w := c.Websocket; w.Port != 0 && (w.NoTLS || w.TLSConfig == nil) && !loopback.Host(w.Host) {
		plain("websocket", w.Host)
	}
	if c.Cluster.Port != 0 && c.Cluster.TLSConfig == nil && !loopback.Host(c.Cluster.Host) {
		plain("cluster", c.Cluster.Host)
	}
	if c.HTTPPort != 0 && !loopback.Host(c.HTTPHost) {
		plain("monitoring", c.HTTPHost)
	}
	return errors.Join(errs...)
}

// ready returns when the server takes connections.
func ready(ctx context.Context, s *server.Server, said *words) error {
	over := time.After(readyFor)
	for {
		switch {
		case s.ReadyForConnections(100 * time.Millisecond):
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		}
		select {
		case err := <-said.fatal:
			return err
		case <-over:
			return fmt.Errorf("hub server: it takes no connections after %v", readyFor)
		default:
		}
	}
}
