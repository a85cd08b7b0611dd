package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/collector/control"
	"rtmtgrab/internal/collector/health"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/internal/wiring"
)

func statusCmd(a *app) *cobra.Command {
	return &cobra.Command{Use: "status", Short: "Say whether an alert would work now, and how grab watch is doing", Args: cobra.NoArgs,
		Long: "Asks the running `grab watch`: for which sites an alert would work and why not for others,\n" +
			"mailboxes, hosts, open incidents, disk. Exit 0 if an alert would work now for every site that its schedule (quiet:)\n" +
			"has not paused, 1 if not, or if no watch answers; then it shows what the store has.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := a.context(cmd.Context())
			defer cancel()
			return runStatus(ctx, a)
		}}
}

// statusWait bounds the wait for a report.
const statusWait = 20 * time.Second

func runStatus(ctx context.Context, a *app) error {
	ctx, cancel := context.WithTimeout(ctx, statusWait)
	defer cancel()
	w, err := findWatcher(ctx, a.config)
	var r status.Report
	if err == nil && w != nil {
		err = w.Do(ctx, http.MethodGet, "/status", nil, &r)
	}
	if err != nil || w == nil {
		return noWatcher(a, err)
	}
	if !r.Works {
		a.exit = advice.Failed
	}
	if a.json {
		return a.print(r)
	}
	return r.Write(a.out)
}

// noWatcher says what can be said without one, and returns why there is none.
func noWatcher(a *app, err error) error {
	out := a.out
	if a.json {
		out = a.err // standard output holds one document
	}
	cfg, cfgErr := a.load(config.Options{Reading: true})
	if cfgErr == nil {
		storeTells(out, cfg, time.Now())
	}
	switch {
	case errors.Is(err, control.ErrDenied):
		return advice.WithHint(err, askerHint(runtime.GOOS))
	case err != nil:
		return err
	case cfgErr != nil:
		return cfgErr
	case cfg.Socket.Path == config.SocketNone:
		return advice.WithHint(errors.New("no control socket: socket.path is none"), "set socket.path, or use /healthz (http.listen)")
	}
	return advice.WithHint(errors.New("no grab watch answers: an alert would not be seen"), startHint(runtime.GOOS))
}

// askerHint is who may ask a running watcher on that system.
func askerHint(goos string) string {
	who := "as root or as the service's user"
	if goos == "windows" {
		who = "in a prompt that was opened with \"Run as administrator\""
	}
	return "ask " + who + ", or as a member of socket.group"
}

// startHint is how the watcher is started on that system, and where it says what is wrong.
func startHint(goos string) string {
	if goos == "windows" {
		return "start it (`grab service start`, or `grab watch`) and read its log (Event Viewer, Application, source grab)"
	}
	return "start it (systemctl start grab, or `grab watch`) and read its log (journalctl -u grab)"
}

// storeTells writes what a store says of a watcher that does not answer.
func storeTells(out io.Writer, cfg *config.Config, now time.Time) {
	line := "no grab watch has used this store yet"
	if info, err := os.Stat(health.SignFile(cfg.Store)); err == nil {
		line = "grab watch last wrote to the store: " + human.Local().At(info.ModTime().Truncate(time.Second)) + ", " + human.Ago(now.Sub(info.ModTime()))
	} else if errors.Is(err, os.ErrPermission) {
		line = "the store " + cfg.Store + " cannot be read by this user"
	}
	fmt.Fprintln(out, line)
	store := &incident.Store{Dir: cfg.Store}
	open, err := store.Open()
	if err != nil {
		fmt.Fprintln(out, "open incidents cannot be read:", err)
	}
	if len(open) > 0 {
		fmt.Fprintln(out, "open incidents, which go on when grab watch runs:")
	}
	status.WriteIncidents(out, collector.OpenIncidents(open))
	for host, err := range refusedLogins(cfg) {
		fmt.Fprintf(out, "%s: %v\n", host, err)
	}
}

// refusedLogins are the hosts to which no login would be tried, and why.
func refusedLogins(cfg *config.Config) func(yield func(string, error) bool) {
	return func(yield func(string, error) bool) {
		ledger, seen := wiring.Ledger(cfg), map[string]bool{}
		for i := range cfg.Sites {
			for j := range cfg.Sites[i].Hosts {
				h := &cfg.Sites[i].Hosts[j]
				if seen[h.Name] {
					continue
				}
				seen[h.Name] = true
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				err := sshdial.Blocked(ctx, wiring.Dialing(h, ledger))
				cancel()
				if err != nil && !yield(h.Name, err) {
					return
				}
			}
		}
	}
}
