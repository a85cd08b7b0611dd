package hubcmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config/scalar"
	"rtmtgrab/internal/fleet/hubinit"
	"rtmtgrab/internal/fleet/hubserver"
	"rtmtgrab/internal/loglines"
	"rtmtgrab/internal/redact"
)

func serveCmd(s Shell) *cobra.Command {
	var name, disk string
	cmd := &cobra.Command{Use: "serve DIR", Short: "Run a server of a hub in this process", Args: cobra.ExactArgs(1),
		Long: "Runs the NATS server that is built in, from a server's folder (servers/NAME of `grab hub init`), or from the folder of\n" +
			"`grab hub init` itself. It runs until SIGTERM or Ctrl-C, syncs what it acknowledges, and listens without TLS on\n" +
			"loopback addresses only. A stock nats-server 2.11 or later runs the same folder: nats-server -c nats.conf in it.",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := s.Context(cmd.Context())
			defer cancel()
			o, err := s.options(disk)
			if err != nil {
				return err
			}
			if o.Dir, err = serverDir(args[0], name); err != nil {
				return err
			}
			return s.serve(ctx, o)
		}}
	cmd.Flags().StringVar(&name, "name", "", "`name` of the server, where DIR has several")
	cmd.Flags().StringVar(&disk, "disk", "", "most `bytes` of all streams together, such as 20G (default: three quarters of what is free)")
	return cmd
}

func (s Shell) options(disk string) (o hubserver.Options, err error) {
	if disk != "" {
		if o.Disk, err = scalar.Size(disk); err != nil {
			return o, advice.Usage(fmt.Errorf("--disk: %w", err))
		}
	}
	return o, nil
}

func (s Shell) serve(ctx context.Context, o hubserver.Options) error {
	lines := loglines.New(s.Err)
	defer lines.Close()
	o.Log = slog.New(redact.Handler(slog.NewTextHandler(lines, nil)))
	tell := o.Ready
	o.Ready = func() {
		daemon.SdNotify(false, daemon.SdNotifyReady)
		if tell != nil {
			tell()
		}
	}
	err := hubserver.Run(ctx, o)
	if errors.Is(err, context.Canceled) {
		return nil // it was ended while it began
	}
	return err
}

// serverDir is the folder of one server: dir itself, or below it.
func serverDir(dir, name string) (string, error) {
	if _, err := os.Stat(filepath.Join(dir, "nats.conf")); err == nil {
		return dir, nil
	}
	state, err := hubinit.ReadState(dir)
	if err != nil {
		return "", err
	}
	var names []string
	for _, server := range state.Servers {
		if server.Name == name || name == "" && len(state.Servers) == 1 {
			return filepath.Join(dir, hubinit.ServerDir(server.Name)), nil
		}
		names = append(names, server.Name)
	}
	return "", advice.Usage(fmt.Errorf("which of the servers? name one with --name: %s", strings.Join(names, ", ")))
}

// Where nothing is said, an embedded hub is for this machine, and for one tenant.
const (
	embeddedHost   = "127.0.0.1"
	embeddedTenant = "main"
	embeddedPort   = 8443 // 443 is not everybody's to listen on
)

// embedded makes a hub, serves it and brings it to its own server.
func (s Shell) embedded(parent context.Context, dir string, w wish) error {
	ctx, cancel := s.Context(parent)
	defer cancel()
	if _, err := hubinit.ReadState(dir); err != nil && len(w.servers) == 0 {
		w.servers, w.websocket = []string{embeddedHost}, embeddedPort
	}
	if w.tenant == "" && len(w.collectors)+len(w.renew) > 0 {
		w.tenant = embeddedTenant
	}
	done, err := hubinit.Make(dir, w.wish())
	if err != nil {
		return advice.WithHint(err, "`grab hub init --help` shows examples")
	}
	o, err := s.options("")
	if err != nil {
		return err
	}
	if o.Dir, err = serverDir(dir, ""); err != nil {
		return err
	}

	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ready := make(chan struct{})
	o.Ready = func() { close(ready) }
	over := make(chan error, 1)
	go func() { over <- s.serve(ctx, o) }() // waited for below
	select {
	case <-ready:
	case err := <-over:
		return err
	}
	if err := hubinit.Apply(ctx, dir, func(line string) { fmt.Fprintln(s.Err, "grab:", line) }); err != nil {
		stop(err)
		<-over
		return err
	}
	result := made{Dir: dir, Files: done.Created, Hub: done.State, Applied: true, Settings: hubinit.Settings(dir, done)}
	if s.JSON() {
		err = s.Print(result)
	} else {
		s.tell(result)
		fmt.Fprintln(s.Out, "The hub runs; Ctrl-C ends it.")
	}
	return errors.Join(err, <-over)
}
