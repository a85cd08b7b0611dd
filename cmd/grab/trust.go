package main

import (
	"context"
	"errors"
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
			"Compare them on the peer's console first: `ssh-keygen -l -f /etc/ssh/ssh_host_ecdsa_key.pub`. For scripts, --fingerprint\n" +
			"pins a key that has that fingerprint and no other. Nobody is logged in. Exit code 0 only if every host is pinned at the end.",
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

// trustOne compares a host's keys with what is pinned, and pins what is confirmed.
func trustOne(h *config.Host, s scan, prints []string, ask *asker) trustHost {
	t := trustHost{Host: h.Name, Address: h.Address, State: trustNot, Keys: []trustKey{}, Pinned: []string{}, Before: []string{}}
	for _, k := range s.keys {
		t.Keys = append(t.Keys, trustKey{k.Type(), ssh.FingerprintSHA256(k)})
	}
	switch {
	case s.err != nil:
		return t.not(s.err.Error(), hintFor(s.err))
	case h.HostKey != "":
		return t.compare(h)
	}
	t.KnownHosts = h.SSH.KnownHosts
	pinned, err := pinnedKeys(t.KnownHosts, h.Address)
	if err != nil {
		return t.not(err.Error(), "mend the line, or move the file away and pin anew")
	}
	t.Before, t.Pinned = fingerprints(pinned), fingerprints(pinned)
	if stands(pinned, s.keys) {
		t.State = trustPinned
		return t
	}
	add, why, hint := confirm(h, pinned, s.keys, prints, ask)
	if len(add) == 0 {
		return t.not(why, hint)
	}
	if err := pinKeys(t.KnownHosts, h.Address, add, s.keys); err != nil {
		return t.not(err.Error(), hintFor(err))
	}
	if pinned, err = pinnedKeys(t.KnownHosts, h.Address); err != nil {
		return t.not(err.Error(), "")
	}
	t.Pinned, t.State = fingerprints(pinned), trustAdded
	if len(t.Before) > 0 {
		t.State = trustReplaced
	}
	return t
}

func (t trustHost) not(why, hint string) trustHost {
	t.State, t.Error, t.Hint = trustNot, why, hint
	return t
}

// compare is for a host whose key stands in the configuration, which nobody but
// a person changes.
func (t trustHost) compare(h *config.Host) trustHost {
	t.Before, t.Pinned = []string{h.HostKey}, []string{h.HostKey}
	var lines []string
	for _, k := range t.Keys {
		if k.Fingerprint == h.HostKey {
			t.State = trustPinned
			return t
		}
		lines = append(lines, fmt.Sprintf("host_key: %q", k.Fingerprint))
	}
	return t.not("the configuration's host_key is "+h.HostKey+", and the host does not show it",
		"compare on the peer's console; if the new key is right, write in the configuration "+strings.Join(lines, " or "))
}

// stands reports whether a login would find a pinned key: one that is shown is
// pinned, and no type is pinned with another key.
func stands(pinned, shown []ssh.PublicKey) bool {
	good := false
	for _, p := range pinned {
		if hasKey(shown, p) {
			good = true
		} else if slices.ContainsFunc(shown, func(k ssh.PublicKey) bool { return k.Type() == p.Type() }) {
			return false
		}
	}
	return good
}

// confirm finds the keys to pin: those whose fingerprint is given, else the
// preferred one, or the one whose fingerprint is typed.
func confirm(h *config.Host, pinned, shown []ssh.PublicKey, prints []string, ask *asker) (add []ssh.PublicKey, why, hint string) {
	changed := ""
	if len(pinned) > 0 {
		changed = "the key has changed: pinned is " + strings.Join(fingerprints(pinned), " ") + ", it shows " + strings.Join(fingerprints(shown), " ")
	}
	fresh := slices.DeleteFunc(slices.Clone(shown), func(k ssh.PublicKey) bool { return hasKey(pinned, k) })
	if len(fresh) == 0 { // only stale lines are in the way
		fresh = shown
	}
	const out = "compare the fingerprint on the peer's console, then "
	switch {
	case len(prints) > 0:
		add = ofPrints(fresh, prints)
		return add, orText(changed+"; ", changed) + "none of its keys has a fingerprint that was given", out + "give it with --fingerprint"
	case ask == nil:
		return nil, orText(changed+"; ", changed) + "there is no terminal to ask at", out + "`grab trust --fingerprint " + ssh.FingerprintSHA256(fresh[0]) + " " + h.Name + "`"
	case changed != "":
		fmt.Fprintf(ask.out, "%s: %s\nThis happens after a factory reset or new keys, or when somebody is in between.\n", h.Name, changed)
	}
	line, ok := ask.ask("Pin %s (%s) for %s? Compare it on the peer's console. [yes/no/fingerprint]", ssh.FingerprintSHA256(fresh[0]), fresh[0].Type(), h.Name)
	switch answer := strings.ToLower(line); {
	case !ok:
		return nil, "no answer was given", ""
	case answer == "yes" || answer == "y":
		return fresh[:1], "", ""
	case strings.HasPrefix(line, "SHA256:"):
		print, err := sshdial.ParseFingerprint(line)
		if err == nil {
			add = ofPrints(fresh, []string{print})
			err = errors.New("none of its keys has the fingerprint that was typed")
		}
		return add, err.Error(), "do not pin it: find out which machine answers at " + h.Address
	}
	return nil, "the answer was no", ""
}

func ofPrints(keys []ssh.PublicKey, prints []string) []ssh.PublicKey {
	return slices.DeleteFunc(slices.Clone(keys), func(k ssh.PublicKey) bool { return !slices.Contains(prints, ssh.FingerprintSHA256(k)) })
}

// orText is text unless the condition is empty.
func orText(text, condition string) string {
	if condition == "" {
		return ""
	}
	return text
}
