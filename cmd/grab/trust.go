package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/sshdial"
)

func (a *app) trustCmd() *cobra.Command {
	var prints []string
	cmd := &cobra.Command{
		Use:   "trust [HOST...]",
		Short: "Show host keys and pin them on a yes",
		Long: "Shows the keys of all hosts, or of those named, and pins them in known_hosts after a yes on the terminal.\n" +
			"Compare them on the peers' consoles first. For scripts, --fingerprint pins a key that has that fingerprint and no other.\n" +
			"Nobody is logged in. Exit code 0 only if every host is pinned at the end.",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := a.context(cmd.Context())
			defer cancel()
			given, err := parsePrints(prints)
			if err != nil {
				return err
			}
			cfg, err := a.load(config.Options{MissingKnownHosts: true, MissingSecrets: true})
			if err != nil {
				return err
			}
			hosts, err := cfg.HostsOf(args...)
			if err != nil {
				return usage{err}
			}
			rep := a.trust(ctx, hosts, given, a.asker())
			if !rep.OK {
				a.exit = exitFailed
			}
			if a.json {
				return a.print(rep)
			}
			if !rep.OK {
				a.say("grab: error: not every host is pinned")
			}
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&prints, "fingerprint", nil, "pin a key with this `fingerprint` (SHA256:...) without asking; may be repeated")
	return cmd
}

func parsePrints(args []string) ([]string, error) {
	var out []string
	for _, p := range args {
		f, err := sshdial.ParseFingerprint(p)
		if err != nil {
			return nil, usage{fmt.Errorf("--fingerprint: %w", err)}
		}
		out = append(out, f)
	}
	return out, nil
}

// trustReport is the JSON of `grab trust`.
type trustReport struct {
	OK       bool        `json:"ok"` // every host is pinned
	Hosts    []trustHost `json:"hosts"`
	Warnings []string    `json:"warnings"`
}

// What became of a host's key.
const (
	trustPinned   = "pinned"     // before already
	trustAdded    = "added"      // now
	trustReplaced = "replaced"   // now, in place of another
	trustNot      = "not_pinned" // Error says why
)

type trustHost struct {
	Host       string     `json:"host"`
	Address    string     `json:"address"`
	State      string     `json:"state"`       // one of trust…
	Keys       []trustKey `json:"keys"`        // that the host shows
	Pinned     []string   `json:"pinned"`      // fingerprints that are pinned at the end
	Before     []string   `json:"before"`      // and were at the beginning
	KnownHosts string     `json:"known_hosts"` // the file; empty where the configuration's host_key decides
	Error      string     `json:"error"`
	Hint       string     `json:"hint"`
}

type trustKey struct {
	Type        string `json:"type"`
	Fingerprint string `json:"fingerprint"`
}

// scan is what one address showed.
type scan struct {
	keys []ssh.PublicKey
	err  error
}

// trust shows the hosts' keys and pins what is confirmed: by fingerprints, or by
// the person at the terminal if there are none. ask may be nil.
func (a *app) trust(ctx context.Context, hosts []*config.Host, prints []string, ask *asker) trustReport {
	w := a.out
	if a.json && ask != nil {
		w = a.err
	} else if a.json {
		w = io.Discard
	}
	scans := scanHosts(ctx, hosts)
	rep := trustReport{OK: true, Warnings: sharedKeys(hosts, scans)}
	for _, h := range hosts {
		showKeys(w, h, scans[h.Address])
	}
	for _, s := range rep.Warnings {
		fmt.Fprintln(w, "warning:", s)
	}
	for _, h := range hosts {
		t := trustOne(h, scans[h.Address], prints, ask)
		rep.OK = rep.OK && t.State != trustNot
		rep.Hosts = append(rep.Hosts, t)
		t.show(w)
	}
	return rep
}

// scanHosts asks each address once for its keys, all at the same time.
func scanHosts(ctx context.Context, hosts []*config.Host) map[string]scan {
	scans := map[string]scan{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var begun []string
	for _, h := range hosts {
		if slices.Contains(begun, h.Address) {
			continue
		}
		begun = append(begun, h.Address)
		wg.Go(func() {
			keys, err := sshdial.ScanHostKeys(ctx, h.Address)
			mu.Lock()
			defer mu.Unlock()
			scans[h.Address] = scan{keys, err}
		})
	}
	wg.Wait()
	return scans
}

// sharedKeys warns of keys that several addresses show: the vendor's factory key.
func sharedKeys(hosts []*config.Host, scans map[string]scan) []string {
	by := map[string][]*config.Host{}
	for _, h := range hosts {
		for _, f := range fingerprints(scans[h.Address].keys) {
			by[f] = append(by[f], h)
		}
	}
	return sharedWarnings(by)
}

// sharedWarnings words it; by is fingerprint to hosts.
func sharedWarnings(by map[string][]*config.Host) []string {
	out := []string{}
	for f, hs := range by {
		var names []string
		addresses := map[string]bool{}
		for _, h := range hs {
			addresses[h.Address] = true
			names = append(names, h.Name)
		}
		if len(addresses) > 1 {
			out = append(out, fmt.Sprintf("%s show the same key %s: probably the vendor's factory key, which proves nothing; make new keys on the peers",
				strings.Join(names, " and "), f))
		}
	}
	slices.Sort(out)
	return out
}

func showKeys(w io.Writer, h *config.Host, s scan) {
	fmt.Fprintf(w, "%s (%s)\n", h.Name, h.Address)
	for _, k := range s.keys {
		fmt.Fprintf(w, "  shows   %-20s %s\n", k.Type(), ssh.FingerprintSHA256(k))
	}
}

// show says what became of a host.
func (t trustHost) show(w io.Writer) {
	switch t.State {
	case trustPinned:
		fmt.Fprintf(w, "%s: already pinned: %s\n", t.Host, strings.Join(t.Pinned, " "))
	case trustAdded, trustReplaced:
		fmt.Fprintf(w, "%s: %s in %s: %s\n", t.Host, t.State, t.KnownHosts, strings.Join(t.Pinned, " "))
	default:
		fmt.Fprintf(w, "%s: not pinned: %s\n", t.Host, t.Error)
		if t.Hint != "" {
			fmt.Fprintln(w, "  hint:", t.Hint)
		}
	}
}
