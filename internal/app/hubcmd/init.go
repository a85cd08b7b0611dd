package hubcmd

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/fleet/hubinit"
)

// A wish is what flags wish to be there.
type wish struct {
	servers                   []string
	tenant                    string
	collectors, renew         []string
	port, websocket, clusters int
	set                       *pflag.FlagSet
}

func (w *wish) flags(f *pflag.FlagSet) {
	w.set = f
	f.StringArrayVar(&w.servers, "server", nil, "`host` or address under which collectors reach a server; one, or three times")
	f.StringVar(&w.tenant, "tenant", "", "`name` of whom the collectors are; each tenant has an account of its own")
	f.StringArrayVar(&w.collectors, "collector", nil, "`name` of a collector of the tenant that gets credentials; may be repeated")
	f.StringArrayVar(&w.renew, "renew", nil, "`name` of a collector whose credentials are made anew; the old ones are good for nothing then")
	f.IntVar(&w.port, "port", hubinit.Port, "`port` of new servers")
	f.IntVar(&w.websocket, "websocket-port", hubinit.Websocket, "`port` of new servers for websockets, 0 for none")
	f.IntVar(&w.clusters, "cluster-port", hubinit.Cluster, "`port` of new servers for each other")
}

func (w *wish) wish() hubinit.Wish {
	out := hubinit.Wish{Tenant: w.tenant, Collectors: w.collectors, Renew: w.renew}
	out.KeepPorts = !w.set.Changed("port") && !w.set.Changed("websocket-port") && !w.set.Changed("cluster-port")
	for _, host := range w.servers {
		out.Servers = append(out.Servers, hubinit.Server{Host: host, Port: w.port, Websocket: w.websocket, Cluster: w.clusters})
	}
	return out
}

// soon is how long servers are waited for that may not run yet.
const soon = 5 * time.Second

func initCmd(s Shell) *cobra.Command {
	var w wish
	var wait time.Duration
	cmd := &cobra.Command{Use: "init DIR", Short: "Make a hub's keys, accounts, credentials and configurations", Args: cobra.ExactArgs(1),
		Long: "Makes in DIR what a hub needs: keys, an account for each tenant, a credentials file for each collector and one for\n" +
			"who looks at all of a tenant, certificates, and for each server a folder with its configuration. If the servers run,\n" +
			"accounts, streams and buckets are made there. It may be repeated: what is there stays, what is new is added; without\n" +
			"flags it makes on the servers what is missing there. DIR holds the keys of everything: keep it off the servers.",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := s.Context(cmd.Context())
			defer cancel()
			return s.makeHub(ctx, args[0], w, wait)
		}}
	w.flags(cmd.Flags())
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait so long for the servers, and fail if they do not answer (default: a moment, and say so)")
	return cmd
}

// A made is what --json says.
type made struct {
	Dir      string         `json:"dir"`
	Files    []string       `json:"files"` // new ones
	Hub      hubinit.State  `json:"hub"`
	Applied  bool           `json:"applied"` // it is on the servers
	Why      string         `json:"why,omitempty"`
	Settings []hubinit.Snip `json:"settings,omitempty"` // for collectors with new credentials
}

func (s Shell) makeHub(ctx context.Context, dir string, w wish, wait time.Duration) error {
	done, err := hubinit.Make(dir, w.wish())
	if err != nil {
		return advice.WithHint(err, "`grab hub init --help` shows examples")
	}
	result := made{Dir: dir, Files: done.Created, Hub: done.State, Settings: hubinit.Settings(dir, done)}
	within := wait
	if within == 0 {
		within = soon
	}
	once, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err = hubinit.Apply(once, dir, func(line string) { fmt.Fprintln(s.Err, "grab:", line) })
	result.Applied = err == nil
	if err != nil && (wait > 0 || ctx.Err() != nil || !errors.Is(err, hub.ErrDown)) {
		return advice.WithHint(err, "the files are made; once the servers run, `grab hub init "+dir+"` makes the rest")
	}
	if err != nil {
		result.Why = err.Error()
	}
	if s.JSON() {
		return s.Print(result)
	}
	s.tell(result)
	return nil
}

// tell says what was made and what comes next.
func (s Shell) tell(m made) {
	for _, f := range m.Files {
		fmt.Fprintln(s.Out, "made", f)
	}
	for _, snip := range m.Settings {
		who := "Collector " + snip.Collector + " of " + snip.Tenant
		if snip.Collector == hubinit.Viewer {
			who = "Who looks at all of " + snip.Tenant
		}
		fmt.Fprintf(s.Out, "\n%s: take there, with mode 0600,\n  %s\n  %s\nand write into grab.yaml:\n%s", who, snip.Creds, snip.CA, snip.YAML)
	}
	if m.Applied {
		fmt.Fprintln(s.Out, "The servers have all accounts, streams and buckets.")
		return
	}
	fmt.Fprintf(s.Out, "\nNo server answers yet (%s).\n", m.Why)
	for _, server := range m.Hub.Servers {
		fmt.Fprintf(s.Out, "Take %s to %s and run there: grab hub serve %s\n", filepath.Join(m.Dir, hubinit.ServerDir(server.Name)), server.Host, server.Name)
	}
	fmt.Fprintf(s.Out, "Then once more: grab hub init %s\n", quoted(m.Dir))
}

func quoted(arg string) string {
	if strings.ContainsAny(arg, " \t'\"\\$") {
		return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
	}
	return arg
}
